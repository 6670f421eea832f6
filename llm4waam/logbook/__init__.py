"""From the free text of a shop floor to one bead."""
