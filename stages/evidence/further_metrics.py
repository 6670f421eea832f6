"""Metrics beside those of the study that this one re-does: probabilities and relative errors."""

import numpy as np
from sklearn import metrics as sk

from stages.evidence.reliability import brier, ece, log_loss
from stages.learning.decisions import decide, exclusive_index, indicators
from stages.learning.metrics import Metrics
from stages.learning.tasks import Task


def further_metrics(
    task: Task, target: np.ndarray, score: np.ndarray, thresholds: np.ndarray
) -> Metrics:
    """Metrics of arrays (beads, outputs); `thresholds` (outputs,) or (beads, outputs).

    Classification: `samples_f1` (the mean over beads of the F1 of a bead's label set),
    `average_precision` (the mean over labels that have both classes), `brier`, `log_loss`, `ece`.
    Regression: `mape` (a share, not a percentage), `log_rmse`; None where a target is 0, or any
    value is not positive.
    """
    if task.kind == "regression":
        known = len(target) > 0
        positive = known and bool((target > 0).all() and (score > 0).all())
        return {
            "mape": float(np.mean(np.abs(score / target - 1)))
            if known and (target != 0).all()
            else None,
            "log_rmse": float(np.sqrt(np.mean(np.log(score / target) ** 2))) if positive else None,
        }
    return {
        "samples_f1": _samples_f1(task, target, score, thresholds) if len(target) else None,
        "average_precision": _average_precision(target, score),
        "brier": brier(score, target),
        "log_loss": log_loss(score, target),
        "ece": ece(score, target),
    }


def _samples_f1(task: Task, target: np.ndarray, score: np.ndarray, thresholds: np.ndarray) -> float:
    decided = indicators(task, decide(score, thresholds, exclusive_index(task)))
    actual = indicators(task, target)
    hits, both = (actual & decided).sum(axis=1), actual.sum(axis=1) + decided.sum(axis=1)
    return float(np.where(both > 0, 2 * hits / np.maximum(both, 1), 1.0).mean())


def _average_precision(target: np.ndarray, score: np.ndarray) -> float | None:
    if not len(target):
        return None
    pairs = zip(target.T, score.T, strict=True)
    found = [
        sk.average_precision_score(true, given) for true, given in pairs if 0 < true.mean() < 1
    ]
    return float(np.mean(found)) if found else None
