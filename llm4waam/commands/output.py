"""Answers as a person or a program wants them, in a `form`: "table", "csv" or "json" (lines)."""

import csv
import io
import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from llm4waam.card.quantities import format_number
from llm4waam.core.escapes import in_spreadsheet, visible

if TYPE_CHECKING:
    from llm4waam.advice.findings import Findings

EXPLAINED = ["bead", "narration"]  # the columns of explanations as CSV


def header(columns: list[str], form: str) -> str:
    """What stands before the first row: CSV has its columns, the others nothing."""
    return _line(columns) if form == "csv" else ""


def body(answers: pd.DataFrame, form: str) -> str:
    """The rows of answers, each ended by a line feed; of a CSV without the header."""
    rows = answers.to_dict("records")
    if form == "json":
        return "".join(json.dumps(_plain(row), ensure_ascii=False) + "\n" for row in rows)
    if form == "csv":
        return "".join(_line([_csv_cell(value) for value in row.values()]) for row in rows)
    return "".join(_paragraph(row) for row in rows)


def explained(findings: "Findings", text: str, form: str) -> str:
    """One bead with its narration; as JSON with all that the narration is made of.

    CSV has one row a bead in any case: bead and narration.
    """
    answer, advice = findings.answer.to_dict(), findings.advice
    if form == "table":
        return _paragraph(answer) + visible(text) + "\n\n"
    if form == "csv":
        return _line([_csv_cell(str(answer["bead"])), _csv_cell(text)])
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
        "missing": findings.missing,
    }
    return json.dumps(_plain(answer | facts), ensure_ascii=False) + "\n"


def _paragraph(row: dict) -> str:
    width = max(map(len, row))
    lines = (f"{name:<{width}}  {_cell(value)}" for name, value in row.items())
    return "".join(visible(line).replace("\n", "\\n") + "\n" for line in lines) + "\n"


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
