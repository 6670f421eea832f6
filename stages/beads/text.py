"""A bead as sentences: one prompt per template, every number readable back."""

import json
import re
from collections.abc import Iterator
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from stages.beads.card import Card, Column, Derived, Information
from stages.beads.numbers import format_number
from stages.beads.schema import Section


class TextStyle(Section):
    """What a sentence tells and how. `names: shuffled` and `names: none` are the controls."""

    information: Information
    templates: list[Literal["statement", "question"]] = Field(min_length=1)
    names: Literal["phrases", "shuffled", "none"]
    units: bool
    derived: bool
    note: bool
    seed: int


def make_prompts(
    beads: pd.DataFrame, card: Card, style: TextStyle, tasks: list[str]
) -> Iterator[dict]:
    """Prompts as rows {bead, task, template, text}; `task` is None where it suits every task.

    Prompts that came templated with the table pass as they are.
    """
    if card.named("prompt"):
        [column] = card.named("prompt")
        for bead, texts in zip(beads["bead"], beads[column], strict=True):
            for number, text in enumerate(json.loads(texts), start=1):
                yield {"bead": bead, "task": None, "template": f"given_{number}", "text": text}
        return
    fields = card.fields(style.information, style.derived)
    phrases = _phrases(card, fields, style)
    notes = card.named("note") if style.note else []
    for row in card.with_formulas(beads).to_dict("records"):
        said = [
            _say(card, name, row[name], phrases[name], style) for name in fields if _has(row, name)
        ]
        noted = [row[name] for name in notes if _has(row, name)]
        for template in style.templates:
            if template == "statement":
                yield _prompt(row, None, template, _statement(said, noted))
                continue
            for task in tasks:
                text = _question(said, noted, card.tasks[task].question)
                yield _prompt(row, task, template, text)


def read_numbers(text: str, card: Card, names: list[str]) -> dict[str, float]:
    """The numbers of a sentence by field: what `make_prompts` wrote, read back by the phrases.

    A field that the sentence does not hold is left out.
    """
    found = {}
    for name in names:
        phrase = re.escape(_field(card, name).phrase or "")
        match = re.search(rf"(?<!\w){phrase} (?:is )?(-?\d+(?:\.\d+)?)(?![\w])", text)
        if match:
            found[name] = float(match.group(1))
    return found


def _has(row: dict, name: str) -> bool:
    return not pd.isna(row[name])


def _prompt(row: dict, task: str | None, template: str, text: str) -> dict:
    return {"bead": row["bead"], "task": task, "template": template, "text": text}


def _field(card: Card, name: str) -> Column | Derived:
    return card.columns.get(name) or card.derived[name]


def _is_number(card: Card, name: str) -> bool:
    return name in card.derived or card.columns[name].kind in ("number", "flag")


def _phrases(card: Card, fields: list[str], style: TextStyle) -> dict[str, str]:
    """The name each field is said with; shuffled among numbers and among words, none its own."""
    names = {name: _field(card, name).phrase or "" for name in fields}
    if style.names == "none":
        return dict.fromkeys(fields, "")
    if style.names == "shuffled":
        rng = np.random.default_rng(style.seed)
        for kind in (True, False):
            ring = rng.permutation([name for name in fields if _is_number(card, name) == kind])
            names |= {
                a: _field(card, b).phrase for a, b in zip(ring, np.roll(ring, 1), strict=True)
            }
    return names


def _say(card: Card, name: str, value: object, phrase: str, style: TextStyle) -> tuple[str, str]:
    """(phrase, value with its unit)."""
    field = _field(card, name)
    if not _is_number(card, name):
        return phrase, str(value)
    said = format_number(float(value), field.digits)
    if style.units and field.unit and field.unit != "dimensionless":
        said += f" {field.unit}"
    return phrase, said


def _statement(said: list[tuple[str, str]], notes: list[str]) -> str:
    parts = [f"The {phrase} is {value}." if phrase else f"{value}." for phrase, value in said]
    return " ".join(parts + [f"Operator's note: {note}" for note in notes])


def _question(said: list[tuple[str, str]], notes: list[str], question: str) -> str:
    values = ", ".join(f"{phrase} {value}".strip() for phrase, value in said)
    notes = [f"The operator notes: {note}" for note in notes]
    return " ".join([f"With {values}.", *notes, question])
