"""From a bead to its prompts."""
