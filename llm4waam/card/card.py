"""The data card of a raw table: read, checked, and asked for columns, fields and tasks.

Nothing else in the library knows a column by its name. What a card consists of is in `columns`.
"""

import re
from pathlib import Path

import pandas as pd

from llm4waam.card.columns import ROLES, Check, Column, Derived, Information, Kind, Role, Task
from llm4waam.card.formulas import evaluate, names_in
from llm4waam.card.quantities import convert
from llm4waam.core.errors import StudyError
from llm4waam.core.settings import Section, read_yaml


class Card(Section):
    """Everything that is known of a raw table; see `data/raw/waam_beads.yaml`."""

    title: str
    description: str
    simulated: bool
    licence: str
    source: str
    ceiling: dict[str, float] = {}
    columns: dict[str, Column]
    derived: dict[str, Derived] = {}
    checks: list[Check] = []
    tasks: dict[str, Task]

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

    def properties(self, roles: tuple[Role, ...]) -> set[str]:
        """Names of the level properties of the categories with one of the roles."""
        columns = (self.columns[name] for name in self.named(*roles, kind="category"))
        return {
            p for column in columns for level in column.levels.values() for p in level.properties
        }

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


def _check(card: Card) -> None:
    """Raise ValueError where names, units, formulas or labels of a card do not fit together."""
    known = {*card.columns, *card.derived, *card.properties(("set_point", "measurement"))}
    formulas = {f"derived.{name}": [d.formula] for name, d in card.derived.items()}
    for name, column in card.columns.items():
        if not re.fullmatch(r"[a-z]\w*", name):
            raise ValueError(f"columns: {name!r} is no name; expected lower case, digits, _")
        templated = card.named("prompt") and column.role == "measurement"
        if not templated and (column.header is None) == (column.formula is None):
            raise ValueError(f"columns.{name}: expected a header or a formula, and not both")
        for other in filter(None, [*column.accepted_units, column.raw_unit]):
            convert(1.0, other, column.unit or "")
        formulas[f"columns.{name}"] = [column.formula] if column.formula else []
    for check in card.checks:
        formulas[f"checks.{check.column}"] = check.expected + [r.ratio for r in check.repairs]
    for name, task in card.tasks.items():
        formulas[f"tasks.{name}"] = list(task.formulas.values())
        for column in task.columns:
            if column not in card.named("outcome"):
                raise ValueError(f"tasks.{name}: {column!r} is no outcome column")
        if task.kind == "binary" and task.label not in card.columns[task.columns[0]].labels:
            raise ValueError(f"tasks.{name}: {task.label!r} is no label of {task.columns[0]}")
    for place, texts in formulas.items():
        unknown = {name for text in texts for name in names_in(text)} - known
        if unknown:
            raise ValueError(f"{place}: {min(unknown)!r} is no column, property or derived field")
