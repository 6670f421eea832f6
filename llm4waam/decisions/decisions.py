"""From scores to decisions: which labels a bead gets, by thresholds and temperatures.

Both are fitted on predictions of beads that the model did not learn from. Temperature: Guo et al.,
On Calibration of Modern Neural Networks, ICML 2017, with a sigmoid in the place of their softmax.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, logit, softmax

from llm4waam.splits.tasks import Task

DEFAULT_THRESHOLD = 0.5
COLDEST, HOTTEST = 0.05, 20.0
EDGE = 1e-7  # the logit of a probability of 0 or 1 is infinite
DIGITS = 6  # what the minimiser finds beyond them is noise


def tempered(scores: np.ndarray, temperature: float, *, one_of_many: bool = False) -> np.ndarray:
    """Probabilities whose logit is divided by `temperature`, of the shape of `scores`.

    0.5 stays 0.5 and the order of the scores stays. With `one_of_many` a row is the probabilities
    of classes of which one holds: their logarithms are divided, and their sum stays 1. A
    temperature of 1 changes no bit.
    """
    if temperature == 1.0:
        return scores
    if one_of_many:
        return softmax(np.log(np.clip(scores, EDGE, 1)) / temperature, axis=1)
    return expit(logit(np.clip(scores, EDGE, 1 - EDGE)) / temperature)


def fit_temperature(scores: np.ndarray, targets: np.ndarray, *, one_of_many: bool = False) -> float:
    """The temperature of least log-loss, from probabilities and 0 or 1, both (beads, outputs).

    One number for all outputs, between 0.05 and 20; 1.0 where no output has both classes, since
    the loss would then fall for ever towards certainty.
    """
    if not len(targets) or (targets == targets[0]).all():
        return 1.0
    logits, sign = logit(np.clip(scores, EDGE, 1 - EDGE)), 2 * np.asarray(targets, float) - 1
    classes, right = np.log(np.clip(scores, EDGE, 1)), np.asarray(targets) > 0.5

    def log_loss(log_temperature: float) -> float:
        if one_of_many:
            return -log_softmax(classes / np.exp(log_temperature), axis=1)[right].mean()
        return np.logaddexp(0, -sign * logits / np.exp(log_temperature)).mean()

    bounds = np.log([COLDEST, HOTTEST])
    found = minimize_scalar(log_loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return round(float(np.exp(found.x)), DIGITS)


def fit_threshold(scores: np.ndarray, targets: np.ndarray, *, measure: str, floor: int) -> float:
    """The threshold of one output that serves `measure` best, from arrays of shape (beads,).

    `measure` is "f1" of the output or "accuracy". Candidates are 0, 0.5 and the midpoints
    between neighbours among the scores, 0 and 1; of equals the nearest to 0.5 wins, then the lower,
    because a missed defect costs more than a false alarm. An output with fewer than `floor`
    positives (accuracy: fewer of either class) keeps 0.5: a handful of beads says nothing of where
    to cut. Raises ValueError for another measure.
    """
    if measure not in ("f1", "accuracy"):
        raise ValueError(f"no measure called {measure!r}")
    positive = np.asarray(targets) > 0.5
    there, absent = int(positive.sum()), int((~positive).sum())
    support = there if measure == "f1" else min(there, absent)
    if support < max(floor, 1):
        return DEFAULT_THRESHOLD
    edges = np.unique(np.concatenate([[0.0], scores, [1.0]]))
    cuts = np.concatenate([[0.0, DEFAULT_THRESHOLD], (edges[:-1] + edges[1:]) / 2])
    # `decide` lets a score at its threshold pass: what lies strictly below it does not.
    hits = there - np.searchsorted(np.sort(scores[positive]), cuts)
    false = absent - np.searchsorted(np.sort(scores[~positive]), cuts)
    if measure == "f1":
        worth = 2 * hits / (hits + false + there)
    else:
        worth = (hits + absent - false) / len(positive)
    return float(cuts[np.lexsort((cuts, np.abs(cuts - DEFAULT_THRESHOLD), -worth))[0]])


@dataclass(frozen=True)
class Decision:
    """How one fitting turns scores into labels; every later consumer applies this and no other.

    `temperature` acts on all outputs, `thresholds` holds one number for each of `outputs`,
    `exclusive` is the label that no other may join, if there is one. With `one_of_many`, of a
    multi_class task, the likeliest class stands, and thresholds are not looked at.
    """

    outputs: tuple[str, ...]
    temperature: float
    thresholds: tuple[float, ...]
    exclusive: str | None
    one_of_many: bool = False

    @classmethod
    def default(cls, task: Task) -> "Decision":
        """What holds where nothing was fitted; raises ValueError for a regression."""
        if task.kind == "regression":
            raise ValueError(f"task {task.name}: a regression has no decision")
        thresholds, many = tuple(default_thresholds(task).tolist()), task.kind == "multi_class"
        return cls(task.outputs, 1.0, thresholds, task.exclusive, many)

    @classmethod
    def fit(cls, task: Task, scores: np.ndarray, targets: np.ndarray, floor: int) -> "Decision":
        """Temperature first, then the thresholds of what it leaves, all from the same rows.

        `scores` (probabilities) and `targets` (0 or 1) have the shape (beads, outputs) and belong
        to beads that the model of their inner fold did not learn from. A multi-label threshold
        maximises the F1 of its label, a binary one the accuracy, the headline of such a task; an
        output with fewer than `floor` beads keeps 0.5. Raises ValueError for a regression and for
        shapes that do not fit.
        """
        default = cls.default(task)
        if scores.shape != targets.shape or scores.shape[1:] != (len(task.outputs),):
            raise ValueError(f"scores {scores.shape} and targets {targets.shape} do not fit")
        many = default.one_of_many
        temperature = fit_temperature(scores, targets, one_of_many=many)
        if many:
            return replace(default, temperature=temperature)
        measure = "accuracy" if task.kind == "binary" else "f1"
        columns = zip(tempered(scores, temperature).T, targets.T, strict=True)
        found = tuple(fit_threshold(*each, measure=measure, floor=floor) for each in columns)
        return cls(task.outputs, temperature, found, default.exclusive)

    def apply(self, scores: np.ndarray) -> np.ndarray:
        """Calibrated probabilities (beads, outputs), whatever objective made the `scores`."""
        return tempered(scores, self.temperature, one_of_many=self.one_of_many)

    def to_json(self) -> dict:
        """As a model's `fitted.json` holds it."""
        return {
            "temperature": self.temperature,
            "thresholds": dict(zip(self.outputs, self.thresholds, strict=True)),
            "exclusive": self.exclusive,
        }

    @classmethod
    def from_json(cls, task: Task, value: dict) -> "Decision":
        """The decision that `to_json` wrote; the order of the outputs is the task's.

        Raises ValueError where it is that of other labels, or not of numbers.
        """
        found = value["thresholds"]
        if set(found) != set(task.outputs) or value["exclusive"] != task.exclusive:
            raise ValueError(f"task {task.name}: a decision of other labels: {', '.join(found)}")
        thresholds = tuple(float(found[output]) for output in task.outputs)
        many, temperature = task.kind == "multi_class", float(value["temperature"])
        if not (np.isfinite(thresholds).all() and 0 < temperature < np.inf):
            raise ValueError(f"task {task.name}: thresholds or temperature are no numbers")
        return cls(task.outputs, temperature, thresholds, task.exclusive, many)


def default_thresholds(task: Task) -> np.ndarray:
    """The thresholds of a task whose own were not learned, shape (outputs,)."""
    return np.full(len(task.outputs), DEFAULT_THRESHOLD)


def exclusive_index(task: Task) -> int | None:
    """Where the label that no other may join stands among the outputs, if there is one."""
    return task.outputs.index(task.exclusive) if task.exclusive in task.outputs else None


def decide(scores: np.ndarray, thresholds: np.ndarray, exclusive_index: int | None) -> np.ndarray:
    """The labels of each bead, a bool array of the shape of `scores`, (beads, outputs).

    `thresholds` has the shape (outputs,), or that of `scores` where beads are of several folds. A
    label stands where its score reaches its threshold. Where there is an exclusive label (which
    says that none of the others is there) no set is empty: if nothing passes, the highest score
    stands. It and the others shut each other out: the higher score stays, and on a tie the others
    do, because a missed defect costs more than a false alarm. Without an exclusive label the
    thresholds alone decide. Raises ValueError where the shapes do not fit.
    """
    scores, thresholds = np.asarray(scores, float), np.asarray(thresholds, float)
    if scores.ndim != 2 or thresholds.shape not in (scores.shape[1:], scores.shape):
        raise ValueError(f"scores {scores.shape} and thresholds {thresholds.shape} do not fit")
    decided = scores >= thresholds
    if exclusive_index is None or scores.shape[1] == 1:
        return decided
    empty = ~decided.any(axis=1)
    decided[empty, scores[empty].argmax(axis=1)] = True
    others = np.delete(np.where(decided, scores, -np.inf), exclusive_index, axis=1).max(axis=1)
    alone = decided[:, exclusive_index] & (scores[:, exclusive_index] > others)
    decided[~alone, exclusive_index] = False
    decided[np.ix_(alone, np.arange(scores.shape[1]) != exclusive_index)] = False
    return decided


def decisions_of(task: Task, scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """What is decided of each bead of a classification, a bool array (beads, outputs).

    Of a multi_class task the likeliest class, the first of equals; else see `decide`.
    """
    if task.kind == "multi_class":
        scores = np.asarray(scores, float)
        return np.arange(scores.shape[1]) == scores.argmax(axis=1)[:, None]
    return decide(scores, thresholds, exclusive_index(task))


def indicators(task: Task, values: np.ndarray) -> np.ndarray:
    """Decisions or targets, (beads, outputs), as one bool column for each named class.

    A binary task has two: `task.classes`; a multi-label task keeps its labels.
    """
    chosen = np.asarray(values) > 0.5
    return np.hstack([~chosen, chosen]) if task.kind == "binary" else chosen


def one_by_one(model: Any, train: Any, y: np.ndarray, test: Any) -> np.ndarray:
    """P(label) (test beads, labels) by a classifier of scikit-learn, fitted label by label.

    The constant where `y`, (training beads, labels), has one class only.
    """
    columns = []
    for label in y.T:
        if label.min() == label.max():
            columns.append(np.full(len(test), label[0]))
        else:
            columns.append(model.fit(train, label).predict_proba(test)[:, 1])
    return np.column_stack(columns)
