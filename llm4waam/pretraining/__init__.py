"""Pretraining of the compact encoders on sentences of other simulated laboratories."""
