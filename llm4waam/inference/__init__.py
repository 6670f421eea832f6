"""The final models asked about a user's beads."""
