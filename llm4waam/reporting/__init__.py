"""Exploration, results, figures, report and model cards."""
