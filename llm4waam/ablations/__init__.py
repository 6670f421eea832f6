"""Variations of the study: what each choice is worth."""
