"""What became of advice that was carried out, as numbers for metrics/advice.json."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

from stages.advice.changes import carried_out
from stages.advice.evidence import Examiner
from stages.advice.simulated import normal_shares, random_moves

DIGITS = 4


def advice_success(examiner: Examiner, beads: Iterable[pd.Series], trials: int) -> dict:
    """What became of bad beads: how many were advised, and how often a run then came out Normal.

    `as_run`, `random` and `advised` are shares of `trials` simulated runs of the advised beads:
    unchanged, after a random move of equal size, and after the advised one; `expected` is the mean
    probability that the model gave the last. The difference to random has a 95 % percentile
    bootstrap over beads.
    """
    rng, training = np.random.default_rng(examiner.seed), examiner.predictor.novelty.training
    adviser, card = examiner.adviser, examiner.predictor.card
    counts = {"normal": 0, "outside": 0, "unknown": 0, "none": 0, "": 0}
    runs: dict[str, list[pd.DataFrame]] = {"as_run": [], "random": [], "advised": []}
    expected = []
    for bead in beads:
        advice = adviser.advise(bead)
        counts[advice.reason] += 1
        other = None
        if advice.moves:
            other = random_moves(adviser, bead, advice.size, len(advice.moves), rng)
        if other is None:
            continue
        expected.append(advice.expected)
        for name, moves in (("as_run", ()), ("random", other), ("advised", advice.moves)):
            runs[name].append(carried_out(bead, [moves], card))
    found = {
        "bad_beads": sum(counts.values()),
        "thought_normal": counts["normal"],
        "outside": counts["outside"],
        "no_change_found": counts["none"] + counts["unknown"],
        "advised_beads": len(runs["advised"]),
    }
    if not runs["advised"]:
        return found | dict.fromkeys(
            ["expected", *runs, "difference", "difference_low", "difference_high"]
        )
    shares = {
        name: normal_shares(pd.concat(parts, ignore_index=True), training, trials, examiner.seed)
        for name, parts in runs.items()
    }
    gains = shares["advised"] - shares["random"]
    low, high = _interval(gains, examiner.seed)
    found["expected"] = rounded(np.mean(expected))
    found |= {name: rounded(values.mean()) for name, values in shares.items()}
    return found | {
        "difference": rounded(gains.mean()),
        "difference_low": low,
        "difference_high": high,
    }


def rounded(value: float | None) -> float | None:
    """A number of the metrics file: null where it is not defined, else with DIGITS digits."""
    if value is None or pd.isna(value):
        return None
    return value if isinstance(value, int) else round(float(value), DIGITS)


def _interval(values: np.ndarray, seed: int) -> tuple[float | None, float | None]:
    if len(values) < 2 or values.min() == values.max():
        return None, None
    drawn = bootstrap(
        (values,), np.mean, method="percentile", n_resamples=2000, rng=np.random.default_rng(seed)
    )
    return rounded(drawn.confidence_interval.low), rounded(drawn.confidence_interval.high)
