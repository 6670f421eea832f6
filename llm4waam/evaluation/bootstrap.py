"""The bootstrap over cells: how far a headline score may be off.

Beads of one cell are alike, so cells are drawn and not beads. Each headline is a function of
sums over beads; with the sums of every cell at hand all the draws are one matrix product.
"""

import numpy as np

from llm4waam.decisions.decisions import decisions_of, indicators
from llm4waam.evaluation.metrics import ONE_CLASS
from llm4waam.evaluation.read_predictions import Scores
from llm4waam.splits.tasks import Task

DRAWS = 2000
SEED = 2025
BLOCK = 100  # draws at a time: all at once would fill the memory for a large table
COVERAGE = 95.0


def bead_terms(
    task: Task, target: np.ndarray, score: np.ndarray, thresholds: np.ndarray
) -> np.ndarray:
    """What a bead adds to the sums of its headline, shape (beads, terms, outputs or 1).

    `thresholds` has the shape (outputs,) or (beads, outputs); a regression does not look at them.
    Accuracy: right, 1. Micro F1: true positives, false ones of both kinds. R2: 1, y, y squared,
    squared error, y centred so that the squares do not cancel.
    """
    if task.kind == "regression":
        centred = target - target.mean(axis=0) if len(target) else target
        terms = [np.ones_like(target), centred, centred**2, (target - score) ** 2]
        return np.stack(terms, axis=1)
    decided = decisions_of(task, score, thresholds)
    actual, predicted = indicators(task, target), indicators(task, decided)
    if task.kind in ONE_CLASS:
        right = (actual == predicted).all(axis=1)
        return np.stack([right, np.ones(len(right))], axis=1)[..., None].astype(float)
    hits = (actual & predicted).sum(axis=1)
    wrong = (actual ^ predicted).sum(axis=1)
    return np.stack([hits, wrong], axis=1)[..., None].astype(float)


def headline(task: Task, sums: np.ndarray) -> np.ndarray:
    """The headline score from sums of shape (..., terms, outputs); NaN where it is undefined."""
    first, second, *rest = np.moveaxis(sums, -2, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        if task.kind in ONE_CLASS:
            return (first / second).mean(axis=-1)
        if task.kind == "multi_label":
            return (2 * first / (2 * first + second)).mean(axis=-1)
        spread = rest[0] - second**2 / first
        # What is left of a spread that is zero is rounding, and one divided by it is no score.
        spread = np.where(spread > 1e-12 * rest[0], spread, np.nan)
        return (1 - rest[1] / spread).mean(axis=-1)


def cell_sums(terms: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Sums of the terms over the beads of each cell, (cells, terms, outputs), cells sorted."""
    names, place = np.unique(cells, return_inverse=True)
    sums = np.zeros((len(names), *terms.shape[1:]))
    np.add.at(sums, place, terms)
    return sums


def bootstrap(task: Task, sums: np.ndarray, draws: int = DRAWS, seed: int = SEED) -> np.ndarray:
    """The headline of every draw, (draws,), the mean over repeats.

    `sums` has the shape (repeats, cells, terms, outputs). The same seed and number of cells draw
    the same cells, so that models of one task can be compared draw by draw.
    """
    rng, cells, found = np.random.default_rng(seed), sums.shape[1], []
    for first in range(0, draws, BLOCK):
        size = min(BLOCK, draws - first)
        drawn = rng.integers(cells, size=(size, cells)) + cells * np.arange(size)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=size * cells).reshape(size, cells)
        found.append(headline(task, np.tensordot(weights.astype(float), sums, axes=(1, 1))))
    return np.concatenate(found).mean(axis=1)


def terms_of(task: Task, scores: Scores) -> np.ndarray:
    """What every bead adds, (repeats, beads, terms, outputs), see `bead_terms`."""
    each = zip(scores.score, scores.thresholds, strict=True)
    return np.stack([bead_terms(task, scores.target, *repeat) for repeat in each])


def headline_of(task: Task, scores: Scores) -> float:
    """The headline, pooled over folds and the mean over repeats; NaN where it is undefined."""
    return float(np.mean(headline(task, terms_of(task, scores).sum(axis=1))))


def draws_of(task: Task, scores: Scores, draws: int = DRAWS) -> np.ndarray:
    """The headline of every draw of cells, (draws,), see `bootstrap`."""
    sums = [cell_sums(terms, scores.cells) for terms in terms_of(task, scores)]
    return bootstrap(task, np.stack(sums), draws)


def interval(values: np.ndarray) -> tuple[float | None, float | None]:
    """The central 95 % of the draws; (None, None) where no draw is defined."""
    known = values[np.isfinite(values)]
    if not len(known):
        return None, None
    tail = (100 - COVERAGE) / 2
    low, high = np.percentile(known, [tail, 100 - tail])
    return float(low), float(high)
