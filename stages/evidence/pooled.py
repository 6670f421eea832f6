"""Out-of-fold prediction rows of a sweep, assessed as those of the study are."""

import numpy as np
import pandas as pd

from stages.evidence.assessment import Assessment, assess
from stages.evidence.scores import VALUES, Scores
from stages.learning.tasks import Task


def assess_rows(task: Task, model: str, rows: pd.DataFrame, cells: pd.Series) -> Assessment:
    """The assessment of out-of-fold `rows`; there is no hold-out.

    `cells` maps a bead to its cell. Raises ValueError for a bead that stands twice or is missing.
    """
    oof = pooled(task, rows, cells)
    nobody = np.empty((0, *oof.target.shape))
    hold_out = Scores(oof.beads, oof.cells, oof.target, nobody, nobody, nobody)
    return assess(task, model, {"oof": oof, "hold_out": hold_out}, "pre_weld")


def pooled(task: Task, rows: pd.DataFrame, cells: pd.Series) -> Scores:
    """The rows as arrays, beads in the order of their names."""
    repeats, beads = (np.unique(rows[name]) for name in ("repeat", "bead"))
    order = pd.MultiIndex.from_product([repeats, beads, task.outputs])
    values = rows.dropna(subset="score").set_index(["repeat", "bead", "label"])
    if len(values) != len(rows) or sorted(values.index) != sorted(order):
        raise ValueError(f"task {task.name}: not every bead has one score an output and repeat")
    values = values.loc[order, ["target", *VALUES]]
    shape = (len(repeats), len(beads), len(task.outputs))
    target, *arrays = (values[name].to_numpy(float).reshape(shape) for name in values)
    return Scores(beads, cells.loc[beads].to_numpy(), target[0], *arrays)
