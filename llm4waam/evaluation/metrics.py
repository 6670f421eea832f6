"""Metrics of one set of predictions, one row a bead; what is undefined is None.

The names keep the definitions of the study that this one re-does, save that a label which is
absent from a fold is never paid for (there `zero_division=1` gave it 1.0).
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from sklearn import metrics as sk

from llm4waam.core.files import significant
from llm4waam.decisions.decisions import decisions_of, indicators
from llm4waam.splits.tasks import Task

HEADLINES = {
    "binary": "accuracy",
    "multi_class": "accuracy",
    "multi_label": "micro_f1",
    "regression": "r2",
}

ONE_CLASS = ("binary", "multi_class")  # kinds of task of which a bead has exactly one class

Metrics = dict[str, float | None]


def file_key(label: str) -> str:
    """A label as the key of a metrics file: "Lack of fusion" -> "lack_of_fusion"."""
    return re.sub(r"\W+", "_", label.strip().lower()).strip("_")


def class_names(task: Task) -> tuple[str, ...]:
    """What the columns of `indicators` are called; nothing for a regression."""
    if task.kind == "regression":
        return ()
    return task.classes if task.kind == "binary" else task.outputs


def classification_metrics(actual: np.ndarray, predicted: np.ndarray) -> Metrics:
    """Metrics of two bool arrays, (beads, labels).

    `macro_f1` is the mean F1 of the labels that have one: a label that is neither true nor
    predicted for any bead has none. `partial_score` is the mean over beads of hits / true labels
    (all labels predicted: 1.0, so it must never select a model alone); beads without a true label
    take no part in it. `exact_match` and `label_accuracy` are shares of beads and of cells.
    """
    if not len(actual):
        names = "macro_f1 micro_f1 partial_score exact_match label_accuracy"
        return dict.fromkeys(names.split())
    true = actual.sum(axis=1)
    hits = (actual & predicted).sum(axis=1)
    columns = zip(actual.T, predicted.T, strict=True)
    return {
        "macro_f1": _mean([_label(*column)["f1"] for column in columns]),
        # Micro F1 is the F1 of all cells of the table taken as one label.
        "micro_f1": _label(actual.ravel(), predicted.ravel())["f1"],
        "partial_score": _mean(hits[true > 0] / true[true > 0]),
        "exact_match": float((actual == predicted).all(axis=1).mean()),
        "label_accuracy": float(sk.accuracy_score(actual.ravel(), predicted.ravel())),
    }


def regression_metrics(target: np.ndarray, score: np.ndarray) -> Metrics:
    """Metrics of two arrays in physical units, (beads, outputs); R2 needs two unlike targets."""
    if not len(target):
        return dict.fromkeys(("mse", "rmse", "mae", "r2"))
    varied = len(target) > 1 and bool((target != target[0]).any(axis=0).all())
    return {
        "mse": float(sk.mean_squared_error(target, score)),
        "rmse": float(sk.root_mean_squared_error(target, score)),
        "mae": float(sk.mean_absolute_error(target, score)),
        "r2": float(sk.r2_score(target, score)) if varied else None,
    }


def label_metrics(actual: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> dict:
    """F1, precision, recall and support of every label, under the keys of a metrics file."""
    columns = zip(names, actual.T, predicted.T, strict=True)
    return {file_key(name): _label(*column) for name, *column in columns}


def task_metrics(
    task: Task, target: np.ndarray, score: np.ndarray, loss: np.ndarray, thresholds: np.ndarray
) -> tuple[Metrics, dict]:
    """The metrics of a task and those of its labels, from arrays of shape (beads, outputs).

    `val_loss` is the mean over all rows, so a small last batch weighs no more than its rows.
    """
    found: Metrics = {"val_loss": _mean(loss)}
    if task.kind == "regression":
        return found | regression_metrics(target, score), {}
    decided = decisions_of(task, score, thresholds)
    actual, predicted = indicators(task, target), indicators(task, decided)
    found |= classification_metrics(actual, predicted)
    each = label_metrics(actual, predicted, class_names(task))
    if task.kind in ONE_CLASS:
        found["accuracy"] = found["exact_match"]
    if task.kind == "binary":
        found |= {f"recall_{key}": each[key]["recall"] for key in each}
    return found, each


def mean_metrics(repeats: Sequence[Mapping]) -> dict:
    """The mean of the same (nested) metrics over the repeats where they are defined.

    As metrics files hold them: to four significant digits.
    """
    first = repeats[0]
    return {
        key: mean_metrics([r[key] for r in repeats])
        if isinstance(value, Mapping)
        else significant(_mean([r[key] for r in repeats]))
        for key, value in first.items()
    }


def _label(actual: np.ndarray, predicted: np.ndarray) -> dict:
    """The scores of one label, (beads,); one column at a time, as scikit-learn takes a table of one
    for a task of two classes."""
    found = dict.fromkeys(("f1", "precision", "recall"))
    if len(actual):
        scores = sk.precision_recall_fscore_support(
            actual, predicted, average="binary", zero_division=np.nan
        )
        found = dict(zip(("precision", "recall", "f1"), map(float, scores[:3]), strict=True))
    return {**found, "support": int(actual.sum())}


def _mean(values: Sequence[float | None] | np.ndarray) -> float | None:
    known = np.asarray(values, float)
    known = known[~np.isnan(known)]
    return float(known.mean()) if known.size else None
