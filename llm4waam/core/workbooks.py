"""Sheets of Excel workbooks as rows of strings, as a person sees them, read row by row."""

import logging
import re
import warnings
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

from llm4waam.core.errors import StudyError

NAMED = 3  # cells that a warning names
CHUNK = 1 << 20  # bytes of a sheet that are searched at a time
CELL = 4096  # bytes that a formula or a merged range is at most long
_MERGED = re.compile(rb'<mergeCell ref="([A-Z0-9:]+)"')
# A formula whose value the program that wrote the file has not stored.
_FORMULA = re.compile(
    rb'<c r="([A-Z]+\d+)"[^>]*>\s*<f(?:[^>]*/>|[^>]*>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>'
)


def sheet_rows(path: Path, sheet: str | None) -> tuple[Iterator[list[str]], list[str]]:
    """Every row of a sheet (None: the first) as texts, and what is to be said of the workbook.

    Numbers are written without needless digits (10.0 is "10"), dates as ISO, percentages with their
    sign, errors as they stand (#N/A). Merged cells, of which only the first has the value, and
    formulas without a stored value are logged as warnings. Raises StudyError for what is no
    workbook and for a sheet that is not there.
    """
    import openpyxl  # where a workbook is read, and nowhere else

    file = path.open("rb")  # given a path, openpyxl goes by its ending
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions, which no cell needs
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    except Exception as error:  # of a damaged file openpyxl raises whatever it meets
        file.close()
        raise _damaged(path, error) from None
    names = [one.title for one in book.worksheets]
    if sheet is not None and sheet not in names:
        expected = "one of " + ", ".join(map(repr, names))
        raise StudyError(path, "there is no such sheet", value=sheet, expected=expected)
    if not names:
        raise StudyError(path, "the workbook has no sheet", expected="a table")
    chosen = book[sheet or names[0]]
    others = [name for name in names if name != chosen.title]
    found = [f"sheet {chosen.title!r}" + f" (others: {', '.join(others)})" * bool(others)]
    chosen.reset_dimensions()  # some programs write a wrong size, and rows beyond it were lost
    try:
        _warn(path, book, chosen)
    except Exception as error:
        raise _damaged(path, error) from None
    return _rows(path, book, chosen), found if others or sheet else []


def _damaged(path: Path, error: Exception) -> StudyError:
    said = (str(error) or type(error).__name__).splitlines()[0]
    reason = f"not an Excel workbook, or a damaged one ({said})"
    return StudyError(path, reason, expected=".xlsx, such as Excel saves it anew")


def _rows(path: Path, book: object, sheet: object) -> Iterator[list[str]]:
    rows = sheet.iter_rows()
    try:
        while True:
            try:
                row = [_text(cell) for cell in next(rows)]
            except StopIteration:
                return
            except Exception as error:
                raise _damaged(path, error) from None
            yield row
    finally:
        book.close()


def _text(cell: object) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, (int, float)):
        if "%" in str(cell.number_format):
            return f"{value * 100:.15g}%"
        return _with_zeros(f"{value:.15g}", str(cell.number_format))  # as many digits as Excel has
    if isinstance(value, datetime):
        whole_day = value.time() == datetime.min.time()
        return value.date().isoformat() if whole_day else value.isoformat(" ")
    return value.isoformat() if isinstance(value, date) else str(value)


def _with_zeros(digits: str, number_format: str) -> str:
    """Digits with the zeros that the format of the cell adds, and none taken away.

    By "000" the wire 7 is shown as 007, by "0.00" the code 1.1 as 1.10.
    """
    added = re.fullmatch(r"(0+)(?:\.(0+))?", number_format)
    if not added or not re.fullmatch(r"\d+(\.\d+)?", digits):
        return digits
    whole, _, decimals = digits.partition(".")
    decimals = decimals.ljust(len(added[2] or ""), "0")
    return whole.zfill(len(added[1])) + (f".{decimals}" if decimals else "")


def _warn(path: Path, book: object, sheet: object) -> None:
    """Log what a sheet holds that its rows do not show."""
    merged, formulas = [], []
    with book._archive.open(sheet._worksheet_path) as xml:
        kept = b""
        while part := xml.read(CHUNK):
            text = kept + part
            for found, pattern in ((merged, _MERGED), (formulas, _FORMULA)):
                found += [match.decode() for match in pattern.findall(text)]
            kept = text[-CELL:]
    for found, reason in (
        (merged, "merged ranges: only the first cell of each has the value, the others are empty"),
        (formulas, "formulas without a stored value are empty: open the file in Excel and save it"),
    ):
        cells = list(dict.fromkeys(found))  # where two parts overlap, a cell is found twice
        if cells:
            named = ", ".join(cells[:NAMED]) + ", ..." * (len(cells) > NAMED)
            logging.warning(
                "%s, sheet %r: %d %s (%s)", path, sheet.title, len(cells), reason, named
            )
