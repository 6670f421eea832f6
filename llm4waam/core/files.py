"""Files are whole or absent: each is written beside its place and then renamed.

Tables of other people are read as strings, strictly: what is broken is named, not guessed.
"""

import csv
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from llm4waam.core.errors import StudyError, require_file

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


def fingerprint(path: Path) -> str:
    """Twelve letters that say which content a file has."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def write_json(path: Path, value: object) -> None:
    """Write JSON with sorted keys, indent 2, no NaN and a final newline: always the same bytes."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_text(path, text + "\n")


def write_jsonl(path: Path, rows: Iterable[dict]) -> None:
    """Write one JSON object a line."""
    lines = (json.dumps(row, sort_keys=True, allow_nan=False, ensure_ascii=False) for row in rows)
    write_text(path, "".join(line + "\n" for line in lines))


def clear_folder(folder: Path) -> None:
    """Remove the files that an earlier run left in an output folder: they may be of another table.

    DVC does so before it runs a stage; a stage that is run by hand must not differ.
    """
    for file in folder.glob("*"):
        if file.is_file():
            file.unlink()


def move_folder(source: Path, target: Path) -> None:
    """Put a finished folder in its place; what stood there before is gone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    source.rename(target)


def read_jsonl(path: Path) -> list[dict]:
    """Read what `write_jsonl` wrote."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def read_lines(path: Path, expected: str) -> Iterator[str]:
    """The lines of a text file with their line ends, read when they are asked for.

    Raises StudyError for a missing file (`expected` says what it should have been), for bytes that
    are not UTF-8 and for NUL characters.
    """
    require_file(path, expected)
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            for number, line in enumerate(lines, start=1):
                if "\0" in line:
                    raise StudyError(path, f"line {number} holds a NUL", expected="a text file")
                yield line
    except UnicodeDecodeError:
        line = _first_undecodable(path)
        raise StudyError(path, f"line {line} is not UTF-8", expected="UTF-8") from None


def _first_undecodable(path: Path) -> int:
    # A decoder only knows the place in its own buffer.
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    raise ValueError(f"{path} is UTF-8")


def read_csv(path: Path, expected: str = "a CSV table") -> Iterator[tuple[int, list[str]]]:
    """Rows of a CSV as (number, cells), every cell a string, read when they are asked for.

    Number 0 is the header, its names stripped; 1 is the first row under it; empty rows are passed
    over. A row may have more or fewer cells than the header. Raises StudyError as `read_lines`, and
    for broken quotes, no header, a column name that stands twice, semicolons instead of commas.
    """
    rows = csv.reader(read_lines(path, expected), strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        if not header:
            raise StudyError(path, "the file is empty", expected="a header and rows")
        if len(header) == 1 and ";" in header[0]:
            raise StudyError(path, "columns are parted by semicolons", expected="commas")
        for name in header:
            if header.count(name) > 1:
                raise StudyError(
                    path, "a column stands twice", column=name, expected="unique names"
                )
        yield 0, header
        for number, cells in enumerate(rows, start=1):
            if any(map(str.strip, cells)):
                yield number, cells
    except csv.Error as error:
        raise StudyError(path, f"not a CSV table ({error})", expected="comma, quotes") from None


def read_strings(path: Path) -> tuple[pd.DataFrame, dict[int, int]]:
    """A CSV as a table of strings, nothing taken for missing.

    Returns the table, indexed by row number (1 is the first row under the header), and the rows
    that are broken: row number -> how many cells it has. Raises StudyError as `read_csv`, and for a
    header alone.
    """
    rows = read_csv(path)
    _, header = next(rows)
    body = dict(rows)
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
