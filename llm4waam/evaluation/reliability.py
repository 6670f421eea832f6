"""Do probabilities keep what they promise? From scores and targets, both (beads, outputs).

For a multi-label task every label of every bead counts as one statement. `wilson` says how far a
share of beads may be off.
"""

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn import metrics as sk
from statsmodels.stats.proportion import proportion_confint


def wilson(successes: int, beads: int, coverage: float = 0.95) -> tuple[float | None, float | None]:
    """Wilson's interval of a share (Wilson, JASA 1927); (None, None) for no beads."""
    if beads == 0:
        return None, None
    low, high = proportion_confint(successes, beads, alpha=1 - coverage, method="wilson")
    return float(low), float(high)


def with_wilson(table: pd.DataFrame, successes: str, beads: str) -> pd.DataFrame:
    """`table` with the columns low and high: the 95 % interval of each row's share."""
    ends = [wilson(*row) for row in table[[successes, beads]].itertuples(index=False)]
    return table.assign(low=[low for low, _ in ends], high=[high for _, high in ends])


CERTAIN = 1000.0  # beyond the log-odds of every number between 0 and 1
BINS = 5
EDGE = 1e-6  # a probability of 0 or 1 that is wrong would cost infinity, as for the baselines


def ranked_scores(score: np.ndarray) -> np.ndarray:
    """What probabilities are ranked by: their log-odds, to a hundred-thousandth.

    A processor of another make changes the last digits of a score, which must not split a tie. A
    score of exactly 0 or 1 comes before or after all others, at a finite value: ranks are compared
    by differences.
    """
    return np.nan_to_num(np.round(logit(score), 5), posinf=CERTAIN, neginf=-CERTAIN) + 0.0


def reliability_bins(score: np.ndarray, target: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """Bins of equal mass: bin, mean_score, share (that came true), beads, low, high.

    Statements are sorted by score and cut into parts as equal as they can be; equal scores stay
    together, in the part of the first of them, so that there may be fewer parts. The interval is
    Wilson's, 95 %.
    """
    ranked = ranked_scores(score)
    order = np.argsort(ranked, axis=None, kind="stable")
    scores, came_true = score.ravel()[order], target.ravel()[order]
    part = np.arange(len(scores)) * bins // max(len(scores), 1)
    first = np.searchsorted(ranked.ravel()[order], ranked.ravel()[order], side="left")
    rows = pd.DataFrame({"bin": part[first], "score": scores, "true": came_true})
    found = rows.groupby("bin").agg(
        mean_score=("score", "mean"), share=("true", "mean"), hits=("true", "sum"),
        beads=("true", "size"),
    )  # fmt: skip
    found = with_wilson(found, "hits", "beads").drop(columns="hits")
    return found.reset_index(drop=True).rename_axis("bin").reset_index()


BANDS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)  # of a probability, as a reader thinks of it


def came_true(score: np.ndarray, target: np.ndarray) -> pd.DataFrame:
    """By band of probability: least, most, statements, came_true, low, high; score, target: (n,).

    A band holds what lies above `least` and up to `most`, the first also 0. The interval of the
    share that came true is Wilson's, 95 %; None where the band is empty.
    """
    band = np.clip(np.searchsorted(BANDS, score, side="left") - 1, 0, len(BANDS) - 2)
    rows = pd.DataFrame(
        {
            "least": BANDS[:-1],
            "most": BANDS[1:],
            "statements": np.bincount(band, minlength=len(BANDS) - 1),
            "came_true": np.bincount(band, target, minlength=len(BANDS) - 1).astype(int),
        }
    )
    return with_wilson(rows, "came_true", "statements")


def ece(score: np.ndarray, target: np.ndarray, bins: int = BINS) -> float | None:
    """Expected calibration error: |mean score - share that came true|, weighted by the bins.

    Naeini et al., AAAI 2015, with bins of equal mass (Nguyen and O'Connor, EMNLP 2015).
    """
    if not score.size:
        return None
    table = reliability_bins(score, target, bins)
    gap = (table["mean_score"] - table["share"]).abs()
    return float((gap * table["beads"]).sum() / table["beads"].sum())


def brier(score: np.ndarray, target: np.ndarray) -> float | None:
    """Mean squared difference of probability and outcome (Brier, Monthly Weather Review 1950)."""
    return float(np.mean((score - target) ** 2)) if score.size else None


def log_loss(score: np.ndarray, target: np.ndarray) -> float | None:
    """Mean cross-entropy in nats; probabilities are kept from 0 and 1 by a millionth."""
    if not score.size:
        return None
    return float(sk.log_loss(target.ravel(), np.clip(score.ravel(), EDGE, 1 - EDGE), labels=[0, 1]))
