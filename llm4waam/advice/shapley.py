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
from threadpoolctl import threadpool_limits

from llm4waam.baselines.features import Features
from llm4waam.baselines.models import Baseline, Fold
from llm4waam.card.card import Card
from llm4waam.card.columns import ROLES
from llm4waam.inference.predictor import Predictor
from llm4waam.sentences.prompts import Template, TextStyle
from llm4waam.splits.tasks import Task, known_targets

EXACT = 10  # so many fields have 1,024 coalitions; of more fields, orders are sampled
EDGE = 1e-4  # trees give probabilities of 0 and 1, whose logits are infinite

# Beads (rows of the clean table) to one number each, (rows,): a logit, or a logarithm.
Output = Callable[[pd.DataFrame], np.ndarray]


@dataclass(frozen=True)
class Attribution:
    """`values` by field sum to `output` - `base`; `errors` are standard errors (0 where exact).

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
    of opposite orders for each background bead, whose sums are complete in any case.
    """
    players = varying(bead, background, fields)
    compute = _exact if len(players) <= exact else _sampled
    values, errors, base, own = compute(model, bead, background, players, seed)

    def by_field(numbers: np.ndarray) -> pd.Series:
        return pd.Series(numbers, index=players, dtype=float).reindex(fields, fill_value=0.0)

    return Attribution(by_field(values), by_field(errors), base, own)


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
    worth = worth.reshape(len(kept), len(background)).mean(axis=1)
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
    by_player = np.take_along_axis(gains, ranks, axis=1).reshape(size, 2, count).mean(axis=1)
    error = by_player.std(axis=0, ddof=1) / np.sqrt(size) if size > 1 else np.zeros(count)
    return by_player.mean(axis=0), error, float(worth[:, 0].mean()), float(worth[0, -1])


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
        return _one_number(predictor.tasks[task], predictor.confidences[task].probabilities, scores)

    return output


def baseline_output(predictor: Predictor, task: str, baseline: Baseline, seed: int) -> Output:
    """The same of a baseline that learns from the table, fitted on all training beads."""
    card, style, kind = predictor.card, predictor.style, predictor.tasks[task]
    training = predictor.domain.training
    known = known_targets(card, kind, training)
    y = np.array([known[bead] for bead in training["bead"] if bead in known])
    learned = _features(training[training["bead"].isin(known)], card, style)

    def output(beads: pd.DataFrame) -> np.ndarray:
        fold = Fold(kind, learned, y, _features(beads, card, style), trees=100, seed=seed)
        # Of so few beads threads do nothing but wait for each other.
        with threadpool_limits(1):
            return _one_number(kind, lambda scores: scores, baseline(fold))

    return output


def _features(beads: pd.DataFrame, card: Card, style: TextStyle) -> Features:
    table = card.with_formulas(beads)[card.fields(style.information, style.derived)]
    none = pd.Series("", index=table.index)
    return Features(table.reset_index(drop=True), none, pd.DataFrame(index=table.index))


def _one_number(task: Task, probabilities: Callable, scores: np.ndarray) -> np.ndarray:
    if task.kind == "regression":
        return np.log(scores[:, 0]) if task.transform == "log" else scores[:, 0]
    return logit(np.clip(probabilities(scores)[:, 0], EDGE, 1 - EDGE))
