"""Files that are whole or absent: everything is written beside its place and then renamed."""

import csv
import json
import math
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from llm4waam.core.errors import StudyError

DIGITS = 4  # significant ones: a processor of another make changes the seventh digit of a training


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with LF line ends; the old file stays until the new one is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_table(path: Path, table: pd.DataFrame, *, rounded: bool = False) -> None:
    """Write a table as CSV (comma, LF, no index; floats with the digits that restore them).

    With `rounded`, for tables that people read and compare, to DIGITS significant digits.
    """
    form = f"%.{DIGITS}g" if rounded else None
    write_text(path, table.to_csv(index=False, lineterminator="\n", float_format=form))


def write_metrics(path: Path, value: object) -> None:
    """Write a file of metrics: JSON whose floats have DIGITS significant digits."""
    write_json(path, _rounded(value))


def significant(value: float | None) -> float | None:
    """`value` to DIGITS significant digits; None where it is None or not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{DIGITS}g}") + 0.0  # + 0.0 turns -0.0 into 0.0


def _rounded(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(part) for part in value]
    return significant(float(value)) if isinstance(value, (float, np.floating)) else value


def write_json(path: Path, value: object) -> None:
    """Write JSON: sorted keys, indent 2, no NaN, a final newline."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_text(path, text + "\n")


def write_jsonl(path: Path, rows: Iterable[dict]) -> None:
    """Write one JSON object a line."""
    lines = (json.dumps(row, sort_keys=True, allow_nan=False, ensure_ascii=False) for row in rows)
    write_text(path, "".join(line + "\n" for line in lines))


def move_folder(source: Path, target: Path) -> None:
    """Put a finished folder in its place; what stood there before is gone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    source.rename(target)


def read_jsonl(path: Path) -> list[dict]:
    """Read what `write_jsonl` wrote."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def read_strings(path: Path) -> tuple[pd.DataFrame, dict[int, int]]:
    """Read a CSV as it stands, every cell a string, nothing taken for missing.

    Returns the table, indexed by row number (1 is the first row under the header), and the rows
    that are broken: row number -> how many cells it has. Raises StudyError for a missing file, a
    wrong encoding, an empty file, a header alone, or a column name that stands twice.
    """
    if not path.is_file():
        raise StudyError(path, "there is no such file", expected="a CSV table")
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.reader(lines, strict=True))
    except UnicodeDecodeError as error:
        raise StudyError(path, f"byte {error.start} is not UTF-8", expected="UTF-8") from None
    except csv.Error as error:
        raise StudyError(path, f"not a CSV table ({error})", expected="comma, quotes") from None
    if not rows:
        raise StudyError(path, "the file is empty", expected="a header and rows")
    header = [name.strip() for name in rows[0]]
    for name in header:
        if header.count(name) > 1:
            raise StudyError(path, "a column stands twice", column=name, expected="unique names")
    body = {number: row for number, row in enumerate(rows[1:], start=1) if any(map(str.strip, row))}
    if not body:
        raise StudyError(path, "there is a header and no row", expected="at least one row")
    broken = {number: len(row) for number, row in body.items() if len(row) != len(header)}
    whole = {number: row for number, row in body.items() if number not in broken}
    table = pd.DataFrame(whole.values(), index=list(whole), columns=header, dtype=str)
    return table, broken


def read_table(path: Path) -> pd.DataFrame:
    """Read a table that a stage wrote; the names of beads and cells stay strings."""
    names = dict.fromkeys(("bead", "cell"), str)
    return pd.read_csv(path, dtype=names, keep_default_na=False, na_values=[""], encoding="utf-8")
