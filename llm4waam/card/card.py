"""The data card of a raw table: read, checked, and asked for columns, fields and tasks.

Nothing else in the library knows a column by its name. What a card consists of is in `columns`.
"""

import re
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd
from pydantic import model_validator

from llm4waam.card.columns import (
    ROLES,
    Check,
    Column,
    Derived,
    Information,
    Kind,
    Role,
    Task,
)
from llm4waam.card.formulas import evaluate, names_in
from llm4waam.card.quantities import convert, unit
from llm4waam.core.errors import StudyError
from llm4waam.core.settings import Section, read_yaml
from llm4waam.core.tables import TableFormat

CELL = "cell"
ADDED = ("bead", CELL)  # the columns that cleaning adds
ALL_ROLES: tuple[Role, ...] = get_args(Role)


class Card(Section):
    """Everything that is known of a raw table; every key is told in docs/card.md.

    `missing` are words for "no value" beside the usual ones. Equal rows are repeats and stay,
    unless `duplicates` is drop or the card names an identifier. `split_by` is the column whose
    values stay together in one fold, where params.yaml names none; cell: only repeats do.
    `process_map` are the set-points of the map's axes, x and y; else the first two with a step.
    """

    title: str
    description: str = ""
    simulated: bool
    licence: str = "not stated"
    source: str = "not stated"
    table: TableFormat = TableFormat()
    missing: list[str] = []
    duplicates: Literal["keep", "drop"] = "keep"
    split_by: str = CELL
    process_map: tuple[str, str] | None = None
    ceiling: dict[str, float] = {}
    columns: dict[str, Column]
    derived: dict[str, Derived] = {}
    checks: list[Check] = []
    tasks: dict[str, Task]

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, raw: Any) -> Any:
        """The card with what it may leave out filled in, see `Column` and `Task`."""
        if not isinstance(raw, dict) or not isinstance(raw.get("columns"), dict):
            return raw
        columns, tasks = dict(raw["columns"]), raw.get("tasks")
        prompts = any(isinstance(c, dict) and c.get("role") == "prompt" for c in columns.values())
        for name, given in columns.items():
            if isinstance(given, dict):
                columns[name] = _filled(str(name), given, prompts)
        filled = {**raw, "columns": columns}
        if isinstance(tasks, dict):
            filled["tasks"] = {
                name: {"question": f"What is the {_words(str(name))}?", **task}
                if isinstance(task, dict)
                else task
                for name, task in tasks.items()
            }
        return filled

    def named(self, *roles: Role, kind: Kind | None = None) -> list[str]:
        """Names of the columns with one of the roles (and of the kind), in the card's order."""
        columns = self.columns.items()
        return [n for n, c in columns if c.role in roles and kind in (None, c.kind)]

    @property
    def clean_columns(self) -> list[str]:
        """Names of the card's columns in the clean table."""
        columns = self.columns.items()
        return [n for n, c in columns if c.role != "identifier" and (c.header or c.formula)]

    def fields(self, information: Information, derived: int) -> list[str]:
        """Columns and derived fields that a sentence or a feature table may use, in order.

        `pre_weld` holds what is known before striking the arc: set-points, and derived fields
        whose every input is one. Outcomes are never among them. `derived` is the highest tier of
        derived fields; 0 gives none.
        """
        known = [n for n in self.named(*ROLES[information]) if self.columns[n].phrase]
        return known + [n for n in self.computable(information, derived) if self.derived[n].phrase]

    def computable(self, information: Information, tier: int) -> list[str]:
        """Derived fields up to a tier that follow from what is known, with a phrase or without."""
        roles = ROLES[information]
        known = {*self.named(*roles), *self.properties(roles)}
        found = []
        for name, derived in self.derived.items():
            if derived.tier <= tier and names_in(derived.formula) <= known:
                known.add(name)
                found.append(name)
        return found

    def inputs(self, formula: str) -> set[str]:
        """The columns without which a formula has no value, through derived fields and properties.

        A column with a nominal value is not among them.
        """
        found: set[str] = set()
        for name in names_in(formula):
            if name in self.derived:
                found |= self.inputs(self.derived[name].formula)
            elif name in self.columns:
                found |= {name} if self.columns[name].nominal is None else set()
            else:
                found |= {
                    column
                    for column in self.named(*ALL_ROLES, kind="category")
                    if any(name in one.properties for one in self.columns[column].levels.values())
                }
        return found

    def properties(self, roles: tuple[Role, ...]) -> set[str]:
        """Names of the level properties of the categories with one of the roles."""
        columns = (self.columns[name] for name in self.named(*roles, kind="category"))
        return {
            p for column in columns for level in column.levels.values() for p in level.properties
        }

    def good_class(self, name: str) -> str | None:
        """The class of a binary task that advice aims for, None where the card says none.

        That is `good`; without it, yes where the task asks for the label that no other may join.
        """
        task = self.tasks[name]
        if task.kind != "binary":
            return None
        asked = self.columns[task.columns[0]].exclusive
        return task.good or (task.classes[1] if asked and task.label == asked else None)

    def turnable(self) -> list[str]:
        """The set-points that an operator can turn from one bead to the next: those with a step."""
        return [name for name in self.named("set_point", kind="number") if self.columns[name].step]

    def task(self, name: str, file: object) -> Task:
        """The task called `name`; raises StudyError where the card has none of that name."""
        if name not in self.tasks:
            expected = ", ".join(self.tasks)
            raise StudyError(file, "no such task in the card", value=name, expected=expected)
        return self.tasks[name]

    def with_formulas(self, table: pd.DataFrame) -> pd.DataFrame:
        """`table` with the level properties and then the derived fields as further columns."""
        table = table.copy()
        for name in self.named("set_point", "measurement", kind="category"):
            levels = self.columns[name].levels
            for prop in sorted({p for level in levels.values() for p in level.properties}):
                values = {k: level.properties.get(prop) for k, level in levels.items()}
                table[prop] = table[name].map(values).astype(float)
        nominal = {n: c.nominal for n, c in self.columns.items() if c.nominal is not None}
        known = table.fillna(nominal)
        for name, derived in self.derived.items():
            table[name] = known[name] = evaluate(derived.formula, known)
        return table


def read_card(file: Path) -> Card:
    """Read and check a card; raises StudyError for what does not fit together."""
    card = read_yaml(Card, file)
    try:
        _check(card)
    except ValueError as error:
        raise StudyError(file, str(error)) from None
    return card


def _words(name: str) -> str:
    return name.replace("_", " ")


def _filled(name: str, given: dict, prompts: bool) -> dict:
    role = given.get("role")
    column = {"meaning": _words(name), **given}
    if isinstance(role, dict) and len(role) == 1:  # role: {label_of: record}
        [(role, of)] = role.items()
        column |= {"role": "outcome", role: of}
    templated = prompts and role == "measurement"
    if not column.get("formula") and not column.get("header") and not templated:
        column["header"] = name
    if role in ("set_point", "measurement"):
        column.setdefault("phrase", column["meaning"])
    return column


def _check(card: Card) -> None:
    """Raise ValueError where names, units, formulas or labels of a card do not fit together."""
    numbers = {n for n, c in card.columns.items() if c.kind in ("number", "flag")}
    known = numbers | {*card.derived} | card.properties(("set_point", "measurement"))
    formulas = {f"derived.{name}": [d.formula] for name, d in card.derived.items()}
    for name, column in card.columns.items():
        try:
            _check_column(card, name, column)
        except ValueError as error:
            raise ValueError(f"columns.{name}: {error}") from None
        formulas[f"columns.{name}"] = [column.formula] if column.formula else []
    for name, derived in card.derived.items():
        if name in card.columns:
            raise ValueError(f"derived.{name}: a column has the same name")
        _unit_of(f"derived.{name}", derived.unit)
    for check in card.checks:
        if check.column not in card.named(*ALL_ROLES, kind="number"):
            raise ValueError(f"checks: {check.column!r} is no column of numbers")
        formulas[f"checks.{check.column}"] = check.expected + [r.ratio for r in check.repairs]
    for name, task in card.tasks.items():
        formulas[f"tasks.{name}"] = list(task.formulas.values())
        try:
            _check_task(card, task)
        except ValueError as error:
            raise ValueError(f"tasks.{name}: {error}") from None
    for name in card.process_map or ():
        if name not in card.turnable():
            raise ValueError(f"process_map: {name!r} is no set-point with a step")
    if card.split_by not in (CELL, *card.clean_columns):
        raise ValueError(f"split_by: {card.split_by!r} is neither {CELL} nor a column")
    for place, texts in formulas.items():
        unknown = {name for text in texts for name in names_in(text)} - known
        if unknown:
            reason = "is no column of numbers, no property and no derived field"
            raise ValueError(f"{place}: {min(unknown)!r} {reason}")


def _unit_of(place: str, text: str) -> None:
    try:
        unit(text)
    except ValueError as error:
        raise ValueError(f"{place}: unit: {error}") from None


def _check_column(card: Card, name: str, column: Column) -> None:
    if not re.fullmatch(r"[a-z]\w*", name):
        raise ValueError("this is no name; expected lower case, digits, _")
    if name in ADDED:
        raise ValueError("cleaning adds a column of this name; expected another, and its header")
    if column.header is not None and column.formula is not None:
        raise ValueError("expected a header or a formula, and not both")
    for other in column.units:
        unit(other)
        convert(1.0, other, column.unit or "")
    low, high = column.bounds
    if low >= high:
        raise ValueError(f"range: {low:g} is not below {high:g}")
    if (column.kind == "labels") != bool(column.labels):
        raise ValueError("labels: expected where kind is labels, and only there")
    if column.levels and column.kind != "category":
        raise ValueError("levels: expected only where kind is category")
    if column.exclusive is not None and column.exclusive not in column.labels:
        raise ValueError(f"exclusive: {column.exclusive!r} is no label")
    if column.lost_unit_like is not None and column.lost_unit_like not in card.columns:
        raise ValueError(f"lost_unit_like: {column.lost_unit_like!r} is no column")
    if column.label_of is not None:
        if column.label_of not in card.named("identifier"):
            raise ValueError(f"label_of: {column.label_of!r} is no identifier")
        if column.kind != "labels":
            raise ValueError("label_of: expected kind: labels")


# Kind of a task: the kinds of column that it may ask for.
ASKED: dict[str, tuple[Kind, ...]] = {
    "regression": ("number",),
    "multi_label": ("labels", "flag"),
    "multi_class": ("category",),
    "binary": ("labels", "category", "flag", "number"),
}


def _check_task(card: Card, task: Task) -> None:
    for name in task.columns:
        if name not in card.named("outcome"):
            raise ValueError(f"{name!r} is no outcome column")
        kind = card.columns[name].kind
        if kind not in ASKED[task.kind]:
            fit = [one for one, kinds in ASKED.items() if kind in kinds]
            raise ValueError(f"{task.kind} of a {kind} column; expected kind: {' or '.join(fit)}")
    first, column = task.columns[0], card.columns[task.columns[0]]
    flags = task.kind == "multi_label" and column.kind == "flag"
    if len(task.columns) > 1 and not flags:
        raise ValueError("columns: only a multi_label task of flags has more than one")
    if column.kind == "category" and len(column.levels) < 2:
        raise ValueError(f"columns.{first} needs its levels, two or more")
    if task.kind == "binary":
        _check_binary(task, first, column)
    elif task.threshold is not None or task.label is not None or task.good is not None:
        raise ValueError("label, threshold and good are of binary tasks alone")


def _check_binary(task: Task, first: str, column: Column) -> None:
    if column.kind == "number" and task.threshold is None:
        raise ValueError(f"threshold is missing: the answer is yes where {first} is at least that")
    if column.kind != "number" and task.threshold is not None:
        raise ValueError(f"threshold: {first} is no number")
    named = {"labels": [*column.labels], "category": [*column.levels], "flag": [first]}
    known = named.get(column.kind, [task.label])
    if task.label not in known and not (column.kind == "flag" and task.label is None):
        raise ValueError(f"{task.label!r} is no label of {first}; expected {', '.join(known)}")
    if task.classes[0] == task.classes[1]:
        raise ValueError("classes: expected two names")
    if task.good is not None and task.good not in task.classes:
        raise ValueError(f"good: {task.good!r} is none of {', '.join(task.classes)}")
