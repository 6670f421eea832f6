"""Answers as a person or a program wants them: a table, CSV or JSON lines."""

import csv
import io
import json
import math

import pandas as pd

from stages.advice.evidence import Evidence
from stages.beads.numbers import format_number

FORMATS = ("table", "csv", "json")


def header(answers: pd.DataFrame, form: str) -> str:
    """What stands before the first row: CSV has its columns, the others nothing."""
    return _line(answers.columns.tolist()) if form == "csv" else ""


def body(answers: pd.DataFrame, form: str) -> str:
    """The rows in one of FORMATS, each ended by a line feed; the rows of a CSV without header."""
    rows = answers.to_dict("records")
    if form == "json":
        return "".join(json.dumps(_plain(row), ensure_ascii=False) + "\n" for row in rows)
    if form == "csv":
        return "".join(_line([_cell(value) for value in row.values()]) for row in rows)
    return "".join(_paragraph(row) for row in rows)


def explained(evidence: Evidence, text: str, form: str) -> str:
    """The narration of one bead, and for a program what it is made of."""
    if form != "json":
        return text + "\n"
    advice, values = evidence.advice, evidence.attribution.values
    told = {
        "bead": evidence.bead["bead"],
        "narration": text,
        "odds_ratios": {name: math.exp(value) for name, value in values.items()},
        "advice": [
            {"field": move.field, "from": move.before, "to": move.after} for move in advice.moves
        ],
        "reason_for_none": advice.reason or None,
        "expected_p_normal": advice.expected,
        "after": evidence.after,
        "rules": [one.rule for one in evidence.findings],
        "missing": evidence.missing,
    }
    return json.dumps(_plain(told), ensure_ascii=False) + "\n"


def _paragraph(row: dict) -> str:
    width = max(map(len, row))
    return "".join(f"{name:<{width}}  {_cell(value)}\n" for name, value in row.items()) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else format_number(value, 4)
    return (
        {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    )


def _line(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _plain(value: object) -> object:
    """JSON's own types; what is not defined is null."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
