"""From scores to decisions: which labels a bead gets."""

import numpy as np

from stages.learning.tasks import Task

DEFAULT_THRESHOLD = 0.5


def default_thresholds(task: Task) -> np.ndarray:
    """The thresholds of a task whose own were not learned, shape (outputs,)."""
    return np.full(len(task.outputs), DEFAULT_THRESHOLD)


def exclusive_index(task: Task) -> int | None:
    """Where the label that no other may join stands among the outputs, if there is one."""
    return task.outputs.index(task.exclusive) if task.exclusive in task.outputs else None


def decide(scores: np.ndarray, thresholds: np.ndarray, exclusive_index: int | None) -> np.ndarray:
    """The labels of each bead, a bool array of the shape of `scores`, (beads, outputs).

    A label stands where its score reaches its threshold. Where there is an exclusive label (which
    says that none of the others is there) no set is empty: if nothing passes, the highest score
    stands. It and the others shut each other out: the higher score stays, and on a tie the others
    do, because a missed defect costs more than a false alarm. Without an exclusive label the
    thresholds alone decide. Raises ValueError where the shapes do not fit.
    """
    scores, thresholds = np.asarray(scores, float), np.asarray(thresholds, float)
    if scores.ndim != 2 or thresholds.shape != scores.shape[1:]:
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


def indicators(task: Task, values: np.ndarray) -> np.ndarray:
    """Decisions or targets, (beads, outputs), as one bool column for each named class.

    A binary task has two: `task.classes`; a multi-label task keeps its labels.
    """
    chosen = np.asarray(values) > 0.5
    return np.hstack([~chosen, chosen]) if task.kind == "binary" else chosen
