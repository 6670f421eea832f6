"""Tables of other people: CSV, Excel and JSON, read strictly and as strings.

Nothing is taken for missing here, and what is broken is named, not guessed. How a file is written
is found where the file itself tells it (separator, UTF-8, UTF-16 with its mark); a data card says
the rest under `table`. What is not the plain case is logged in one line.
"""

import codecs
import csv
import itertools
import json
import logging
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd
from pydantic import Field, field_validator

from llm4waam.core.errors import StudyError, require_file
from llm4waam.core.escapes import short, visible
from llm4waam.core.settings import Section

EXPECTED = "a CSV table, an Excel workbook (.xlsx) or JSON lines"
JSON_LINES = (".jsonl", ".ndjson", ".json")
EXCEL = (".xlsx", ".xlsm")
SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas"}  # the likelier first
LOOK = 50  # rows that are looked at before the first is given
LISTED = 40  # headers that an error names
LONGEST_CELL = 1 << 24  # characters; what is longer is a quote that is never closed
LONGEST_NUMBER = 400  # digits
csv.field_size_limit(LONGEST_CELL)
# What no text holds: a NUL, and half of a character (as "\\ud800" in JSON gives it).
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
Row = tuple[int, dict[str, str] | str]  # its number, and its cells by column or why it has none


class TableFormat(Section):
    """How the raw file is written, where it is not a CSV with commas in UTF-8.

    A file that is UTF-8, or UTF-16 with its mark, is read as such whatever `encoding` says.
    `separator` None: the one that parts the header. `sheet` None: the first sheet of a workbook.
    `header_row` is the line of the headers, counted from 1; what stands above it is passed over.
    """

    encoding: str = "utf-8"
    separator: Literal[",", ";", "\t"] | None = None
    sheet: str | None = None
    header_row: int = Field(default=1, ge=1)

    @field_validator("encoding")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            "".encode(name)
        except LookupError:
            raise ValueError("no encoding is called so; expected utf-8, cp949, cp1252") from None
        return name


def plain_header(name: str) -> str:
    """A header without line breaks, no-break spaces and spaces that nobody sees."""
    return " ".join(re.sub("[\u200b\u200c\u200d\u2060\ufeff]", "", name).split())


# ------------------------------------------------------------------------------- rows of a table


def read_rows(
    path: Path, form: TableFormat | None = None, expected: str = EXPECTED
) -> Iterator[Row]:
    """(row, cells by column), one after the other, read when they are asked for.

    Row 1 is the first under the header, the first object of a list, the first line of JSON lines.
    A row that cannot be read is (row, reason). Raises StudyError as `read_cells`.
    """
    if path.suffix.lower() in JSON_LINES:
        yield from _objects(path, form or TableFormat(), expected)
        return
    rows = read_cells(path, form, expected)
    _, header = next(rows)
    for number, cells in rows:
        if len(cells) == len(header):
            yield number, dict(zip(header, cells, strict=True))
        else:
            yield number, f"{len(cells)} cells: expected {len(header)}"


def read_strings(
    path: Path, form: TableFormat | None = None
) -> tuple[pd.DataFrame, dict[int, int]]:
    """A whole table as strings, nothing taken for missing.

    Returns the table, indexed by row number (see `read_rows`), and the rows that are broken: row
    number -> how many cells it has. Raises StudyError as `read_cells`, for a header alone, and for
    a line of JSON that is no object.
    """
    if path.suffix.lower() in JSON_LINES:
        body = dict(read_rows(path, form))
        for number, row in body.items():
            if isinstance(row, str):
                raise StudyError(path, row, row=number, expected='{"column": value, ...}')
        if not body:
            raise StudyError(path, "there is no row", expected="at least one object")
        table = pd.DataFrame(body.values(), index=list(body), dtype=object)
        return table.fillna("").astype(str), {}
    rows = read_cells(path, form)
    _, header = next(rows)
    same: dict[str, str] = {}  # equal cells are one text: most of a large table is said before
    body = {number: [same.setdefault(cell, cell) for cell in cells] for number, cells in rows}
    if not body:
        raise StudyError(path, "there is a header and no row", expected="at least one row")
    broken = {number: len(row) for number, row in body.items() if len(row) != len(header)}
    whole = {number: row for number, row in body.items() if number not in broken}
    if not whole:
        reason = f"no row has as many cells as the header, {len(header)}"
        raise StudyError(path, reason, expected="rows like the header, cells with commas in quotes")
    table = pd.DataFrame(whole.values(), index=list(whole), columns=header, dtype=str)
    return table, broken


def read_cells(
    path: Path, form: TableFormat | None = None, expected: str = EXPECTED
) -> Iterator[tuple[int, list[str]]]:
    """Rows of a CSV or of a sheet as (number, cells), every cell a string, when asked for.

    Number 0 is the header, its names without needless spaces (`plain_header`) and `column_3` for
    the third where it has none; 1 is the first row under it; empty rows are passed over. A row of a
    CSV may have more or fewer cells than the header. Raises StudyError for a missing or an empty
    file, for bytes that are not of the encoding, for broken quotes, a title above the header, and
    a column name that stands twice.
    """
    opened = _opened(path, form or TableFormat(), expected)
    if opened.found:
        logging.info("%s: read as %s", path, ", ".join(opened.found))
    yield 0, opened.header
    size, beyond, first = len(opened.header), 0, 0
    for number, cells in enumerate(opened.rows, start=1):
        while len(cells) > size and not cells[-1].strip():
            cells.pop()
        if opened.excel:
            cells += [""] * (size - len(cells))
            beyond += len(cells) - size
            first = first or (number if len(cells) > size else 0)
            del cells[size:]
        if any(map(str.strip, cells)):
            yield number, cells
    if beyond:
        reason = "%s: %d cells stand right of the last header and are passed over, first in row %d"
        logging.warning(reason, path, beyond, first)


def read_header(path: Path, form: TableFormat) -> list[str]:
    """The header alone; raises StudyError as `read_cells`."""
    return _opened(path, form, EXPECTED).header


def find_format(path: Path, form: TableFormat) -> TableFormat:
    """How a file is written, as far as its bytes and its first rows tell it.

    `form` is what is known already; an encoding other than UTF-8, or a header row other than 1, is
    taken from it. Raises StudyError as `read_cells`, but not for a title above the header.
    """
    require_file(path, EXPECTED)
    found = {}
    if path.suffix.lower() in JSON_LINES or not _is_excel(path):
        try:
            _encoding(path, form)
        except StudyError:
            if not (guess := _looks_like(path)[1]):
                raise
            found["encoding"] = guess
    form = form.model_copy(update=found)
    if form.header_row == 1 and path.suffix.lower() not in JSON_LINES:
        rows, kind, _ = _grid(path, form)
        top = list(itertools.islice(rows, LOOK))
        if line := _line_of_headers(top):
            found["header_row"] = line
        if kind in SEPARATORS and kind != ",":
            found["separator"] = kind
    return form.model_copy(update=found)


class _Opened(NamedTuple):
    header: list[str]
    rows: Iterator[list[str]]
    found: list[str]  # what is not the plain case
    excel: bool


def _opened(path: Path, form: TableFormat, expected: str) -> _Opened:
    require_file(path, expected)
    rows, kind, found = _grid(path, form)
    top = list(itertools.islice(rows, form.header_row - 1 + LOOK))
    if not any(any(map(str.strip, row)) for row in top):
        raise StudyError(path, "the file is empty", expected="a header and rows")
    if form.header_row > len(top):
        place = f"line {form.header_row}"
        raise StudyError(path, f"there is no {place}, in which the card says the headers stand")
    if line := _line_of_headers(top[form.header_row - 1 :]):
        line += form.header_row - 1
        filled = [cell.strip() for cell in top[form.header_row - 1] if cell.strip()]
        title = f"{filled[0][:60]!r} looks like a title" if filled else "it is empty"
        raise StudyError(
            path,
            f"line {form.header_row} holds no headers: {title}, and line {line} like headers",
            expected=f"in the card table: {{header_row: {line}}}, or a file without that line",
        )
    if form.header_row > 1:
        found.append(f"headers in line {form.header_row}")
    header, unnamed = _named(path, top[form.header_row - 1], top[form.header_row :])
    if not header:
        raise StudyError(path, f"line {form.header_row} is empty", expected="headers")
    if unnamed:
        found.append(f"columns without a header are called {', '.join(unnamed)}")
    return _Opened(header, itertools.chain(top[form.header_row :], rows), found, kind == "excel")


def _named(path: Path, cells: list[str], below: list[list[str]]) -> tuple[list[str], list[str]]:
    """The header, and what was called so for want of a name.

    Columns at its end that have no name, and no cell in the rows `below`, are none.
    """
    header = [plain_header(cell) for cell in cells]
    while header and not header[-1]:
        if any("".join(row[len(header) - 1 : len(header)]).strip() for row in below):
            break
        header.pop()
    unnamed = [f"column_{n}" for n, name in enumerate(header, start=1) if not name]
    header = [name or f"column_{n}" for n, name in enumerate(header, start=1)]
    for name, count in Counter(header).items():
        if count > 1:
            places = [str(n) for n, one in enumerate(header, start=1) if one == name]
            expected = f"unique names; it is number {' and '.join(places)}"
            raise StudyError(path, "a column stands twice", column=name, expected=expected)
    return header, unnamed


def _line_of_headers(top: list[list[str]]) -> int | None:
    """The line, from 1, in which the headers seem to stand, where the first seems to hold none.

    The first row is a title where it is filled in at most one cell, or in less than half of what
    other rows have, and a row of texts below it is filled in most.
    """
    filled = [[cell.strip() for cell in row if cell.strip()] for row in top]
    widest = max(map(len, filled[1:]), default=0)
    if filled and not filled[0]:
        return next((line for line, cells in enumerate(filled, start=1) if cells), None)
    if not filled or len(filled[0]) > max(1, (widest - 1) // 2) or widest < 2:
        return None
    for line, cells in enumerate(filled[1:], start=2):
        if len(cells) > max(1, widest // 2):
            return line if not any(re.fullmatch(r"[+-]?[\d.,]+", cell) for cell in cells) else None
    return None


def _grid(path: Path, form: TableFormat) -> tuple[Iterator[list[str]], str, list[str]]:
    """Every line of cells, what parts them ("excel" or a separator), and what is not plain."""
    if _is_excel(path):
        from llm4waam.core.workbooks import sheet_rows  # openpyxl, for those who need it

        rows, found = sheet_rows(path, form.sheet)
        return rows, "excel", found
    if path.suffix.lower() in EXCEL:
        reason = "not an Excel workbook, or one with a password"
        raise StudyError(path, reason, expected=".xlsx without a password")
    encoding = _encoding(path, form)
    lines = read_lines(path, encoding)
    first = list(itertools.islice(lines, form.header_row - 1 + LOOK))
    separator = form.separator or _separator(first, form.header_row)
    found = [] if separator == "," else [f"columns parted by {SEPARATORS[separator]}"]
    if encoding not in ("utf-8", "utf-8-sig"):
        found.append(encoding.upper())
    elif codecs.lookup(form.encoding).name != "utf-8":
        found.append(f"UTF-8, though the card says {form.encoding}")
    return _csv_rows(path, itertools.chain(first, lines), separator), separator, found


def _csv_rows(path: Path, lines: Iterable[str], separator: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(lines, delimiter=separator, strict=True)
    except csv.Error as error:
        expected = f"{SEPARATORS[separator]}, quotes"
        raise StudyError(path, f"not a CSV table ({error})", expected=expected) from None


def _separator(lines: list[str], header_row: int) -> str:
    """What parts the header: that into which the rows agree, else that which parts most."""
    counts = {",": 0.0}
    for separator in SEPARATORS:
        try:
            rows = list(csv.reader(lines, delimiter=separator))[header_row - 1 :]
        except csv.Error:
            continue
        sizes = [len(row) for row in rows if row]
        header = max(sizes[:1], default=0)
        if header > 1:
            counts[separator] = header
            if sizes.count(header) >= 0.9 * len(sizes):
                return separator
        elif sizes:  # under a title, perhaps
            counts[separator] = max(sizes) / 1000
    return max(counts, key=counts.__getitem__)


# ------------------------------------------------------------------------------------ characters


def read_lines(path: Path, encoding: str) -> Iterator[str]:
    """The lines of a text file with their line ends, read when they are asked for.

    Raises StudyError for bytes that are not of the encoding and for NUL characters.
    """
    number = 0
    try:
        with path.open(encoding=encoding, newline="") as lines:
            for number, line in enumerate(lines, start=1):
                if "\0" in line:
                    raise StudyError(path, f"line {number} holds a NUL", expected="a text file")
                yield line
    except UnicodeError:
        raise StudyError(path, f"after line {number}: not {encoding}", expected=encoding) from None


def _encoding(path: Path, form: TableFormat) -> str:
    """The encoding of a text file; raises StudyError where it is none that is known."""
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    fault = _first_not_utf8(path)
    if fault is None:
        return "utf-8"
    if codecs.lookup(form.encoding).name != "utf-8":
        return form.encoding
    line, reason = fault
    what, codec = _looks_like(path)
    if codec is None:
        raise StudyError(path, f"line {line} {reason}", expected="a text file in UTF-8")
    expected = f"UTF-8 (in Excel: save as CSV UTF-8), or in the card table: {{encoding: {codec}}}"
    raise StudyError(path, f"line {line} {reason}: it looks like {what}", expected=expected)


def _first_not_utf8(path: Path) -> tuple[int, str] | None:
    """The first line that is not UTF-8, and why; escapes of older encodings count as such."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if b"\0" in line:
                return number, "holds a NUL"
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number, "is not UTF-8"
    return None


def _looks_like(path: Path) -> tuple[str, str | None]:
    """What the bytes look like, in words and as Python calls it; None where nothing fits."""
    with path.open("rb") as file:
        data = file.read(1 << 20)
        while data.isascii() and (more := file.read(1 << 20)):
            data = data[-1:] + more
    if data.count(0) > len(data) / 5:
        little = data[1::2].count(0) > data[::2].count(0)
        return "UTF-16 without its mark", "utf-16-le" if little else "utf-16-be"
    if b"\0" in data:
        return "", None
    wide = {
        "cp949": ("CP949, the Korean Windows encoding", "[가-힣]", "euc_kr"),
        "shift_jis": ("Shift JIS, of Japanese Windows", "[ぁ-ヿ]", "shift_jis"),
        "gb18030": ("GB 18030, of Chinese Windows", "[一-鿿]", "gb2312"),
    }
    for codec, (words, letters, common) in wide.items():
        try:
            text = codecs.getincrementaldecoder(codec)().decode(data)
        except UnicodeDecodeError:
            continue
        # Signs such as ° and µ before a letter also make a syllable, but one that nobody writes.
        usual = [x for x in re.findall(letters, text) if len(x.encode(common, "ignore")) == 2]
        if len(usual) > 0.9 * sum(one.isalpha() and not one.isascii() for one in text):
            return words, codec
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return "", None
    return "cp1252, of Western Windows", "cp1252"


def _is_excel(path: Path) -> bool:
    """Whether the bytes are those of an Excel workbook; raises StudyError for the old kind."""
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        reason = "an old Excel workbook (.xls), or one with a password"
        raise StudyError(path, reason, expected=".xlsx without a password")
    return head.startswith(b"PK\x03\x04")


# ------------------------------------------------------------------------------------------ JSON


def _objects(path: Path, form: TableFormat, expected: str) -> Iterator[Row]:
    """Objects of JSON lines, or of one list where the file is a .json that begins with one."""
    require_file(path, expected)
    lines = read_lines(path, _encoding(path, form))
    first = next((line for line in lines if line.strip()), "")
    start = path.suffix.lower() == ".json" and first.lstrip().startswith("[")
    lines = read_lines(path, _encoding(path, form))
    if start:
        try:
            found = _json("".join(lines))
        except json.JSONDecodeError as error:
            raise StudyError(path, f"line {error.lineno}: {error.msg}", expected="JSON") from None
        except ValueError as error:
            raise StudyError(path, str(error), expected="a list of flat objects") from None
        yield from ((number, _as_row(one)) for number, one in enumerate(found, start=1))
        return
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield number, _as_row(_json(line))
        except json.JSONDecodeError as error:
            yield number, f"no JSON: {error.msg}"
        except ValueError as error:
            yield number, str(error)


def _json(text: str) -> object:
    """What a JSON text holds, numbers as they are written: 1.10 is a name in another table.

    Raises ValueError for a key that stands twice in an object with other values, and for thousands
    of levels or digits.
    """
    try:
        return json.loads(
            text,
            object_pairs_hook=_once,
            parse_int=_digits,
            parse_float=_digits,
            parse_constant=str,  # NaN, a word for "no value", and Infinity
        )
    except RecursionError:
        raise ValueError("no JSON that a bead could be: nested too deep") from None


def _once(pairs: list[tuple[str, object]]) -> dict:
    found: dict = {}
    for name, value in pairs:  # Python would silently take the last value
        if found.setdefault(name, value) != value:
            raise ValueError(f"column {short(name, 60)} stands twice, with other values")
    return found


def _digits(text: str) -> str:
    if len(text) > LONGEST_NUMBER:
        raise ValueError("no JSON that a bead could be: too long a number")
    return text


def _as_row(found: object) -> dict[str, str] | str:
    """The cells by column, or why there are none."""
    if not isinstance(found, dict) or not found:
        return "no JSON object of column and value"
    row: dict[str, str] = {}
    for key, value in found.items():
        name = plain_header(key)
        parts = value if isinstance(value, list) else [value]
        if any(isinstance(part, (dict, list)) for part in parts):
            shown = visible(short(name, 60))
            return f"column {shown}: nested, where a value or a list of values was expected"
        text = ", ".join("" if part is None else str(part) for part in parts)
        if row.setdefault(name, text) != text:
            return f"column {short(name, 60)} stands twice, with other values"
        if _NO_TEXT.search(name + text):
            shown = visible(short(name, 60))
            return f"column {shown}: half of a character, a lone surrogate, or a NUL"
    return row


# --------------------------------------------------------------------------------------- headers


def nearest(name: str, names: Collection[str]) -> str | None:
    """The one of `names` that `name` may have meant, None where none is near.

    Case, spaces, underscores, signs and units in brackets do not matter.
    """
    for key in (_key, _bare_key):
        keys = {key(one): one for one in sorted(names, reverse=True)}
        if key(name) in keys:
            return keys[key(name)]
    close = get_close_matches(_bare_key(name), keys, n=1, cutoff=0.75)
    return keys[close[0]] if close else None


def missing_column(file: object, name: str, headers: Collection[str], meaning: str) -> StudyError:
    """The error for a column of the card that the table has not: what it has, and the nearest."""
    listed = ", ".join(map(repr, list(headers)[:LISTED]))
    if len(headers) > LISTED:
        listed += f" and {len(headers) - LISTED} more"
    near = nearest(name, headers)
    if near is None:
        expected = meaning
    elif _key(near) == _key(name):
        expected = f"in the card header: {near!r}; only case, spaces or signs differ"
    else:
        expected = f"{meaning}; the nearest is {near!r}"
    reason = f"the column is missing; the table has {listed}"
    return StudyError(file, reason, column=name, expected=expected)


def _key(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _bare_key(name: str) -> str:
    return _key(re.sub(r"\(.*?\)|\[.*?\]", "", name))
