"""The rows of a file that a user brings: CSV or JSON lines, one after the other."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from stages.beads.errors import StudyError

JSON_LINES = (".jsonl", ".ndjson", ".json")
Row = tuple[int, dict[str, str] | str]  # its number, and its cells by column or why it has none


def require(file: Path) -> None:
    """Raise StudyError for a file that is missing; this module is imported in no time."""
    if not file.is_file():
        raise StudyError(file, "there is no such file", expected="a CSV table or JSON lines")


def read_rows(file: Path) -> Iterator[Row]:
    """(row, cells by column) of a CSV or of JSON lines, one after the other; row 1 is the first.

    A row that cannot be read is (row, reason). Raises StudyError for a file that is missing, not
    UTF-8, or a CSV without a header or with a column that stands twice.
    """
    require(file)
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            yield from (_objects if file.suffix.lower() in JSON_LINES else _records)(lines, file)
    except UnicodeDecodeError:
        line = _first_undecodable(file)
        raise StudyError(file, f"line {line} is not UTF-8", expected="UTF-8") from None
    except csv.Error as error:
        raise StudyError(file, f"not a CSV table ({error})", expected="comma, quotes") from None


def _first_undecodable(file: Path) -> int:
    """The line of a file that is not UTF-8; a decoder only knows the place in its own buffer."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    raise ValueError(f"{file} is UTF-8")


def _records(lines: Iterator[str], file: Path) -> Iterator[Row]:
    rows = csv.reader(lines, strict=True)
    header = [name.strip() for name in next(rows, [])]
    if not header:
        raise StudyError(file, "the file is empty", expected="a header and rows")
    if len(header) == 1 and ";" in header[0]:
        raise StudyError(file, "columns are parted by semicolons", expected="commas")
    for name in header:
        if header.count(name) > 1:
            raise StudyError(file, "a column stands twice", column=name, expected="unique names")
    for number, cells in enumerate(rows, start=1):
        if len(cells) != len(header) and any(map(str.strip, cells)):
            yield number, f"{len(cells)} cells: expected {len(header)}"
        elif any(map(str.strip, cells)):
            yield number, dict(zip(header, cells, strict=True))


def _objects(lines: Iterator[str], _: Path) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except json.JSONDecodeError as error:
            yield number, f"no JSON: {error.msg}"
            continue
        except (ValueError, RecursionError):  # a number of thousands of digits, thousands of [
            yield number, "no JSON that a bead could be: too long a number or too deep"
            continue
        if isinstance(found, dict) and found:
            yield number, {key.strip(): "" if v is None else str(v) for key, v in found.items()}
        else:
            yield number, "no JSON object of column and value"
