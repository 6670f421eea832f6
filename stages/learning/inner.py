"""Folds inside the training beads of a fold: what is fitted or chosen there saw no other bead.

Only training beads go in, so that no bead and no cell of the fold that is reported can come out;
and as everywhere, the beads of one cell stay together.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from stages.beads.errors import StudyError
from stages.learning.folds import make_folds
from stages.learning.tasks import Task

HOLD_OUT = 5  # one in five training beads watches the epochs, as one in five tests the folds
QUARTERS = 4

Parts = tuple[list[str], list[str]]


def inner_strata(task: Task, targets: np.ndarray) -> np.ndarray:
    """What inner folds share out evenly, (beads, strata) of 0 and 1, from targets (beads, outputs).

    The labels of the task, both classes of a binary one, the quarters of a regression's first
    target.
    """
    if task.kind == "regression":
        ranks = pd.Series(targets[:, 0]).rank(pct=True).to_numpy()
        quarter = np.minimum(ranks * QUARTERS, QUARTERS - 1).astype(int)
        return np.eye(QUARTERS, dtype=int)[quarter]
    labels = np.asarray(targets).astype(int)
    # Iterative stratification wants at least two labels.
    return labels if labels.shape[1] > 1 else np.hstack([labels, 1 - labels])


def inner_folds(
    beads: Sequence[str], cells: Mapping[str, str], strata: np.ndarray, k: int, seed: int
) -> list[Parts]:
    """`k` pairs (beads to train on, beads to predict) of the training `beads` of an outer fold.

    `cells` says the cell of a bead, `strata` is (beads, strata). Every bead is predicted once, by
    a model that saw no bead of its cell; both lists keep the order of `beads`. Raises StudyError
    where k is 1 or there are fewer cells than k.
    """
    table = pd.DataFrame({"bead": beads, "cell": [cells[bead] for bead in beads]})
    count = table["cell"].nunique()
    if not 2 <= k <= count:
        expected = f"2 to {count}, the cells that the training beads have (or 0: no inner folds)"
        raise StudyError(
            "params.yaml",
            "no number of inner folds",
            column="train.inner_folds",
            value=k,
            expected=expected,
        )
    rows = make_folds(table, strata, folds=k, repeats=1, hold_out=0, seed=seed, file="params.yaml")
    place = dict(zip(rows["bead"], rows["fold"], strict=True))
    return [
        ([b for b in beads if place[b] != fold], [b for b in beads if place[b] == fold])
        for fold in range(k)
    ]


def inner_hold_out(
    beads: Sequence[str], cells: Mapping[str, str], strata: np.ndarray, seed: int
) -> Parts:
    """(beads to train on, beads that choose the epoch): four fifths and one fifth of `beads`.

    The first of five inner folds, of fewer where there are fewer cells; raises StudyError where
    all beads are of one cell.
    """
    k = min(HOLD_OUT, len({cells[bead] for bead in beads}))
    return inner_folds(beads, cells, strata, k, seed)[0]
