"""From predictions to metrics, intervals and tests."""
