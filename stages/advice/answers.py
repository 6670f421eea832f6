"""An answer as one number a bead, on the scale on which contributions add up."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import logit
from threadpoolctl import threadpool_limits

from stages.advice.predictor import Predictor
from stages.beads.card import Card
from stages.beads.card_sections import ROLES
from stages.beads.text import Template
from stages.learning.baselines import Baseline, Fold
from stages.learning.features import Features
from stages.learning.tasks import Task, known_targets

EDGE = 1e-4  # trees say 0 and 1, whose logits are infinite
Answer = Callable[[pd.DataFrame], np.ndarray]


def fields_of(predictor: Predictor) -> list[str]:
    """What an engineer can say of a bead: the columns of its sentence and the note.

    Physics fields are none of them: they follow from the others.
    """
    card, style = predictor.card, predictor.style
    named = [n for n in card.named(*ROLES[style.information]) if card.columns[n].phrase]
    return [*named, *(card.named("note") if style.note else [])]


def answer_of(predictor: Predictor, task: str, templates: list[Template] | None = None) -> Answer:
    """Logits of the first output's calibrated probability, or logarithms of a regression's value.

    With `templates` the bead is judged by these alone.
    """
    style = predictor.style
    if templates:
        style = style.model_copy(update={"templates": templates})
    asked = replace(predictor, style=style)

    def answer(beads: pd.DataFrame) -> np.ndarray:
        named = beads.assign(bead=np.arange(len(beads)).astype(str))
        scores = asked.raw_scores(named, [task])[task]
        return _one_number(predictor.tasks[task], asked.confidences[task].probabilities, scores)

    return answer


def baseline_answer(predictor: Predictor, task: str, baseline: Baseline, seed: int) -> Answer:
    """The same of a baseline that learns from the table, fitted on all training beads."""
    card, style, kind = predictor.card, predictor.style, predictor.tasks[task]
    training = predictor.novelty.training
    known = known_targets(card, kind, training)
    y = np.array([known[bead] for bead in training["bead"] if bead in known])
    learned = _features(training[training["bead"].isin(known)], card, style)

    def answer(beads: pd.DataFrame) -> np.ndarray:
        fold = Fold(kind, learned, y, _features(beads, card, style), trees=100, seed=seed)
        # Of so few beads threads do nothing but wait for each other.
        with threadpool_limits(1):
            return _one_number(kind, lambda scores: scores, baseline(fold))

    return answer


def _features(beads: pd.DataFrame, card: Card, style: object) -> Features:
    table = card.with_formulas(beads)[card.fields(style.information, style.derived)]
    none = pd.Series("", index=table.index)
    return Features(table.reset_index(drop=True), none, pd.DataFrame(index=table.index))


def _one_number(task: Task, probabilities: Callable, scores: np.ndarray) -> np.ndarray:
    if task.kind == "regression":
        return np.log(scores[:, 0]) if task.transform == "log" else scores[:, 0]
    return logit(np.clip(probabilities(scores)[:, 0], EDGE, 1 - EDGE))
