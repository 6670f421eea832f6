"""The sweeps as a reader meets them: headings, words, and the study's own place in each."""

HEADINGS = {
    "protocols": "What the leak is worth",
    "groups": "A group left out",
    "information": "Measured voltage and current",
    "rates": "Learning rates",
    "samples": "Fewer beads",
    "noise": "Wrong outcomes in training",
}
INTROS = {
    "protocols": "The same encoders, recipe and number of steps under the published protocol: each "
    "prompt of a bead is a row of its own, folds are drawn over rows, so that a bead is learned "
    "from in one row and asked for in another; then the epoch is chosen on the fold that is "
    "reported; then folds are averaged and a label that is absent from a fold is paid an F1 of "
    "1.0. All but the first row are *optimistic*: they measure memory, not prediction. Nearest "
    "neighbour, which only looks a bead up, says how much can be remembered.",
    "groups": "A stress test: all training beads of one group (see `trials.leave_out` in "
    "params.yaml) are left out and predicted by a model that never saw the group, against the "
    "grouped folds of the study on the same beads.",
    "information": "Before the weld, from set-points alone, and after it, with measured voltage "
    "and current in sentences and tables. Heat input and energy are then arithmetic.",
    "rates": "The study's recipe at other learning rates. The study's own rate was not chosen by "
    "these scores.",
    "samples": "Folds over all beads, the hold-out among them, with fewer training beads in each; "
    "the number of steps is kept about the same. A line that still rises asks for more beads.",
    "noise": "A share of the training beads of every fold is given a wrong outcome; the beads that "
    "are predicted keep theirs.",
}

# Sweep -> the variant that is the study itself, and its title.
REFERENCES = {
    "protocols": ("grouped", "grouped folds, as in this study"),
    "groups": ("grouped", "grouped folds, as in this study"),
    "information": ("pre_weld", "set-points alone, before the weld"),
    "noise": ("noise_0", "outcomes as they are"),
}
# Sweep -> label of its axis, and whether that is logarithmic; the others have steps, not a curve.
AXES = {
    "rates": ("learning rate (logarithmic)", True),
    "samples": ("training beads of a fold", False),
    "noise": ("share of training beads with a wrong outcome", False),
}
