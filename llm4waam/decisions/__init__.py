"""Metrics, thresholds, temperature, rows of predictions, target scale, prior knowledge."""
