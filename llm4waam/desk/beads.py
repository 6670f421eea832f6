"""A bead as a person gives it: the fields of a form, made from the card, and what was understood.

Every way in (form, log, tool of an assistant) ends in cells by column, which are read as those of a
table are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from llm4waam.advice.settings import Language
from llm4waam.advice.wording import column_called, in_language, words
from llm4waam.card.card import Card
from llm4waam.card.columns import ROLES, Column, Information
from llm4waam.card.quantities import convert, format_number, is_missing, split_unit
from llm4waam.core.errors import StudyError
from llm4waam.core.escapes import has_half_character, short
from llm4waam.inference.user_table import one_bead, take

MAX_TEXT = 5000  # letters of a log or a cell; a page of a logbook has about 2,000


@dataclass(frozen=True)
class FormField:
    """One field of the form: a `column` of the card under its `name`.

    `units` are those that the card accepts, its own first; none for words, texts and pure numbers.
    `choices` are the words of a category or of a flag.
    """

    name: str
    column: Column
    units: tuple[str, ...]
    choices: tuple[str, ...]

    @property
    def required(self) -> bool:
        """Whether no bead of the table lacks it."""
        return self.column.required

    def called(self, card: Card, language: Language) -> str:
        """What the field is called, with a star where it is required."""
        name = column_called(card, self.name, language)
        return name[:1].upper() + name[1:] + " *" * self.required

    def span(self, unit: str | None) -> str:
        """The range that the card gives, in one of the `units`: "1–15 m/min"; "" without one."""
        if self.column.range is None:
            return ""
        ends = [
            "" if end is None else format_number(self._in(end, unit), 3)
            for end in self.column.range
        ]
        return f"{ends[0]}–{ends[1]} {unit_shown(unit or '')}".strip()

    def _in(self, value: float, unit: str | None) -> float:
        own = self.column.unit
        return convert(value, own, unit) if own and unit else value


def unit_shown(unit: str) -> str:
    """A unit as people write it: degC is °C."""
    return words()["units"].get(unit, unit)


def form_fields(card: Card, information: Information) -> list[FormField]:
    """The fields of the form, in the card's order, notes last.

    What is computed from others is not asked for, nor what `information` says is not known yet.
    """
    names = [*card.named(*ROLES[information]), *card.named("note")]
    columns = {name: card.columns[name] for name in names if card.columns[name].formula is None}
    return [FormField(name, one, _units(one), _choices(one)) for name, one in columns.items()]


def _units(column: Column) -> tuple[str, ...]:
    own = [column.unit] if column.unit else []
    units = tuple(dict.fromkeys([*own, *column.units]))
    return units if column.kind == "number" and units != ("dimensionless",) else ()


def _choices(column: Column) -> tuple[str, ...]:
    if column.kind == "flag":
        return ("yes", "no")
    return tuple(column.levels) if column.kind == "category" else ()


def written(column: Column, value: object) -> str:
    """A value of a clean table as a cell: a flag as yes or no, a number without needless digits."""
    if column.kind == "flag":
        return "yes" if value else "no"
    return value if isinstance(value, str) else f"{value:g}"


def with_unit(cell: object, unit: str | None) -> str:
    """A cell with the unit that is chosen beside it, unless it says one itself."""
    text = "" if cell is None else str(cell).strip()
    if not unit or is_missing(text):
        return text
    try:
        return text if split_unit(text)[1] else f"{text} {unit}"
    except ValueError:  # it is no number, which is said when it is read
        return text


@dataclass(frozen=True)
class GivenBead:
    """What was understood: `row`, a row of the clean table, or None where `problems` say why not.

    `problems` are by column, one line each; under "" stands what concerns no single column.
    """

    row: pd.Series | None = None
    problems: dict[str, str] = field(default_factory=dict)

    def known(self) -> dict[str, object]:
        """The values that are known, by column."""
        return {} if self.row is None else self.row.drop("bead").dropna().to_dict()


def understand(
    cells: Mapping[str, object], card: Card, information: Information, language: Language
) -> GivenBead:
    """The bead whose cells are given by column, "8.5 mm/s" and the like; nothing is guessed.

    Raises StudyError for a column that the card does not have.
    """
    texts, problems = {}, {}
    for name, cell in cells.items():
        try:
            texts[str(name)] = _text(cell)
        except StudyError as error:
            problems[short(str(name))] = in_language(str(error), card, language)
    given = {name: text for name, text in texts.items() if not is_missing(text)}
    beads, log = take([(1, one_bead(given.items(), card, "bead"))], card, information)
    for entry in log.rejected():
        name = entry.column if entry.column in card.columns else ""
        said = in_language(entry.reason, card, language)
        problems.setdefault(name, f"{short(entry.value, 60)}: {said}" if entry.value else said)
    return GivenBead(None if problems else beads.iloc[0], problems)


def _text(cell: object) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int | float):
        return str(cell)
    return check_length("" if cell is None else cell, short(str(cell), 60)).strip()


def check_length(text: object, place: str, longest: int = MAX_TEXT) -> str:
    """The text; raises StudyError where it is longer, or is not UTF-8, or no text at all."""
    if not isinstance(text, str):
        raise StudyError(place, "this is no text", expected='a text such as "8.5 mm/s"')
    if len(text) > longest:
        reason = f"{len(text):,} letters are too many"
        raise StudyError(place, reason, expected=f"at most {longest:,}")
    if has_half_character(text):
        raise StudyError(place, "not UTF-8", expected="UTF-8")
    return text
