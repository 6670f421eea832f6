"""What to do about a bead: explanations, advice, narration."""
