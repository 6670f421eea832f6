"""The data card of a raw table: read, checked, and asked for columns, fields and tasks.

Nothing else in the library knows a column by its name. What a card consists of is in `columns`.
"""

import math
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import Field, model_validator

from llm4waam.card.checks import check_card
from llm4waam.card.columns import (
    ALL_ROLES,
    CELL,
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
from llm4waam.core.errors import StudyError, require_file
from llm4waam.core.files import read_table
from llm4waam.core.settings import Section, read_yaml
from llm4waam.core.tables import TableFormat


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
    columns: dict[str, Column] = Field(min_length=1)
    derived: dict[str, Derived] = {}
    checks: list[Check] = []
    tasks: dict[str, Task] = Field(min_length=1)

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
    def cell_keys(self) -> list[str]:
        """The columns in which beads of one cell agree: groups and set-points.

        Not those that are computed: they follow from the others.
        """
        return [n for n in self.named("group", "set_point") if self.columns[n].formula is None]

    @property
    def clean_columns(self) -> list[str]:
        """Names of the card's columns in the clean table."""
        columns = self.columns.items()
        return [n for n, c in columns if c.role != "identifier" and (c.header or c.formula)]

    def read_beads(self, file: Path) -> pd.DataFrame:
        """The clean table: numbers and flags as floats, everything else as texts.

        A wire called 5356 is a word. Raises StudyError for a table that the card does not fit.
        """
        numbers = {n for n, c in self.columns.items() if c.kind in ("number", "flag")}
        types = {name: float if name in numbers else str for name in self.clean_columns}
        require_file(file, "what the stage clean makes")
        try:
            return read_table(file, types=types)
        except ValueError as error:
            reason = f"the card does not fit the table ({error})"
            raise StudyError(file, reason, expected="the table that clean makes by it") from None

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

    def with_computed(self, table: pd.DataFrame) -> pd.DataFrame:
        """`table` with the columns that have a formula, computed one after the other.

        Missing in all rows where the table has not what a formula needs.
        """
        table = table.copy()
        for name, column in self.columns.items():
            if column.formula is not None:
                known = self.with_formulas(table)
                given = names_in(column.formula) <= {*known.columns}
                table[name] = evaluate(column.formula, known) if given else math.nan
        return table

    def with_formulas(self, table: pd.DataFrame) -> pd.DataFrame:
        """`table` with the level properties and then the derived fields as further columns.

        A derived field is missing where an input is, and in all rows where the table has no such
        column, as that of a user has no outcomes.
        """
        table = table.copy()
        for name in self.named("set_point", "measurement", kind="category"):
            levels = self.columns[name].levels
            for prop in sorted({p for level in levels.values() for p in level.properties}):
                values = {k: level.properties.get(prop) for k, level in levels.items()}
                table[prop] = table[name].map(values).astype(float)
        nominal = {n: c.nominal for n, c in self.columns.items() if c.nominal is not None}
        known = table.fillna(nominal)
        for name, derived in self.derived.items():
            given = names_in(derived.formula) <= {*known.columns}
            table[name] = known[name] = evaluate(derived.formula, known) if given else math.nan
        return table


def read_card(file: Path) -> Card:
    """Read and check a card; raises StudyError for what does not fit together."""
    card = read_yaml(Card, file)
    try:
        check_card(card)
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
