"""What each field of a bead does to an answer: Shapley values over fields, not tokens.

A field that is absent from a coalition takes the value of a training bead, so that the sentence
stays one that could have been written; what follows from the fields is computed anew. (Shapley
1953; for models Strumbelj and Kononenko 2014; in pairs of opposite orders Mitchell et al. 2022.)
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np
import pandas as pd

EXACT = 10  # so many fields have 1,024 coalitions; more are sampled

# Answers (rows,) of beads (rows) as one number each: a logit, a logarithm.
Answer = Callable[[pd.DataFrame], np.ndarray]


@dataclass(frozen=True)
class Attribution:
    """`values` by field sum to `answer` - `base`; `errors` are standard errors (0 where exact).

    `base` is the mean answer over the background beads, `answer` that of the bead itself.
    """

    values: pd.Series
    errors: pd.Series
    base: float
    answer: float

    @property
    def gap(self) -> float:
        """What is missing from completeness: the sum of the values less answer - base."""
        return float(self.values.sum() - (self.answer - self.base))


def varying(bead: pd.Series, background: pd.DataFrame, fields: list[str]) -> list[str]:
    """The fields of which a background bead differs from the bead; the others do nothing."""
    same = {name: _same(background[name], bead[name]) for name in fields}
    return [name for name in fields if not same[name].all()]


def explain(
    answer: Answer,
    bead: pd.Series,
    background: pd.DataFrame,
    fields: list[str],
    seed: int,
    exact: int = EXACT,
) -> Attribution:
    """Shapley values of `fields` for one bead against the beads of `background`.

    Over all coalitions and background beads for up to `exact` fields that vary; above, one pair
    of opposite orders for each background bead, whose sums are complete in any case.
    """
    players = varying(bead, background, fields)
    few = len(players) <= exact
    found, spread, base, own = (_exact if few else _sampled)(
        answer, bead, background, players, seed
    )
    values = pd.Series(found, index=players, dtype=float).reindex(fields, fill_value=0.0)
    errors = pd.Series(spread, index=players, dtype=float).reindex(fields, fill_value=0.0)
    return Attribution(values, errors, base, own)


def mixed(
    bead: pd.Series, background: pd.DataFrame, kept: np.ndarray, players: list[str]
) -> pd.DataFrame:
    """Beads with the bead's own value where `kept` (rows, players), else that of the background.

    `background` has one row for each of `kept`. Columns that are no player are the bead's.
    """
    rows = pd.DataFrame([bead] * len(kept)).reset_index(drop=True)
    for column, name in enumerate(players):
        own, other = rows[name], background[name].reset_index(drop=True)
        rows[name] = own.where(kept[:, column], other).astype(background[name].dtype)
    return rows


def asked_once(answer: Answer, beads: pd.DataFrame, names: list[str]) -> np.ndarray:
    """Answers (rows,), each distinct bead (by `names`) asked only once."""
    groups, keys = pd.factorize(pd.MultiIndex.from_frame(beads[names].astype(object).fillna("")))
    first = pd.Series(groups).drop_duplicates().index
    return answer(beads.iloc[first])[groups] if len(keys) else np.empty(0)


def _exact(
    answer: Answer, bead: pd.Series, background: pd.DataFrame, players: list[str], _: int
) -> tuple[np.ndarray, np.ndarray, float, float]:
    count = len(players)
    kept = np.array([[bool(s >> p & 1) for p in range(count)] for s in range(2**count)], dtype=bool)
    kept = kept.reshape(2**count, count)
    rows = mixed(
        bead,
        pd.concat([background] * len(kept), ignore_index=True),
        np.repeat(kept, len(background), axis=0),
        players,
    )
    worth = asked_once(answer, rows, players or [rows.columns[0]])
    worth = worth.reshape(len(kept), len(background)).mean(axis=1)
    values, sizes = np.zeros(count), kept.sum(axis=1)
    for player in range(count):
        without = np.flatnonzero(~kept[:, player])
        weight = np.array([1 / (count * comb(count - 1, int(sizes[s]))) for s in without])
        values[player] = (weight * (worth[without | 1 << player] - worth[without])).sum()
    return values, np.zeros(count), float(worth[0]), float(worth[-1])


def _sampled(
    answer: Answer, bead: pd.Series, background: pd.DataFrame, players: list[str], seed: int
) -> tuple[np.ndarray, np.ndarray, float, float]:
    rng, count, size = np.random.default_rng(seed), len(players), len(background)
    orders = np.array([rng.permutation(count) for _ in range(size)])
    orders = np.stack([orders, orders[:, ::-1]], axis=1).reshape(2 * size, count)
    steps = np.arange(count + 1)
    ranks = np.argsort(orders, axis=1)
    kept = ranks[:, None, :] < steps[None, :, None]  # (orders, steps, players)
    rows = np.repeat(np.arange(size), 2 * (count + 1))
    beads = mixed(bead, background.iloc[rows], kept.reshape(-1, count), players)
    worth = asked_once(answer, beads, players).reshape(2 * size, count + 1)
    gains = np.diff(worth, axis=1)
    by_player = np.take_along_axis(gains, ranks, axis=1).reshape(size, 2, count).mean(axis=1)
    error = by_player.std(axis=0, ddof=1) / np.sqrt(size) if size > 1 else np.zeros(count)
    return by_player.mean(axis=0), error, float(worth[:, 0].mean()), float(worth[0, -1])


def _same(column: pd.Series, value: object) -> pd.Series:
    return column.isna() if pd.isna(value) else column == value
