"""What each field of a bead contributes to a model's output: Shapley values over fields.

Fields, not tokens: a field that is absent from a coalition takes the value of a training bead, so
that the sentence stays one that could have been written, and what follows from the fields is
computed anew. (Shapley 1953; for models Strumbelj and Kononenko 2014; in pairs of opposite orders
Mitchell et al. 2022.) The output of a model is one number a bead, on the scale on which
contributions add up; the last part of this file makes it of final models and of baselines.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import comb

import numpy as np
import pandas as pd
from scipy.special import logit

from llm4waam.card.columns import ROLES
from llm4waam.inference.applicability import ApplicabilityDomain
from llm4waam.inference.predictor import Predictor
from llm4waam.sentences.prompts import Template
from llm4waam.splits.tasks import Task

EXACT = 6  # so many fields have 64 coalitions; of more fields, orders are sampled
WEIGHT = "stands_for"  # the column of a background that says for how many training beads each is
EDGE = 1e-4  # trees give probabilities of 0 and 1, whose logits are infinite

# Beads (rows of the clean table) to one number each, (rows,): a logit, or a logarithm.
Output = Callable[[pd.DataFrame], np.ndarray]


@dataclass(frozen=True)
class Attribution:
    """`values` by field sum to `output` - `base`; `errors` are standard errors (0 where exact).

    The errors are those of the orders that were drawn, a little too large.

    `base` is the mean output over the background beads, `output` that of the bead itself.
    """

    values: pd.Series
    errors: pd.Series
    base: float
    output: float

    @property
    def gap(self) -> float:
        """What is missing from completeness: the sum of the values less output - base."""
        return float(self.values.sum() - (self.output - self.base))


def explain(
    model: Output,
    bead: pd.Series,
    background: pd.DataFrame,
    fields: list[str],
    seed: int,
    exact: int = EXACT,
) -> Attribution:
    """Shapley values of `fields` for one bead against the beads of `background`.

    Over all coalitions and background beads for up to `exact` fields that vary; above, one pair
    of opposite orders for each background bead, whose sums are complete in any case. Background
    beads count as the column WEIGHT says, or alike where there is none.
    """
    players = varying(bead, background, fields)
    compute = _exact if len(players) <= exact else _sampled
    values, errors, base, own = compute(model, bead, background, players, seed)

    def by_field(numbers: np.ndarray) -> pd.Series:
        return pd.Series(numbers, index=players, dtype=float).reindex(fields, fill_value=0.0)

    return Attribution(by_field(values), by_field(errors), base, own)


def representatives(domain: ApplicabilityDomain, count: int) -> pd.DataFrame:
    """`count` training beads that stand for all of them, and for how many each does (WEIGHT).

    One after the other the bead that brings all others nearest to a chosen one (k-medoids, the
    first phase of Kaufman and Rousseeuw 1990), by the distance of the applicability domain: the
    same beads whatever the seed. A training bead is stood for by the nearest.
    """
    apart = domain.distances(domain.training)
    apart = np.where(np.isfinite(apart), apart, apart[np.isfinite(apart)].max(initial=1.0) * 2)
    chosen = [int(apart.sum(axis=0).argmin())]
    while len(chosen) < min(count, len(apart)):
        nearest = apart[:, chosen].min(axis=1)
        gain = np.maximum(nearest[:, None] - apart, 0).sum(axis=0)
        gain[chosen] = -1.0
        chosen.append(int(gain.argmax()))
    stood_for = np.bincount(apart[:, chosen].argmin(axis=1), minlength=len(chosen))
    found = domain.training.iloc[chosen].reset_index(drop=True)
    return found.assign(**{WEIGHT: stood_for.astype(float)})


def weights_of(background: pd.DataFrame) -> np.ndarray:
    """What each background bead counts for, (beads,); sums to 1."""
    if WEIGHT not in background:
        return np.full(len(background), 1 / len(background))
    return (background[WEIGHT] / background[WEIGHT].sum()).to_numpy()


def varying(bead: pd.Series, background: pd.DataFrame, fields: list[str]) -> list[str]:
    """The fields of which a background bead differs from the bead; the others do nothing."""
    return [name for name in fields if not _same(background[name], bead[name]).all()]


def _same(column: pd.Series, value: object) -> pd.Series:
    return column.isna() if pd.isna(value) else column == value


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


def outputs_of(model: Output, beads: pd.DataFrame, names: list[str]) -> np.ndarray:
    """Outputs (rows,); beads that are equal in the columns `names` go through the model once."""
    groups, keys = pd.factorize(pd.MultiIndex.from_frame(beads[names].astype(object).fillna("")))
    first = pd.Series(groups).drop_duplicates().index
    return model(beads.iloc[first])[groups] if len(keys) else np.empty(0)


def _exact(
    model: Output, bead: pd.Series, background: pd.DataFrame, players: list[str], _: int
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Values (players,), their errors, the background's output and the bead's own."""
    count = len(players)
    kept = np.array([[bool(s >> p & 1) for p in range(count)] for s in range(2**count)], dtype=bool)
    kept = kept.reshape(2**count, count)
    rows = mixed(
        bead,
        pd.concat([background] * len(kept), ignore_index=True),
        np.repeat(kept, len(background), axis=0),
        players,
    )
    worth = outputs_of(model, rows, players or [rows.columns[0]])
    worth = worth.reshape(len(kept), len(background)) @ weights_of(background)
    values, sizes = np.zeros(count), kept.sum(axis=1)
    for player in range(count):
        without = np.flatnonzero(~kept[:, player])
        weight = np.array([1 / (count * comb(count - 1, int(sizes[s]))) for s in without])
        values[player] = (weight * (worth[without | 1 << player] - worth[without])).sum()
    return values, np.zeros(count), float(worth[0]), float(worth[-1])


def _sampled(
    model: Output, bead: pd.Series, background: pd.DataFrame, players: list[str], seed: int
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """As `_exact`, from two orders of the players for each background bead."""
    rng, count, size = np.random.default_rng(seed), len(players), len(background)
    orders = np.array([rng.permutation(count) for _ in range(size)])
    orders = np.stack([orders, orders[:, ::-1]], axis=1).reshape(2 * size, count)
    steps = np.arange(count + 1)
    ranks = np.argsort(orders, axis=1)
    kept = ranks[:, None, :] < steps[None, :, None]  # (orders, steps, players)
    rows = np.repeat(np.arange(size), 2 * (count + 1))
    beads = mixed(bead, background.iloc[rows], kept.reshape(-1, count), players)
    worth = outputs_of(model, beads, players).reshape(2 * size, count + 1)
    gains = np.diff(worth, axis=1)
    by_player = np.take_along_axis(gains, ranks, axis=1).reshape(size, 2, count)
    counts = weights_of(background)
    # An order and its reverse err against each other: half their difference is more than the error.
    error = np.sqrt(counts**2 @ (np.diff(by_player, axis=1)[:, 0] / 2) ** 2)
    base = float(worth.reshape(size, 2, -1)[:, 0, 0] @ counts)
    return counts @ by_player.mean(axis=1), error, base, float(worth[0, -1])


def fields_of(predictor: Predictor) -> list[str]:
    """What an engineer can say of a bead: the columns of its sentence and the note.

    Physics fields are none of them: they follow from the others.
    """
    card, style = predictor.card, predictor.style
    named = [n for n in card.named(*ROLES[style.information]) if card.columns[n].phrase]
    return [*named, *(card.named("note") if style.note else [])]


def model_output(
    predictor: Predictor, task: str, templates: list[Template] | None = None
) -> Output:
    """Logits of the first output's calibrated probability, or logarithms of a regression's value.

    With `templates` a bead is scored by the sentences of these alone.
    """
    style = predictor.style
    if templates:
        style = style.model_copy(update={"templates": templates})
    predictor = replace(predictor, style=style)

    def output(beads: pd.DataFrame) -> np.ndarray:
        named = beads.assign(bead=np.arange(len(beads)).astype(str))
        scores = predictor.raw_scores(named, [task])[task]
        sure = predictor.models[task].calibration.probabilities
        return sign * one_number(predictor.tasks[task], sure, scores)

    sign = predictor.towards_good(task)
    return output


def one_number(task: Task, probabilities: Callable, scores: np.ndarray) -> np.ndarray:
    """Scores (beads, outputs) on the scale on which contributions add up, (beads,)."""
    if task.kind == "regression":
        return np.log(scores[:, 0]) if task.transform == "log" else scores[:, 0]
    return logit(np.clip(probabilities(scores)[:, 0], EDGE, 1 - EDGE))
