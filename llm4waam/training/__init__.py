"""One fine-tuning: recipe, losses, data, loop, Trainer, fitting of folds, saving."""
