"""Advice in sentences, and the guard of what a language model makes of them."""
