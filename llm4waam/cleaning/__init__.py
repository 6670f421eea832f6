"""From a raw table of strings to one clean row a bead."""
