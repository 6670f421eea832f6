"""A bead as sentences: one prompt per template and field order, every number readable back."""

import json
import zlib
from collections.abc import Container, Iterator
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from llm4waam.card.card import Card
from llm4waam.card.columns import Information
from llm4waam.core.errors import StudyError
from llm4waam.core.settings import PARAMS_FILE, Once, Section, Seed
from llm4waam.sentences.fields import (
    Rounding,
    Said,
    field_of,
    find_values,
    is_number,
    question,
    say,
    statement,
)

Template = Literal["statement", "question"]
TOGETHER = 4096  # rows of a table as dicts: a million would take gigabytes


class TextStyle(Section):
    """The section `text` of params.yaml: what a sentence says of a bead, and how.

    With `names: shuffled` and `names: none`, the controls, fields have wrong names or none.

    `derived` is the highest tier of the card's physics fields (0: none). The first of `orders` is
    the card's order of the fields, every other is drawn for each bead. `rounding` says how finely
    numbers are written, see `fields.say`. Without `constant`, what is the same for every training
    bead is not said, see `constant_fields`. With `incomplete` every bead is also told with fields
    left out, so many times with random ones, see `sentences.incomplete`; 0: never.
    """

    information: Information
    templates: Annotated[list[Template], Field(min_length=1), Once]
    orders: int = Field(default=1, ge=1, le=100)
    names: Literal["phrases", "shuffled", "none"]
    units: bool
    rounding: Rounding = "digits"
    derived: Literal[0, 1, 2]
    note: bool
    constant: bool = True
    incomplete: int = Field(default=0, ge=0, le=100)
    seed: Seed


def constant_fields(training: pd.DataFrame, card: Card, style: TextStyle) -> dict[str, object]:
    """Field -> its value, of the fields that sentences leave out because they tell nothing.

    That are, where `style.constant` is false, those that every training bead has and with one
    value; none where all fields are so, or the table came with its prompts. `training` are rows of
    the clean table.
    """
    if style.constant or card.named("prompt") or training.empty:
        return {}
    known = card.with_formulas(training)
    names = [n for n in card.fields(style.information, style.derived) if known[n].notna().any()]
    same = [n for n in names if known[n].notna().all() and known[n].nunique() == 1]
    return {} if len(same) == len(names) else {name: known[name].iloc[0] for name in same}


def check_sayable(card: Card, style: TextStyle) -> None:
    """Raise StudyError where sentences would say nothing: the card has no field that is known."""
    if card.named("prompt") or card.fields(style.information, style.derived):
        return
    measured = bool(card.fields("post_weld", style.derived))
    expected = "post_weld, as all that the card has is measured" if measured else "a set-point"
    raise StudyError(
        PARAMS_FILE,
        "sentences would say nothing: the card has no set-point with a phrase",
        column="text.information",
        value=style.information,
        expected=expected,
    )


def make_prompts(
    beads: pd.DataFrame,
    card: Card,
    style: TextStyle,
    tasks: list[str],
    left_out: Container[str] = (),
) -> Iterator[dict]:
    """Prompts as rows {bead, task, template, order, text, values}, without the fields `left_out`.

    `task` is None where the prompt suits every task. `values` lists [field, start, end, number]:
    where the value of a field stands in `text`, and its number (None for words). Prompts that came
    templated with the table pass as they are, their numbers found by the card's phrases.
    """
    fields = card.fields(style.information, style.derived)
    if card.named("prompt"):
        [column] = card.named("prompt")
        for bead, texts in zip(beads["bead"], beads[column], strict=True):
            for number, text in enumerate(json.loads(texts), start=1):
                values = find_values(text, card, fields)
                yield _prompt(bead, None, f"given_{number}", 0, (text, values))
        return
    spoken = _spoken(card, fields, style)
    notes = card.named("note") if style.note else []
    for row in records(card.with_formulas(beads)):
        known = [name for name in fields if name not in left_out and _has(row, name)]
        said = [_say(card, name, row[name], spoken[name], style) for name in known]
        noted = [row[name] for name in notes if _has(row, name)]
        for order in range(style.orders):
            ordered = [said[n] for n in _places(row["bead"], len(said), order, style.seed)]
            for template in style.templates:
                if template == "statement":
                    yield _prompt(row["bead"], None, template, order, statement(ordered, noted))
                    continue
                for task in tasks:
                    sentence = question(ordered, noted, card.tasks[task].question)
                    yield _prompt(row["bead"], task, template, order, sentence)


def records(table: pd.DataFrame) -> Iterator[dict]:
    """The rows of a table, of which few are in memory as dicts at a time."""
    for start in range(0, len(table), TOGETHER):
        yield from table.iloc[start : start + TOGETHER].to_dict("records")


def _places(bead: str, count: int, order: int, seed: int) -> list[int]:
    """The order of the fields of a bead: the card's for order 0, else one drawn for this bead."""
    if order == 0:
        return list(range(count))
    return np.random.default_rng([seed, order, zlib.crc32(bead.encode())]).permutation(count)


def _has(row: dict, name: str) -> bool:
    return not pd.isna(row[name])


def _prompt(
    bead: str, task: str | None, template: str, order: int, said: tuple[str, list[list]]
) -> dict:
    names = ("bead", "task", "template", "order", "text", "values")
    return dict(zip(names, (bead, task, template, order, *said), strict=True))


def _spoken(card: Card, fields: list[str], style: TextStyle) -> dict[str, str | None]:
    """The field each is said to be: itself, none, or another number or word if names are shuffled.

    `values` of a prompt names this field, not the true one: an encoder that is given the numbers
    beside the text knows no more than the text says.
    """
    if style.names != "shuffled":
        return {name: name if style.names == "phrases" else None for name in fields}
    names, rng = {}, np.random.default_rng(style.seed)
    for kind in (True, False):
        ring = rng.permutation([name for name in fields if is_number(card, name) == kind]).tolist()
        names |= dict(zip(ring, np.roll(ring, 1).tolist(), strict=True))
    return names


def _say(card: Card, name: str, value: object, spoken: str | None, style: TextStyle) -> Said:
    phrase = field_of(card, spoken).phrase or "" if spoken else ""
    return replace(say(card, name, value, phrase, style.units, style.rounding), name=spoken)
