"""Tasks, and the folds that no bead and no cell crosses."""
