"""Thresholds at which the population shows each defect as often as the study's 140 beads do."""

from dataclasses import replace

import numpy as np
import pandas as pd

from llm4waam.simulator.defects import Thresholds, name_labels

WANTED = {  # beads in 140, of the study; each is a threshold and the label that it sets
    "humping": ("Humping", 44),
    "balling": ("Balling", 14),
    "fusion": ("Lack of fusion", 7),
    "discontinuity": ("Discontinuity", 3),
    "bead_cut": ("Bead cut", 5),
}
ROUNDS, HALVINGS, HIGHEST = 10, 15, 6.0


def calibrate(scores: pd.DataFrame) -> Thresholds:
    """Thresholds for `scores` (rows, 6) by bisection on each in turn, a few rounds."""
    limits = Thresholds()
    for _ in range(ROUNDS):
        for name, (label, wanted) in WANTED.items():
            low, high = -HIGHEST, HIGHEST
            for _ in range(HALVINGS):
                middle = (low + high) / 2
                names = name_labels(scores, replace(limits, **{name: middle}))
                share = np.mean([label in n for n in names])
                low, high = (middle, high) if share > wanted / 140 else (low, middle)
            limits = replace(limits, **{name: round((low + high) / 2, 3)})
    return limits
