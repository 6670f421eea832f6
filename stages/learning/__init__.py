"""How an encoder learns: tasks, folds, losses, recipe, loop, and the baselines beside it."""
