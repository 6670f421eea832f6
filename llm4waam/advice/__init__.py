"""Explanations, advice and the sentences that say both."""
