"""The third engine: folds of a task trained together as one model."""
