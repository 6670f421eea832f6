"""Answers as a person or a program wants them, in a `form`: "table", "csv" or "json" (lines)."""

import csv
import io
import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from llm4waam.advice.settings import Language
from llm4waam.advice.wording import called, column_called, titled, words
from llm4waam.card import labels
from llm4waam.card.card import Card
from llm4waam.card.quantities import format_number
from llm4waam.core.escapes import in_spreadsheet, visible
from llm4waam.inference.predictor import probability_column

if TYPE_CHECKING:
    from llm4waam.advice.findings import Findings

EXPLAINED = ["bead", "narration"]  # the columns of explanations as CSV


@dataclass(frozen=True)
class AnswerWords:
    """What the columns and values of answers are called; in English as they are.

    CSV and JSON are for programs: their columns have the same names in every language.
    """

    card: Card
    outputs: Mapping[str, Sequence[str]]  # task -> its labels, or its target
    language: Language

    def row(self, answer: dict) -> dict[str, str]:
        """Name -> value of one answer, as a person reads them."""
        shown = {name: _cell(value) for name, value in answer.items()}
        return {self.name(name): self.value(name, text) for name, text in shown.items()}

    def name(self, column: str) -> str:
        """What a column of answers is called; in English its own name."""
        if self.language == "en":
            return column
        said = words()["answer"]
        if column in said:
            return said[column][self.language]
        for name, outputs in self.outputs.items():
            known = titled(name, self.language)
            if column == name:
                return known
            for output in outputs:
                if column == probability_column(name, output):
                    return f"{known}: {self._label(output)} {said['p'][self.language]}"
                if column.removeprefix(output) in said["of_target"]:
                    target = column_called(self.card, output, self.language)
                    unit = self.card.columns[output].unit
                    target += f"({unit})" if unit else ""
                    end = said["of_target"][column.removeprefix(output)]
                    return f"{target} {end[self.language]}".strip()
        return column_called(self.card, column, self.language)

    def value(self, column: str, text: str) -> str:
        """A value of that column that is a word; in English as it is."""
        if self.language == "en":
            return text
        if text in words()["values"]:
            return words()["values"][text][self.language]
        if column == "missing":
            names = [column_called(self.card, name, self.language) for name in text.split(", ")]
            return ", ".join(names) if text else ""
        if column in self.outputs:
            return " 또는 ".join(self._label(one) for one in labels.split(text))
        if row := re.fullmatch(r"row (\d+)", text):
            return f"{row[1]}행"
        return text

    def _label(self, label: str) -> str:
        return (
            called(self.card, "labels", label, self.language)
            or words()["values"].get(label, {}).get(self.language)
            or label
        )


def header(columns: list[str], form: str) -> str:
    """What stands before the first row: CSV has its columns, the others nothing."""
    return _line(columns) if form == "csv" else ""


def body(answers: pd.DataFrame, form: str, words: AnswerWords) -> str:
    """The rows of answers, each ended by a line feed; of a CSV without the header."""
    rows = answers.to_dict("records")
    if form == "json":
        return "".join(json.dumps(_for_programs(row), ensure_ascii=False) + "\n" for row in rows)
    if form == "csv":
        return "".join(_line([_csv_cell(value) for value in row.values()]) for row in rows)
    return "".join(_paragraph(words.row(row)) for row in rows)


def explained(findings: "Findings", text: str, form: str, words: AnswerWords) -> str:
    """One bead with its narration; as JSON with all that the narration is made of.

    CSV has one row and one line a bead in any case: bead and narration.
    """
    answer, advice = findings.answer.to_dict(), findings.advice
    if form == "table":
        return _paragraph(words.row(answer)) + visible(text) + "\n\n"
    if form == "csv":
        return _line([_csv_cell(str(answer["bead"])), _csv_cell(text.replace("\n", " "))])
    reasons = findings.attribution.values if findings.attribution else {}
    facts = {
        "narration": text,
        "odds_ratios": {n: math.exp(v) for n, v in reasons.items()},
        "advice": [
            {
                "kind": change.kind,
                "moves": [
                    {"field": m.field, "from": m.before, "to": m.after} for m in change.moves
                ],
                "chance": change.chance,
                "size": change.size,
            }
            for change in advice.changes
        ],
        "chance_as_it_is": advice.chance,
        "reason_for_none": findings.reason or None,
        "models_disagree": findings.models_disagree,
        "tried": dict(zip(("beads", "share_normal"), findings.record or (), strict=False)) or None,
        "labels_after": findings.named_after,
        "after": findings.after,
        "rules": {one.rule: one.leads_to for one in findings.rules},
    }
    return json.dumps(_for_programs(answer | facts), ensure_ascii=False) + "\n"


def _for_programs(answer: dict) -> dict:
    """JSON's own types; what is missing is a list of names."""
    missing = [name for name in answer["missing"].split(", ") if name]
    return {name: _plain(value) for name, value in answer.items()} | {"missing": missing}


def _paragraph(row: dict[str, str]) -> str:
    width = max(map(_width, row))
    lines = (f"{name}{' ' * (width - _width(name))}  {value}" for name, value in row.items())
    return "".join(visible(line).replace("\n", "\\n") + "\n" for line in lines) + "\n"


def _width(text: str) -> int:
    """Columns of a terminal that a text takes; a Korean letter takes two."""
    return sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text)


def _csv_cell(value: object) -> str:
    """A cell of a CSV: a text that a spreadsheet would compute has an apostrophe before it."""
    return in_spreadsheet(value) if isinstance(value, str) else _cell(value)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else format_number(value, 4)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _line(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _plain(value: object) -> object:
    """JSON's own types; what is not defined is null."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.item() if isinstance(value, np.generic) else value
