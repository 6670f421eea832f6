"""Who learns and who is predicted in a variation, with fewer beads or with wrong outcomes."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold

from llm4waam.core.errors import StudyError
from llm4waam.decisions.predictions import Job, fold_jobs, members
from llm4waam.splits.folds import HOLD_OUT_FOLD

BETWEEN = "/"  # between a bead and the number of its prompt, in the name of a row


def fold_plan(folds: pd.DataFrame) -> list[Job]:
    """Every fold of every repeat; the hold-out stands aside."""
    places = [place for place in fold_jobs(folds) if place[1] != HOLD_OUT_FOLD]
    return [(place, *members(folds, *place)) for place in places]


def split_plan(folds: pd.DataFrame) -> list[Job]:
    """Every fold of every repeat and, where there is a hold-out, the model that predicts it."""
    return [job for place in fold_jobs(folds) if (job := (place, *members(folds, *place)))[2]]


def pair_plan(folds: pd.DataFrame) -> list[Job]:
    """For every two folds j < k of the first repeat: learn from the others, predict both.

    Whatever is fitted for fold k can so be fitted on predictions of beads of the other folds by
    models that saw neither these beads nor fold k. The fold of a job is j * K + k.
    """
    train = folds[(folds["role"] == "train") & (folds["repeat"] == 0)]
    count = int(train["fold"].max()) + 1
    jobs = []
    for j, k in combinations(range(count), 2):
        out = train["fold"].isin([j, k])
        jobs.append(
            ((0, j * count + k), train.loc[~out, "bead"].tolist(), train.loc[out, "bead"].tolist())
        )
    return jobs


def group_plan(folds: pd.DataFrame, beads: pd.DataFrame, column: str, file: Path) -> list[Job]:
    """Leave out one value of `column` after another: learn from all training beads without it.

    Raises StudyError where the table has no such column, or only one value of it.
    """
    train = folds[(folds["role"] == "train") & (folds["repeat"] == 0)]["bead"]
    if column not in beads:
        expected = ", ".join(beads.columns)
        raise StudyError(file, "there is no column to leave out", column=column, expected=expected)
    known = beads.set_index("bead")[column].reindex(train).astype(str)
    values = sorted(known.unique())
    if len(values) < 2:
        raise StudyError(file, "nothing to leave out", column=column, expected="two values")
    return [
        ((0, n), known.index[known != value].tolist(), known.index[known == value].tolist())
        for n, value in enumerate(values)
    ]


def row_plan(rows: Sequence[str], folds: int, seed: int) -> list[Job]:
    """Plain folds over rows, whatever bead they are of: the published protocol, and a leak."""
    names = np.array(sorted(rows))
    parts = KFold(folds, shuffle=True, random_state=seed).split(names)
    return [
        ((0, n), names[train].tolist(), names[test].tolist())
        for n, (train, test) in enumerate(parts)
    ]


def row_name(bead: str, number: int) -> str:
    """The name of a bead's prompt as a row of its own."""
    return f"{bead}{BETWEEN}{number}"


def some(beads: Sequence[str], count: int, seed: int) -> list[str]:
    """`count` of the beads, drawn so that a larger count holds every bead of a smaller one.

    All of them where there are no more.
    """
    order = np.random.default_rng(seed).permutation(sorted(beads))
    kept = set(order[:count].tolist())
    return [bead for bead in beads if bead in kept]


def with_noise(
    targets: Mapping[str, np.ndarray], train: Sequence[str], share: float, seed: int
) -> dict[str, np.ndarray]:
    """Targets (outputs,) by bead in which a share of the `train` beads has a wrong outcome.

    A spoiled bead gets the outcome of a training bead whose outcome is another one; no other bead
    is touched. A larger share spoils every bead that a smaller one spoils. Raises ValueError where
    all training beads have the same outcome.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(sorted(train)).tolist()
    givers = rng.permutation(sorted(train)).tolist()
    found = dict(targets)
    for bead in order[: round(share * len(order))]:
        others = (g for g in givers if not np.array_equal(targets[g], targets[bead]))
        giver = next(others, None)
        if giver is None:
            raise ValueError("all training beads have the same outcome")
        found[bead] = targets[giver]
        givers.append(givers.pop(givers.index(giver)))  # the next bead takes from another
    return found


def bead_of(row: str) -> str:
    """The bead of a row that `row_name` named, or of a row that is a bead itself."""
    return row.partition(BETWEEN)[0]
