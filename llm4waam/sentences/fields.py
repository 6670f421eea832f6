"""How a sentence says the fields of a bead, where their values stand in it, and how to find them.

A field is a column of the card or a derived field; its phrase is what a sentence calls it.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from llm4waam.card.card import Card
from llm4waam.card.columns import Column, Derived
from llm4waam.card.quantities import format_number


@dataclass(frozen=True)
class Said:
    """A field as a sentence says it: `text` with its unit, `number` what it means (None: words).

    `name` is the field it is said to be; None where no name is said.
    """

    name: str | None
    phrase: str
    text: str
    number: float | None


def find_values(text: str, card: Card, names: list[str]) -> list[list]:
    """The numbers of a sentence by the phrases before them, as [field, start, end, number]."""
    found = []
    phrases = {name: field_of(card, name).phrase or "" for name in names}
    # The longest first: "expected line energy" ends in the phrase of another field.
    for name, phrase in sorted(phrases.items(), key=lambda pair: -len(pair[1])):
        pattern = rf"(?<!\w){re.escape(phrase)} (?:is )?(-?\d+(?:\.\d+)?)(?![\w])"
        match = re.search(pattern, text)
        if match:
            found.append([name, match.start(1), match.end(1), float(match.group(1))])
            text = text[: match.start()] + "|" * len(match.group()) + text[match.end() :]
    return sorted(found, key=lambda value: value[1])


def field_of(card: Card, name: str) -> Column | Derived:
    """A column or a derived field of the card."""
    return card.columns.get(name) or card.derived[name]


def is_number(card: Card, name: str) -> bool:
    """Whether a field is said as a number."""
    return name in card.derived or card.columns[name].kind in ("number", "flag")


Rounding = Literal["digits", "step"]
COARSE = 3  # significant digits of a number without a step


def say(
    card: Card, name: str, value: object, phrase: str, units: bool, rounding: Rounding = "digits"
) -> Said:
    """A field's value as a sentence says it, with its unit if `units`.

    `rounding` digits writes the significant digits of the card and means what is written. `step`
    writes a set-point with the decimals of its step, and every other number with three significant
    digits, so that the same few spellings stand in all sentences; what is finer than the spelling
    is in `number`.
    """
    field = field_of(card, name)
    if not is_number(card, name):
        return Said(name, phrase, str(value), None)
    text = format_number(float(value), field.digits)
    number = float(text)
    if rounding == "step":
        text, number = _in_steps(float(value), getattr(field, "step", None)), float(value)
    unit = f" {field.unit}" if units and field.unit and field.unit != "dimensionless" else ""
    return Said(name, phrase, text + unit, number)


def _in_steps(value: float, step: float | None) -> str:
    """The number with the decimals of `step`: 8.91 as "8.9" for 0.1; 2205.4 as "2210" for None."""
    if step is None:
        return format_number(float(f"{value:.{COARSE - 1}e}"), COARSE)
    decimals = max(0, -Decimal(str(step)).normalize().as_tuple().exponent)
    return f"{round(value, decimals) + 0.0:.{decimals}f}"  # + 0.0 turns -0.0 into 0.0


def statement(said: list[Said], notes: list[str]) -> tuple[str, list[list]]:
    """One short sentence a field; the text and where the values stand in it."""
    parts = [(f"The {one.phrase} is " if one.phrase else "", one, ".") for one in said]
    return _join(parts, "", " ", [f"Operator's note: {note}" for note in notes])


def question(said: list[Said], notes: list[str], task: str) -> tuple[str, list[list]]:
    """All fields in one sentence, then `task`, the question of a task or ""; as `statement`."""
    parts = [(f"{one.phrase} " if one.phrase else "", one, "") for one in said]
    after = [f"The operator notes: {note}" for note in notes] + [task] * bool(task)
    return _join(parts, "With ", ", ", after, end=".")


def _join(
    parts: list[tuple[str, Said, str]], text: str, between: str, after: list[str], end: str = ""
) -> tuple[str, list[list]]:
    values = []
    for place, (before, one, close) in enumerate(parts):
        text += (between if place else "") + before
        digits = one.text if one.number is None else one.text.split(" ")[0]
        if one.name:
            values.append([one.name, len(text), len(text) + len(digits), one.number])
        text += one.text + close
    return " ".join([text + end, *after]), values
