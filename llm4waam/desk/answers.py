"""What the final models say of one bead, for a page, a program or an assistant.

An answer holds numbers with their units, doubts, and finished sentences in the language asked for;
who reads it has nothing to compute. Names of columns, labels and kinds are the card's in every
language.
"""

import math
import os
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import lru_cache
from typing import TypeVar

import numpy as np
import pandas as pd

from llm4waam.advice.counterfactual import ProcessMap, process_map
from llm4waam.advice.findings import Examiner, Findings, make_examiner, read_tried
from llm4waam.advice.narration import Writer, tell
from llm4waam.advice.settings import AdviceParams, Language
from llm4waam.advice.wording import in_language
from llm4waam.card.card import Card
from llm4waam.card.columns import Information
from llm4waam.core.errors import StudyError
from llm4waam.core.heard import heard
from llm4waam.core.settings import read_params
from llm4waam.desk.beads import GivenBead, understand, written
from llm4waam.desk.schema import (
    ChanceMap,
    Explanation,
    Prediction,
    Quantity,
    Recommendation,
    Value,
)
from llm4waam.desk.wording import said
from llm4waam.inference.predictor import Predictor, load_predictor, probability_column
from llm4waam.logbook.logbook import read_log
from llm4waam.sentences.fields import field_of

Made = TypeVar("Made")
POINTS = 8  # of a map along each axis, in half the time of the 12 on the page of advice
KEPT = 64  # beads whose findings are kept: a page asks for the same one several times


class Desk:
    """The final models of one encoder and all that is asked of them; several threads may ask.

    `warnings` are what was said when the models were loaded.
    """

    def __init__(self, examiner: Examiner, information: Information, warnings: list[str]) -> None:
        """`information` is that of the sentences."""
        self.examiner, self.information, self.warnings = examiner, information, warnings
        # What takes seconds waits for its turn, first come, first served: more of it at a time than
        # there are cores would only make all wait. A first look takes a moment and waits for none.
        self._turns = ThreadPoolExecutor(os.cpu_count() or 1, "turn")
        self._looked, self._explained = lru_cache(KEPT)(self._look), lru_cache(KEPT)(self._explain)
        self._advised, self._mapped = lru_cache(KEPT)(self._advise), lru_cache(KEPT)(self._map)

    @property
    def predictor(self) -> Predictor:
        """The final models."""
        return self.examiner.predictor

    @property
    def card(self) -> Card:
        """The card of the table that they learned from."""
        return self.predictor.card

    def warm_up(self) -> None:
        """Ask once, of a log without words and of a training bead: the first time takes longer."""
        read_log("", self.card)
        self.advise(self.predictor.domain.training.iloc[0])

    def close(self) -> None:
        """Begin nothing more; what waits for its turn is given up."""
        self._turns.shutdown(wait=False, cancel_futures=True)

    def understand(self, cells: Mapping[str, object], language: Language) -> GivenBead:
        """The bead whose cells are given by column; see `beads.understand`."""
        return understand(cells, self.card, self.information, language)

    def look(self, row: pd.Series) -> tuple[Findings, list[str]]:
        """What is expected of a bead, a row of the clean table, and what was said meanwhile."""
        return self._looked(_key(row))

    def explain(self, row: pd.Series) -> Findings:
        """The same with reasons."""
        return self._explained(_key(row))

    def advise(self, row: pd.Series) -> Findings:
        """The same with reasons and advice."""
        return self._advised(_key(row))

    def answers(self, beads: pd.DataFrame) -> pd.DataFrame:
        """`Predictor.answers` of some beads."""
        return self._in_turn(self.predictor.answers, beads)

    def process_map(self, row: pd.Series) -> ProcessMap | None:
        """The map of a bead, None where it has none; see `advice.counterfactual.process_map`."""
        return self._mapped(_key(row)) if self.examiner.adviser else None

    def _in_turn(self, work: Callable[..., Made], *arguments: object) -> Made:
        # What is logged there belongs to whoever asked, as `heard` says.
        return self._turns.submit(copy_context().run, work, *arguments).result()

    def _look(self, key: Hashable) -> tuple[Findings, list[str]]:
        with heard() as lines:
            return self.examiner.first_look(_row(key)), lines

    def _explain(self, key: Hashable) -> Findings:
        findings, _ = self._looked(key)
        return self._in_turn(self.examiner.with_reasons, findings)

    def _advise(self, key: Hashable) -> Findings:
        findings = self._explained(key)
        return self._in_turn(self.examiner.with_advice, findings)

    def _map(self, key: Hashable) -> ProcessMap | None:
        return self._in_turn(process_map, self.examiner.adviser, _row(key), POINTS)


def open_desk(encoder: str | None = None) -> Desk:
    """The desk of the study in this folder; `encoder` None is advice.encoder of params.yaml.

    Raises StudyError where the study has left no final models.
    """
    params = read_params(AdviceParams)
    with heard() as warnings:
        name = encoder or params.advice.encoder
        predictor = load_predictor(name, params.tasks, params.text, params.card_file)
        examiner = make_examiner(
            predictor, params.advice, params.card_file, params.baselines.trees, read_tried()
        )
    return Desk(examiner, params.text.information, warnings)


def _key(row: pd.Series) -> Hashable:
    """What is known of a bead, whatever it is called."""
    return tuple((n, None if pd.isna(v) else v) for n, v in row.items() if n != "bead")


def _row(key: Hashable) -> pd.Series:
    known = {name: math.nan if value is None else value for name, value in key}
    return pd.Series({"bead": "bead"} | known, dtype=object)


def prediction_of(desk: Desk, row: pd.Series, language: Language) -> Prediction:
    """The expectation of a bead as numbers and sentences."""
    findings, lines = desk.look(row)
    told, answer = tell(findings, desk.card, language), findings.answer
    reliable = [] if told.reliable else [told.do_this]
    disagree = answer.get("models_disagree")
    return {
        "read_as": [value_of(desk.card, n, v) for n, v in row.drop("bead").dropna().items()],
        "outcomes": [
            {
                "task": name,
                "question": desk.card.tasks[name].question,
                "answer": str(answer[name]),
                "probabilities": {
                    one: float(answer[probability_column(name, one)]) for one in task.outputs
                },
            }
            for name, task in desk.predictor.tasks.items()
            if task.kind != "regression"
        ],
        "quantities": [
            _quantity(desk.card, task.outputs[0], answer)
            for task in desk.predictor.tasks.values()
            if task.kind == "regression"
        ],
        "models_disagree": None if disagree is None else bool(disagree),
        "outside_training_data": bool(answer["outside"]),
        "missing": findings.missing,
        "trained_on": str(answer["trained_on"]),
        "sentences": [one for one in (*reliable, told.expectation, *told.numbers) if one],
        "doubts": [*told.doubts, *(in_language(line, desk.card, language) for line in lines)],
    }


def explanation_of(desk: Desk, row: pd.Series, language: Language) -> Explanation:
    """The reasons as odds ratios and sentences; outside the training data sentences say that."""
    findings = desk.explain(row)
    told, found = tell(findings, desk.card, language), findings.attribution
    order = [] if found is None else found.values.abs().sort_values(ascending=False).index
    return {
        "chance_of_good_bead": _finite(findings.chance),
        "reasons": [
            {
                "column": name,
                "odds_ratio": math.exp(found.values[name]),
                "low": math.exp(found.values[name] - 2 * found.errors[name]),
                "high": math.exp(found.values[name] + 2 * found.errors[name]),
            }
            for name in order
            if found.values[name] != 0
        ],
        "sentences": told.reasons or [one for one in (told.expectation, told.do_this) if one],
    }


def recommendation_of(desk: Desk, row: pd.Series, language: Language) -> Recommendation:
    """What to change, as numbers and sentences."""
    findings, writer = desk.advise(row), Writer(desk.card, language)
    told = tell(findings, desk.card, language)
    changes = [] if findings.reason else findings.advice.changes
    return {
        "chance_of_good_bead": _finite(findings.chance),
        "chance_as_it_is": _finite(findings.advice.chance),
        "bar": _finite(findings.bar),
        "options": [
            {
                "kind": change.kind,
                "moves": [
                    {
                        "column": move.field,
                        "before": move.before,
                        "after": move.after,
                        "unit": desk.card.columns[move.field].unit or "",
                    }
                    for move in change.moves
                ],
                "chance": change.chance,
                "sentence": writer.other(change) if number else told.do_this,
            }
            for number, change in enumerate(changes)
        ],
        "tried": dict(zip(("beads", "share_good"), findings.record, strict=True))
        if findings.record
        else None,
        "labels_after": findings.named_after,
        "formulas_after": [value_of(desk.card, n, v) for n, v in findings.after.items()],
        "sentences": [
            *told.doubts_after, *filter(None, [told.do_this]), *told.promise, *told.numbers_after,
            *told.others,
        ],
    }  # fmt: skip


def map_of(desk: Desk, row: pd.Series, language: Language) -> ChanceMap:
    """The process map of a bead as numbers and sentences.

    Raises StudyError for a bead without one: nothing is advised, or an axis has no value.
    """
    found = desk.process_map(row)
    if found is None:
        expected = "values of " + " and ".join(desk.card.process_map or desk.card.turnable()[:2])
        raise StudyError("bead", "it has no process map", expected=expected)
    writer, places = Writer(desk.card, language), np.where(found.inside, found.chance, -1.0)
    y, x = np.unravel_index(int(places.argmax()), places.shape)
    axes = [
        {
            "column": name,
            "unit": desk.card.columns[name].unit or "",
            "values": [float(one) for one in values],
            "own": float(row[name]),
        }
        for name, values in zip(found.axes, (found.x, found.y), strict=True)
    ]
    across, upward = found.axes
    facts = {
        "x": writer.name("fields", across),
        "y": writer.name("fields", upward),
        "v": writer.value(across, found.x[x]),
        "w": writer.value(upward, found.y[y]),
        "p": writer.share(found.chance[y, x]),
    }
    key = "map_best" if found.inside.any() else "map_outside"
    return {
        "x": axes[0],
        "y": axes[1],
        "chance": found.chance.tolist(),
        "inside": found.inside.tolist(),
        "sentences": [said(key, language, **facts)],
    }


def value_of(card: Card, name: str, value: object) -> Value:
    """A value with its name and unit."""
    one = field_of(card, name)
    if name in card.columns and one.kind == "flag":
        value = written(one, value)
    number = isinstance(value, int | float)
    return {
        "column": name,
        "value": float(value) if number else str(value),
        "unit": one.unit or "" if number and one.unit != "dimensionless" else "",
    }


def _quantity(card: Card, target: str, answer: pd.Series) -> Quantity:
    numbers = {
        key: _finite(answer.get(f"{target}{end}"))
        for key, end in {"value": "", "low": "_low", "high": "_high", "formula": "_formula"}.items()
    }
    return {"column": target, "unit": card.columns[target].unit or "", **numbers}


def _finite(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)
