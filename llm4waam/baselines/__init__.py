"""What needs no language model: features, models and their folds."""
