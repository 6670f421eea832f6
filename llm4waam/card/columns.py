"""What a data card consists of: columns, derived fields, checks and tasks."""

import math
from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator

from llm4waam.core.settings import Section
from llm4waam.core.tables import plain_header

Role = Literal["identifier", "group", "set_point", "measurement", "outcome", "note", "prompt"]
ALL_ROLES: tuple[Role, ...] = get_args(Role)
CELL = "cell"
ADDED = ("bead", CELL)  # the columns that cleaning adds
Kind = Literal["number", "category", "text", "labels", "flag"]
Information = Literal["pre_weld", "post_weld"]
ROLES: dict[str, tuple[Role, ...]] = {
    "pre_weld": ("set_point",),
    "post_weld": ("set_point", "measurement"),
}
Digits = Annotated[int, Field(ge=1, le=17)]  # as many as a float has


class Level(Section):
    """One value of a category: how else it is spelled, and its handbook properties."""

    aliases: list[str] = []
    properties: dict[str, float] = {}


class Column(Section):
    """One column of the clean table and where it stands in the raw one.

    A card may leave out `meaning` (the name in words), `header` (the name, where there is no
    formula either) and, of a set-point or a measurement, `phrase` (the meaning; an empty one keeps
    the column out of the sentences).

    `missing` are words for "no value" beside those of the card. `present` and `absent` are further
    spellings of a flag. `label_of` names an identifier: the table has a row for each bead and
    label, and rows with the same identifier are one bead. `nominal` is what derived fields take
    where the value is missing; `step` is the resolution of a set-point that an operator may turn
    from one bead to the next. An end of `range` may be null: there is none.
    """

    meaning: str = ""
    role: Role
    kind: Kind
    header: str | None = None
    formula: str | None = None
    unit: str | None = None
    raw_unit: str | None = None
    accepted_units: list[str] = []
    unit_header: str | None = None
    lost_unit_like: str | None = None
    range: tuple[float | None, float | None] | None = None
    faults: list[float] = []
    missing: list[str] = []
    required: bool = False
    phrase: str | None = None
    digits: Digits = 4
    nominal: float | None = None
    step: float | None = Field(default=None, ge=1e-6)
    levels: dict[str, Level] = {}
    labels: dict[str, list[str]] = {}
    exclusive: str | None = None
    label_of: str | None = None
    present: list[str] = []
    absent: list[str] = []

    @field_validator("header", "unit_header")
    @classmethod
    def _as_read(cls, name: str | None) -> str | None:
        return name and plain_header(name)

    @property
    def bounds(self) -> tuple[float, float]:
        """The ends of `range`, infinite where there is none."""
        low, high = self.range or (None, None)
        return -math.inf if low is None else low, math.inf if high is None else high

    @property
    def units(self) -> list[str]:
        """The units that a cell may have, the card's own last."""
        named = (*self.accepted_units, self.raw_unit, self.unit)
        return list(dict.fromkeys(unit for unit in named if unit))


class Derived(Section):
    """A physics field computed from columns; with a phrase, for sentences and features too.

    `tier` says what one must know to write it: 1, formulas of the arc and of the bead; 2, indices
    of printability, which is also how simulated labels are made.
    """

    meaning: str
    formula: str
    unit: str
    tier: Literal[1, 2] = 1
    phrase: str | None = None
    digits: Digits = 4


class Repair(Section):
    """A known slip: the reported value is `ratio` (a formula) times the expected one."""

    ratio: str
    reason: str


class Check(Section):
    """A column that must agree with one of the formulas (the first that is defined)."""

    column: str
    expected: list[str] = Field(min_length=1)
    tolerance: float = Field(gt=0, le=1)
    repairs: list[Repair] = []


class Task(Section):
    """What is predicted from a bead.

    regression: the numbers `columns`. multi_label: any of the labels of `columns[0]`, or of the
    flags `columns`. multi_class: one of the levels of the category `columns[0]`. binary: whether
    `label` is among the labels, or is the level, of `columns[0]`; whether the flag `columns[0]` is
    set; or whether the number `columns[0]` is at least `threshold`. `classes` names what no and
    yes mean then, and `good` is the one of them that advice aims for.
    """

    kind: Literal["multi_label", "multi_class", "binary", "regression"]
    columns: list[str] = Field(min_length=1)
    question: str = ""
    label: str | None = None
    threshold: float | None = None
    classes: tuple[str, str] = ("no", "yes")
    good: str | None = None
    transform: Literal["log", "none"] = "none"
    formulas: dict[Information, str] = {}
