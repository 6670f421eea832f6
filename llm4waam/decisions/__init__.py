"""From scores to decisions: thresholds, temperature, target scale, prior knowledge."""
