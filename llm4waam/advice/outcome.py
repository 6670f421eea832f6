"""What becomes of advice that is carried out, in the simulator, which no model has seen.

Bad beads are run again as they were, after the advised move, and after a random move of equal
size. The shares of runs that come out Normal stand in metrics/advice.json.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

from llm4waam.advice.counterfactual import Adviser, Move, carried_out
from llm4waam.advice.findings import Examiner
from llm4waam.simulator.defects import draw_states, name_labels
from llm4waam.simulator.population import LIMITS
from llm4waam.simulator.weld import run_welds, scores_of

TRIES = 200  # draws of a random move, until one lies inside the training data
DIGITS = 4  # decimals of a metric


def advice_success(examiner: Examiner, beads: Iterable[pd.Series], simulated_runs: int) -> dict:
    """What became of bad beads: how many were advised, and how often a run then came out Normal.

    `as_run`, `random` and `advised` are shares of `simulated_runs` runs of the advised beads:
    unchanged, after a random move of equal size, and after the advised one; `expected` is the mean
    probability that the model gave the last. The difference to random has a 95 % percentile
    bootstrap over beads.
    """
    rng, training = np.random.default_rng(examiner.seed), examiner.predictor.domain.training
    adviser, card = examiner.adviser, examiner.predictor.card
    counts = {"normal": 0, "outside": 0, "unknown": 0, "none": 0, "": 0}
    rows: dict[str, list[pd.DataFrame]] = {"as_run": [], "random": [], "advised": []}
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
            rows[name].append(carried_out(bead, [moves], card))
    found = {
        "bad_beads": sum(counts.values()),
        "thought_normal": counts["normal"],
        "outside": counts["outside"],
        "no_change_found": counts["none"] + counts["unknown"],
        "advised_beads": len(rows["advised"]),
    }
    if not rows["advised"]:
        return found | dict.fromkeys(
            ["expected", *rows, "difference", "difference_low", "difference_high"]
        )
    shares = {
        name: normal_shares(
            pd.concat(parts, ignore_index=True), training, simulated_runs, examiner.seed
        )
        for name, parts in rows.items()
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


def random_moves(
    adviser: Adviser, bead: pd.Series, size: float, count: int, rng: np.random.Generator
) -> tuple[Move, ...] | None:
    """`count` moves of random set-points and directions that are together as large as `size`.

    Inside the training data, as advice is; None where none of TRIES draws lies there.
    """
    ranges, controls = adviser.domain.ranges(), adviser.controls(bead)
    for _ in range(TRIES):
        names = rng.choice(controls, size=min(count, len(controls)), replace=False)
        shares = rng.dirichlet(np.ones(len(names))) * size * rng.choice((-1, 1), len(names))
        moves = []
        for name, share in zip(names.tolist(), shares, strict=True):
            step, (low, high) = adviser.card.columns[name].step, ranges[name]
            offset = round(share * (high - low) / step) * step
            after = round(float(bead[name]) + offset, 6)
            if offset and low <= after <= high:
                moves.append(Move(name, float(bead[name]), after))
        if len(moves) == len(names):
            found = tuple(moves)
            if adviser.domain.inside(carried_out(bead, [found], adviser.card))[0]:
                return found
    return None


def normal_shares(
    beads: pd.DataFrame, training: pd.DataFrame, simulated_runs: int, seed: int
) -> np.ndarray:
    """Share of `simulated_runs` runs of each bead that come out Normal, shape (beads,).

    Every run has a laboratory of its own, new hidden causes and new noise: what is welded next is
    not what was welded. A set-point that is not known takes the middle of the training beads'.
    """
    rng = np.random.default_rng(seed)
    table = beads.copy()
    for name in training.columns.intersection(table.columns):
        typical = training[name].median() if training[name].dtype == float else None
        if typical is None and training[name].notna().any():
            typical = training[name].mode().iloc[0]
        table[name] = table[name].fillna(typical) if typical is not None else table[name]
    rows = table.loc[table.index.repeat(simulated_runs)].reset_index(drop=True)
    rows["campaign"] = np.tile(np.arange(simulated_runs), len(table)).astype(str)
    found = run_welds(rng, rows, draw_states(rng, len(rows)))
    normal = np.array(name_labels(scores_of(found), LIMITS)) == "Normal"
    return normal.reshape(len(table), simulated_runs).mean(axis=1)


def _interval(values: np.ndarray, seed: int) -> tuple[float | None, float | None]:
    if len(values) < 2 or values.min() == values.max():
        return None, None
    drawn = bootstrap(
        (values,), np.mean, method="percentile", n_resamples=2000, rng=np.random.default_rng(seed)
    )
    return rounded(drawn.confidence_interval.low), rounded(drawn.confidence_interval.high)


def rounded(value: float | None) -> float | None:
    """A number of the metrics file: null where it is not defined, else with DIGITS decimals."""
    if value is None or pd.isna(value):
        return None
    return value if isinstance(value, int) else round(float(value), DIGITS)
