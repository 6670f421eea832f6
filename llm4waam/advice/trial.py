"""What becomes of advice that is carried out, on simulated beads that nobody has seen.

Bad beads of new simulated laboratories, inside the applicability domain, are run again as they
were, after a random change of equal size and after the advised one; beside them stands the oracle,
the best candidate by the simulator itself. A run has new hidden causes and a new laboratory: what
is welded next is not what was welded.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.stats import bootstrap
from tqdm import tqdm

from llm4waam.advice.counterfactual import (
    PRICES,
    Adviser,
    Candidates,
    Change,
    Counterfactual,
    Move,
    carried_out,
)
from llm4waam.advice.settings import Trial
from llm4waam.card import labels
from llm4waam.card.card import Card
from llm4waam.inference.applicability import ApplicabilityDomain
from llm4waam.simulator.columns import holds_all
from llm4waam.simulator.defects import draw_states, name_labels
from llm4waam.simulator.population import LIMITS, simulate_population
from llm4waam.simulator.weld import run_welds, scores_of

TRIES = 200  # draws of a random change, until one lies inside the training data
DIGITS = 4  # decimals of a metric
BLOCK = 2000  # beads of new laboratories at a time
FEW_RUNS, BEST = 6, 5  # runs of every candidate, and how many of the best are run as all others
BANDS = (0.0, 0.8, 0.9, 1.0)  # of the expected chance, by which success is told
SIZES = (0.0, 0.3, 0.6, np.inf)  # of a change, by which success is told


def can_be_tried(card: Card) -> bool:
    """Whether the simulator knows the beads of a table: it made them."""
    return card.simulated and holds_all(card.columns)


def fresh_bad_beads(card: Card, domain: ApplicabilityDomain, trial: Trial) -> pd.DataFrame:
    """The first `trial.beads` bad beads inside the domain, of laboratories drawn by `trial.seed`.

    A table like the clean one, with outcomes.
    """
    found, count, number = [], 0, 0
    while count < trial.beads:
        drawn = simulate_population(BLOCK, trial.seed + number).rename(columns={"record": "bead"})
        number += 1
        drawn = drawn.replace({"note": {"": None}})
        drawn = drawn.reindex(columns=["bead", "cell", *card.clean_columns])
        bad = drawn[(drawn["labels"] != "Normal") & domain.inside(drawn)]
        found.append(bad)
        count += len(bad)
    table = pd.concat(found, ignore_index=True).iloc[: trial.beads]
    return table.assign(bead=[f"fresh {n}" for n in range(1, len(table) + 1)])


def try_advice(adviser: Adviser, trial: Trial) -> dict:
    """What advice is worth on fresh bad beads, a section of metrics/advice.json.

    Shares of runs that come out Normal, means over the advised beads: `as_run`, `random`, `advised`
    and `oracle`; `expected` is the mean chance that the ensemble gave, `size` that of the change.
    Then the same by kind of change, by defect, by size and by expected chance, and of the advice
    that the classifiers give without the encoders. Intervals are 95 % bootstraps over beads.
    """
    beads = fresh_bad_beads(adviser.card, adviser.domain, trial)
    candidates = [adviser.candidates(beads.iloc[n]) for n in range(len(beads))]
    advice = _advised(adviser, beads, candidates, "advice tried")
    given = [n for n, one in enumerate(advice) if one.changes]
    rng = np.random.default_rng(trial.seed)
    found: dict = {
        "bad_beads": len(beads),
        "advised_beads": len(given),
        "no_change_found": len(beads) - len(given),
    }
    if not given:
        return found
    some, firsts = beads.iloc[given].reset_index(drop=True), [advice[n].changes[0] for n in given]
    runs = Runs(adviser, trial)
    others = [random_moves(adviser, some.iloc[n], one, rng) for n, one in enumerate(firsts)]
    table = _worth(some, firsts, runs).assign(
        as_run=runs.normal(some, [()] * len(some)),
        random=runs.normal(some, others),
        oracle=oracle(adviser, some, [candidates[n] for n in given], runs),
        labels=some["labels"],
    )
    return found | {
        **_means(table),
        "difference": _with_interval(table["advised"] - table["random"], trial.seed),
        "by_kind": _by_kind(some, [advice[n] for n in given], runs),
        "by_defect": _by_defect(table),
        "by_size": _by_bins(table, "size", SIZES),
        "by_chance": _by_bins(table, "expected", BANDS),
        "without_encoders": _without_encoders(adviser, beads, candidates, runs),
    }


class Runs:
    """Runs in the simulator, the same laboratories and causes for all that is compared."""

    def __init__(self, adviser: Adviser, trial: Trial) -> None:
        self.card, self.training = adviser.card, adviser.domain.training
        self.count, self.seed = trial.runs, trial.seed

    def normal(self, beads: pd.DataFrame, moves: Sequence[tuple[Move, ...] | None]) -> np.ndarray:
        """Share of Normal runs of each bead after its moves, (beads,); NaN where moves are None."""
        known = [n for n, one in enumerate(moves) if one is not None]
        rows = [carried_out(beads.iloc[n], moves[n], self.card) for n in known]
        found = np.full(len(beads), np.nan)
        table = pd.concat(rows, ignore_index=True)
        found[known] = normal_shares(table, self.training, self.count, self.seed)
        return found


def oracle(
    adviser: Adviser, beads: pd.DataFrame, candidates: Sequence[Candidates], runs: Runs
) -> np.ndarray:
    """Share of Normal runs after the best of each bead's candidates by the simulator, (beads,).

    Beads are those that were advised, so each has candidates. FEW_RUNS runs choose the BEST of
    them, runs of other seeds the one among these, and its share is that of further runs: a maximum
    over the runs that it is told by would flatter.
    """
    shares = np.empty(len(beads))
    for n in tqdm(range(len(beads)), "the best that could be advised", unit="bead"):
        bead, left = beads.iloc[n], candidates[n]
        for count, kept, seed in ((FEW_RUNS, BEST, 1), (runs.count, 1, 2)):
            rows = carried_out(bead, left, adviser.card)
            rough = normal_shares(rows, runs.training, count, runs.seed + seed)
            left = left.some(np.argsort(-rough, kind="stable")[:kept])
        rows = carried_out(bead, left, adviser.card)
        shares[n] = normal_shares(rows, runs.training, runs.count, runs.seed)[0]
    return shares


def random_moves(
    adviser: Adviser, bead: pd.Series, change: Change, rng: np.random.Generator
) -> tuple[Move, ...] | None:
    """Moves of random set-points and directions that are together as large as those of `change`.

    Inside the training data, as advice is; None where none of TRIES draws lies there.
    """
    ranges, controls = adviser.domain.ranges(), adviser.controls(bead)
    for _ in range(TRIES):
        names = rng.choice(controls, size=min(len(change.moves), len(controls)), replace=False)
        shares = rng.dirichlet(np.ones(len(names))) * change.size
        shares *= rng.choice((-1, 1), len(names))
        moves = []
        for name, share in zip(names.tolist(), shares, strict=True):
            step, (low, high) = adviser.card.columns[name].step, ranges[name]
            offset = round(share * (high - low) / step) * step
            after = round(float(bead[name]) + offset, 6)
            if offset and low <= after <= high:
                moves.append(Move(name, float(bead[name]), after))
        if len(moves) == len(names):
            found = tuple(moves)
            if adviser.domain.inside(carried_out(bead, found, adviser.card))[0]:
                return found
    return None


def normal_shares(
    beads: pd.DataFrame, training: pd.DataFrame, simulated_runs: int, seed: int
) -> np.ndarray:
    """Share of `simulated_runs` runs of each bead that come out Normal, shape (beads,).

    Every run has a laboratory of its own, new hidden causes and new noise. A set-point that is not
    known takes the middle of the training beads'.
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


def _advised(
    adviser: Adviser, beads: pd.DataFrame, candidates: Sequence[Candidates], title: str
) -> list[Counterfactual]:
    return list(tqdm(adviser.advise_each(beads, candidates), title, len(beads), unit="bead"))


def _worth(beads: pd.DataFrame, changes: Sequence[Change], runs: Runs) -> pd.DataFrame:
    """What was expected of a change of each bead, its size, and the share of Normal runs then."""
    return pd.DataFrame(
        {
            "expected": [change.chance for change in changes],
            "size": [change.size for change in changes],
            "advised": runs.normal(beads, [change.moves for change in changes]),
        }
    )


MEANS = ("expected", "size", "as_run", "random", "advised", "oracle")


def _means(table: pd.DataFrame) -> dict[str, float | None]:
    return {name: rounded(table[name].mean()) for name in MEANS if name in table}


def _by_kind(beads: pd.DataFrame, advice: Sequence[Counterfactual], runs: Runs) -> dict:
    """Every kind of change, where it was offered as one of its own."""
    found = {}
    for kind in PRICES:
        offers = [(n, c) for n, one in enumerate(advice) for c in one.changes if c.kind == kind]
        if not offers:
            continue
        some = beads.iloc[[n for n, _ in offers]].reset_index(drop=True)
        table = _worth(some, [change for _, change in offers], runs)
        found[kind] = {"beads": len(table), **_means(table)}
    return found


def _by_defect(table: pd.DataFrame) -> dict:
    """A bead with two defects counts for both."""
    shown = table["labels"].map(labels.split)
    names = sorted({name for one in shown for name in one})
    rows = {name: table[shown.map(lambda one, name=name: name in one)] for name in names}
    return {
        name.lower().replace(" ", "_"): {"beads": len(part), **_means(part)}
        for name, part in rows.items()
    }


def _by_bins(table: pd.DataFrame, column: str, ends: Sequence[float]) -> dict:
    found = {}
    for low, high in pairwise(ends):
        part = table[(table[column] >= low) & (table[column] < high)]
        top = "more" if np.isinf(high) else f"{100 * high:.0f}"
        found[f"from_{100 * low:.0f}_to_{top}"] = {"beads": len(part), **_means(part)}
    return found


def _without_encoders(
    adviser: Adviser, beads: pd.DataFrame, candidates: Sequence[Candidates], runs: Runs
) -> dict | None:
    """The recommended changes of an ensemble of the classifiers alone; None where there is none."""
    if not adviser.ensemble.classifiers:
        return None
    alone = replace(adviser, ensemble=replace(adviser.ensemble, encoders={}))
    advice = _advised(alone, beads, candidates, "the same without encoders")
    given = [n for n, one in enumerate(advice) if one.changes]
    if not given:
        return None
    firsts = [advice[n].changes[0] for n in given]
    table = _worth(beads.iloc[given].reset_index(drop=True), firsts, runs)
    return {"beads": len(table), **_means(table)}


def _with_interval(values: pd.Series, seed: int) -> dict[str, float | None]:
    known = values.dropna().to_numpy()
    found = {"mean": rounded(known.mean()) if len(known) else None, "low": None, "high": None}
    if len(known) < 2 or known.min() == known.max():
        return found
    drawn = bootstrap(
        (known,), np.mean, method="percentile", n_resamples=2000, rng=np.random.default_rng(seed)
    )
    ends = drawn.confidence_interval
    return found | {"low": rounded(ends.low), "high": rounded(ends.high)}


def rounded(value: float | None) -> float | None:
    """A number of the metrics file: null where it is not defined, else with DIGITS decimals."""
    if value is None or pd.isna(value):
        return None
    return value if isinstance(value, int) else round(float(value), DIGITS)
