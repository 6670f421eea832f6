"""What the desk answers, as JSON: the types are the schemas that programs and assistants are shown.

Columns, labels and kinds are named as in the card, in every language; sentences are in the language
that was asked for.
"""

from typing import Literal, TypedDict


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


class SetPoint(TypedDict):
    """One set-point to turn, in the card's unit."""

    column: str
    before: float
    after: float
    unit: str


class Option(TypedDict):
    """A change that is offered. `chance` is a cautious one of a good bead after it."""

    kind: Literal["recommended", "smallest", "safest", "single"]
    moves: list[SetPoint]
    chance: float
    sentence: str


class Tried(TypedDict):
    """What came of simulated beads that were advised with about the same chance."""

    beads: int
    share_good: float


class Recommendation(TypedDict):
    """What to change, the recommended option first; without options `sentences` say why.

    Nothing need be changed where `chance_of_good_bead`, what one model says, reaches `bar`.
    `chance_as_it_is` is a cautious one of several models, as those of the options are.
    """

    chance_of_good_bead: float | None
    chance_as_it_is: float | None
    bar: float | None
    options: list[Option]
    tried: Tried | None
    labels_after: list[str]
    formulas_after: list[Value]
    sentences: list[str]


class Axis(TypedDict):
    """One axis of a process map; `own` is where the bead stands."""

    column: str
    unit: str
    values: list[float]
    own: float


class ChanceMap(TypedDict):
    """The chance of a good bead over two set-points, at the bead's other settings.

    `chance` and `inside` have a row for each value of `y` and a column for each of `x`; `inside`
    tells whether training beads are near.
    """

    x: Axis
    y: Axis
    chance: list[list[float]]
    inside: list[list[bool]]
    sentences: list[str]


class Reading(TypedDict):
    """What a free-text log says of one bead.

    `bead` has a cell for each column that was understood, with its unit, as `predict_bead` takes
    it. `doubts` are values that may mean two things, and were not taken.
    """

    bead: dict[str, str]
    not_understood: list[str]
    doubts: list[str]


class CardColumn(TypedDict):
    """A column of a bead: numbers have a `unit` and ends, words a list of `words`.

    `units` are the others that a cell may have. `step` is the resolution of a set-point that can be
    turned at the machine, null for others.
    """

    column: str
    meaning: str
    required: bool
    unit: str
    units: list[str]
    low: float | None
    high: float | None
    words: list[str]
    step: float | None


class CardTask(TypedDict):
    """What the models answer: labels or classes, or a number in `unit`."""

    task: str
    kind: Literal["multi_label", "multi_class", "binary", "regression"]
    question: str
    answers: list[str]
    unit: str


class CardOf(TypedDict):
    """The table that the models learned from, and what a bead may hold."""

    title: str
    simulated: bool
    training_beads: int
    encoder: str
    columns: list[CardColumn]
    tasks: list[CardTask]
    sentences: list[str]
