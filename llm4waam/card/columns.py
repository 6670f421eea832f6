"""What a data card consists of: columns, derived fields, checks and tasks."""

from typing import Literal

from pydantic import Field

from llm4waam.core.settings import Section

Role = Literal["identifier", "group", "set_point", "measurement", "outcome", "note", "prompt"]
Kind = Literal["number", "category", "text", "labels", "flag"]
Information = Literal["pre_weld", "post_weld"]
ROLES: dict[str, tuple[Role, ...]] = {
    "pre_weld": ("set_point",),
    "post_weld": ("set_point", "measurement"),
}


class Level(Section):
    """One value of a category: how else it is spelled, and its handbook properties."""

    aliases: list[str] = []
    properties: dict[str, float] = {}


class Column(Section):
    """One column of the clean table and where it stands in the raw one.

    `nominal` is what derived fields take where the value is missing; `step` is the resolution of a
    set-point that an operator may turn from one bead to the next.
    """

    meaning: str
    role: Role
    kind: Kind
    header: str | None = None
    formula: str | None = None
    unit: str | None = None
    raw_unit: str | None = None
    accepted_units: list[str] = []
    unit_header: str | None = None
    lost_unit_like: str | None = None
    range: tuple[float, float] | None = None
    faults: list[float] = []
    required: bool = False
    phrase: str | None = None
    digits: int = 4
    nominal: float | None = None
    step: float | None = Field(default=None, gt=0)
    levels: dict[str, Level] = {}
    labels: dict[str, list[str]] = {}
    exclusive: str | None = None


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
    digits: int = 4


class Repair(Section):
    """A known slip: the reported value is `ratio` (a formula) times the expected one."""

    ratio: str
    reason: str


class Check(Section):
    """A column that must agree with one of the formulas (the first that is defined)."""

    column: str
    expected: list[str]
    tolerance: float = Field(gt=0)
    repairs: list[Repair] = []


class Task(Section):
    """What is predicted. `binary` asks whether `label` is among the labels of `columns[0]`."""

    kind: Literal["multi_label", "binary", "regression"]
    columns: list[str] = Field(min_length=1)
    question: str
    label: str | None = None
    classes: tuple[str, str] = ("no", "yes")
    transform: Literal["log", "none"] = "none"
    formulas: dict[Information, str] = {}
