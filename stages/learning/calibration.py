"""The numbers of a decision, from predictions of beads that the model did not learn from.

Temperature: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, with a sigmoid in the
place of their softmax.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

DEFAULT_THRESHOLD = 0.5
COLDEST, HOTTEST = 0.05, 20.0
EDGE = 1e-7  # the logit of a probability of 0 or 1 is infinite
DIGITS = 6  # what the minimiser finds beyond them is noise


def tempered(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities whose logit is divided by `temperature`, of the shape of `scores`.

    0.5 stays 0.5 and the order of the scores stays. A temperature of 1 changes no bit.
    """
    if temperature == 1.0:
        return scores
    return expit(logit(np.clip(scores, EDGE, 1 - EDGE)) / temperature)


def fit_temperature(scores: np.ndarray, targets: np.ndarray) -> float:
    """The temperature of least log-loss, from probabilities and 0 or 1, both (beads, outputs).

    One number for all outputs, between 0.05 and 20; 1.0 where no output has both classes, since
    the loss would then fall for ever towards certainty.
    """
    if not len(targets) or (targets == targets[0]).all():
        return 1.0
    logits, sign = logit(np.clip(scores, EDGE, 1 - EDGE)), 2 * np.asarray(targets, float) - 1

    def log_loss(log_temperature: float) -> float:
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
