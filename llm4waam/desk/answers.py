"""What the final models say of one bead, for a page, a program or an assistant.

An answer holds numbers with their units, doubts, and finished sentences in the language asked for;
who reads it has nothing to compute. Names of columns, labels and kinds are the card's in every
language.
"""

import math
import os
import threading
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypedDict

import pandas as pd

from llm4waam.advice.counterfactual import Change, ProcessMap, process_map
from llm4waam.advice.findings import Examiner, Findings, good_beads, make_examiner, read_tried
from llm4waam.advice.narration import Writer, first_sentences, narrate, reason_sentences
from llm4waam.advice.settings import Language
from llm4waam.advice.wording import in_language, words
from llm4waam.baselines.settings import Baselines
from llm4waam.card import labels
from llm4waam.core.errors import StudyError
from llm4waam.core.heard import heard
from llm4waam.inference.predictor import Predictor, load_predictor, probability_column
from llm4waam.sentences.fields import field_of

KEPT = 64  # beads whose findings are kept: a page asks for the same one several times
COVERAGE = 0.9  # of the intervals


class Value(TypedDict):
    """A field of a bead in the card's unit ("" for words and pure numbers)."""

    column: str
    value: float | str
    unit: str


class Outcome(TypedDict):
    """The answer to a classification: the decided label or class, and calibrated probabilities."""

    task: str
    question: str
    answer: str
    probabilities: dict[str, float]


class Quantity(TypedDict):
    """A regression in `unit`: `low` to `high` holds 90 % of true values.

    `formula` is what the card's closed formula gives from set-points. All are null where a field is
    missing without which the quantity is not known.
    """

    column: str
    unit: str
    value: float | None
    low: float | None
    high: float | None
    formula: float | None


class Prediction(TypedDict):
    """What is expected of one bead, and how far that can be believed."""

    read_as: list[Value]
    outcomes: list[Outcome]
    quantities: list[Quantity]
    models_disagree: bool | None
    outside_training_data: bool
    missing: list[str]
    trained_on: str
    sentences: list[str]
    doubts: list[str]


class Reason(TypedDict):
    """What one field does to the odds of a good bead, against the training beads.

    An odds ratio of 1 changes nothing, 0.5 halves the odds. `low` to `high` is two standard errors
    of the computation wide.
    """

    column: str
    odds_ratio: float
    low: float
    high: float


class Explanation(TypedDict):
    """Why the models expect what they expect; the fields that do most stand first."""

    chance_of_good_bead: float | None
    reasons: list[Reason]
    sentences: list[str]


class MoveOf(TypedDict):
    """One set-point to turn, in the card's unit."""

    column: str
    before: float
    after: float
    unit: str


class Option(TypedDict):
    """A change that is offered. `chance` is that of a good bead after it, a cautious one."""

    kind: Literal["recommended", "smallest", "safest", "single"]
    moves: list[MoveOf]
    chance: float
    sentence: str


class Tried(TypedDict):
    """What came of simulated beads that were advised with about the same chance."""

    beads: int
    share_good: float


class AdviceOf(TypedDict):
    """What to change: the recommended option first; or, without options, why not."""

    chance_as_it_is: float | None
    bar: float | None
    options: list[Option]
    tried: Tried | None
    sentences: list[str]
    narration: str


class Axis(TypedDict):
    """One axis of a process map."""

    column: str
    unit: str
    values: list[float]
    own: float


class MapOf(TypedDict):
    """The chance of a good bead over two set-points, at the bead's other settings.

    `chance` and `inside` have a row for each value of `y` and a column for each of `x`; `inside`
    tells whether training beads are near.
    """

    x: Axis
    y: Axis
    chance: list[list[float]]
    inside: list[list[bool]]
    sentences: list[str]


@dataclass(frozen=True)
class Desk:
    """The final models of one encoder and all that is asked of them; several threads may ask.

    `warnings` were said when the models were loaded. At most as many beads are worked on at a time
    as there are cores: more would only make all of them wait.
    """

    examiner: Examiner
    warnings: list[str]
    _turns: threading.Semaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(os.cpu_count() or 1)
    )

    def __post_init__(self) -> None:
        for name in ("_look", "_explain", "_advise", "_map"):
            object.__setattr__(self, name, lru_cache(KEPT)(getattr(self, name)))

    @property
    def predictor(self) -> Predictor:
        """The final models."""
        return self.examiner.predictor

    def look(self, row: pd.Series) -> Findings:
        """What is expected of a bead, a row of the clean table."""
        return self._look(_key(row))

    def explain(self, row: pd.Series) -> Findings:
        """The same with reasons."""
        return self._explain(_key(row))

    def advise(self, row: pd.Series) -> Findings:
        """The same with reasons and advice."""
        return self._advise(_key(row))

    def process_map(self, row: pd.Series) -> ProcessMap | None:
        """The map of a bead, None where it has none; see `advice.counterfactual.process_map`."""
        return self._map(_key(row))

    def _look(self, key: Hashable) -> tuple[Findings, list[str]]:
        with self._turns, heard() as lines:
            return self.examiner.first_look(_row(key)), lines
