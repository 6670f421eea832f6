"""What to do about a bead: explanations, advice, and sentences that say both."""
