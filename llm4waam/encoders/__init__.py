"""Encoders with their tokens, number embedding and head."""
