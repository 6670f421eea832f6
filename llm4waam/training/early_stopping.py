"""Early stopping: which epoch is kept, and how long a better one is waited for.

Each metric has its direction in one table. A partial score alone may not choose: predicting every
label wins it, so `guarded_partial_score` stands in its place.
"""

import math
from dataclasses import dataclass

import numpy as np

from llm4waam.core.errors import StudyError
from llm4waam.decisions.decisions import decisions_of, indicators
from llm4waam.splits.tasks import Task

METRICS = {
    "val_loss": "down",
    "val_mse": "down",
    "partial_score": "up",
    "macro_f1": "up",
    "micro_f1": "up",
    "exact_match": "up",
    "accuracy": "up",
    "r2": "up",
    "rmse": "down",
    "mae": "down",
}
_OF_SETS = ("val_loss", "partial_score", "macro_f1", "micro_f1", "exact_match")
# The published choice of the epoch, by kind of task: optimistic, see the ablation `protocols`.
PUBLISHED = {
    "binary": "val_loss",
    "multi_class": "val_loss",
    "multi_label": "partial_score",
    "regression": "val_mse",
}
OF_KIND = {
    "multi_label": _OF_SETS,
    "binary": (*_OF_SETS, "accuracy"),
    "multi_class": (*_OF_SETS, "accuracy"),
    "regression": ("val_loss", "val_mse", "r2", "rmse", "mae"),
}


@dataclass
class EarlyStopping:
    """Follows one metric over the epochs.

    `best_epoch` and `best_value` are those of the best epoch so far, None until an epoch has a
    value. `patience` epochs in a row that are not better end the training. Raises StudyError for a
    metric that is not in `METRICS`.
    """

    metric: str
    patience: int
    best_epoch: int | None = None
    best_value: float | None = None
    waited: int = 0

    def __post_init__(self) -> None:
        _known(self.metric, tuple(METRICS), "no metric of that name")

    def observe(self, epoch: int, value: float | None) -> bool:
        """Take in an epoch; True: stop now. None and NaN are never better; ties keep the first."""
        if self._better(value):
            self.best_epoch, self.best_value, self.waited = epoch, float(value), 0
        else:
            self.waited += 1
        return self.waited >= self.patience

    def _better(self, value: float | None) -> bool:
        if value is None or not math.isfinite(value):
            return False
        if self.best_value is None:
            return True
        rise = value - self.best_value
        return rise > 0 if METRICS[self.metric] == "up" else rise < 0


def check_selection(task: Task, metric: str, *, used: bool = True) -> None:
    """Raise StudyError for a metric that a task of this kind does not have.

    Where no epoch is chosen by it (not `used`), for one that no task has.
    """
    names = OF_KIND[task.kind] if used else tuple(METRICS)
    _known(metric, names, f"no metric of the {task.kind} task {task.name}")


def selection_value(
    task: Task,
    metric: str,
    targets: np.ndarray,
    scores: np.ndarray,
    losses: np.ndarray,
    thresholds: np.ndarray | None,
) -> float | None:
    """What an epoch is chosen by, from arrays (beads, outputs); None where it is not defined.

    `partial_score` stands for `guarded_partial_score`. `val_mse` is in the units of `targets` and
    `scores`, squared. `thresholds` (outputs,) are None for a regression. A model whose scores or
    losses are not finite has no value. Raises StudyError for a metric that the task does not have.
    """
    check_selection(task, metric)
    if not (np.isfinite(scores).all() and np.isfinite(losses).all()):
        return None
    # Only where an epoch is chosen: scikit-learn's import takes a while.
    from sklearn import metrics as sk

    if metric == "val_loss":
        return float(losses.mean())
    if task.kind == "regression":
        if metric == "r2" and (len(targets) < 2 or (targets == targets[0]).all(axis=0).any()):
            return None
        errors = {
            "val_mse": sk.mean_squared_error,
            "rmse": sk.root_mean_squared_error,
            "mae": sk.mean_absolute_error,
            "r2": sk.r2_score,
        }
        return float(errors[metric](targets, scores))
    decided = decisions_of(task, scores, thresholds)
    actual, predicted = indicators(task, targets), indicators(task, decided)
    if metric == "partial_score":
        return guarded_partial_score(actual, predicted)
    if metric in ("exact_match", "accuracy"):
        return float((actual == predicted).all(axis=1).mean())
    columns = (actual, predicted) if metric == "macro_f1" else (actual.ravel(), predicted.ravel())
    average = None if metric == "macro_f1" else "binary"
    # A label that is neither there nor predicted has no F1 and takes no part in the mean.
    f1 = np.atleast_1d(sk.f1_score(*columns, average=average, zero_division=np.nan))
    return None if np.isnan(f1).all() else float(np.nanmean(f1))


def guarded_partial_score(actual: np.ndarray, predicted: np.ndarray) -> float | None:
    """The partial score less what false labels bought, from bool arrays (beads, labels).

    A bead counts max(0, hits / true labels - false labels / absent labels): its partial score less
    its share of false labels (Youden's J, Cancer 1950, of one bead), never below 0. Beads without
    a true label, or with all of them, take no part; None where there are no others. All labels for
    every bead is 0 at each of them, a right set is 1 and no bead is negative: that epoch loses to
    any epoch that gets one set right. Without the floor a few wrong sets could outweigh it.
    """
    there = actual.sum(axis=1)
    counted = (there > 0) & (there < actual.shape[1])
    if not counted.any():
        return None
    actual, predicted = actual[counted], predicted[counted]
    hits = (actual & predicted).sum(axis=1) / actual.sum(axis=1)
    false = (~actual & predicted).sum(axis=1) / (~actual).sum(axis=1)
    return float(np.maximum(hits - false, 0).mean())


def _known(metric: str, names: tuple[str, ...], reason: str) -> None:
    if metric not in names:
        place = {"column": "train.select_by", "value": metric, "expected": ", ".join(names)}
        raise StudyError("params.yaml", reason, **place)
