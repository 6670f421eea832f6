"""One column of a raw table, strings, to values of the card's kind and unit.

Used for the raw table, for tables that users bring and for the values of a shop-floor log, so that
a cell means the same everywhere.
"""

from collections.abc import Callable

import pandas as pd

from llm4waam.card import labels
from llm4waam.card.card import Card
from llm4waam.card.columns import Column
from llm4waam.card.quantities import convert, is_missing, parse_number, split_unit
from llm4waam.cleaning.log import CleaningLog
from llm4waam.core.errors import StudyError

FLAGS = {"0": 0.0, "1": 1.0, "false": 0.0, "true": 1.0, "no": 0.0, "yes": 1.0}
SHORT = {"ipm": "in/min"}  # as welders write, and pint does not know
UNIT_LOST = "unit lost and no other row tells it"


def parse_column(
    raw: pd.DataFrame, card: Card, name: str, log: CleaningLog, file: object
) -> pd.Series:
    """The column `name` of the clean table, shape (rows,); missing or rejected cells are missing.

    Every rejected cell is logged. Raises StudyError for a unit the card does not
    accept: that is a mistake of the table, not of a row.
    """
    column = card.columns[name]
    number = column.kind == "number"
    units = _units(raw, card, column, log, file) if number else {}
    read = _reader(column)
    cells = raw[column.header].str.strip()
    values = {}
    for row, text in cells[~cells.map(is_missing)].items():
        try:
            values[row] = _number(text, column, units.get(row)) if number else read(text)
        except ValueError as error:
            log.reject(row, name, text, str(error))
    dtype = float if column.kind in ("number", "flag") else "str"
    return pd.Series(values, index=raw.index, dtype=dtype)


def _units(
    raw: pd.DataFrame, card: Card, column: Column, log: CleaningLog, file: object
) -> dict[int, str]:
    """The unit of every row, of its cell or else of the unit column: row -> unit.

    A row whose unit is lost takes that of the other rows of its group where they all have the same;
    it is missing here where they do not.
    """
    allowed = {u.casefold(): u for u in [*column.accepted_units, column.raw_unit, column.unit] if u}
    texts = raw[column.header].str.strip()
    found: dict[int, str] = {}
    for row, text in texts.items():
        given = "" if column.unit_header is None else raw.at[row, column.unit_header].strip()
        try:
            given = split_unit(text)[1] or given
        except ValueError:
            continue
        if is_missing(given):
            continue
        given = SHORT.get(given.casefold(), given)
        if given.casefold() not in allowed:
            raise StudyError(
                file,
                "the card does not accept this unit",
                row=int(row),
                column=column.unit_header or column.header,
                value=given,
                expected=", ".join(allowed.values()) or "no unit",
            )
        found[row] = allowed[given.casefold()]
    if column.unit_header is None:
        default = column.raw_unit or column.unit or ""
        return {row: found.get(row, default) for row in raw.index}
    if column.lost_unit_like:
        group = raw[card.columns[column.lost_unit_like].header]
        units = pd.Series(found, dtype=object).groupby(group.reindex(list(found))).unique()
        for row in raw.index.difference(list(found)):
            others = units.get(group[row], [])
            if len(others) == 1 and not is_missing(texts[row]):
                found[row] = others[0]
                reason = f"unit lost; every other row of {group[row]} has {others[0]}"
                log.alter(row, column.header, texts[row], reason)
    return found


def _number(text: str, column: Column, unit: str | None) -> float:
    """One number in the card's unit; raises ValueError with the reason."""
    if unit is None:
        raise ValueError(UNIT_LOST)
    digits = split_unit(text)[0] if column.unit else text

    def canonical(value: float) -> float:
        return float(f"{convert(value, unit, column.unit) if column.unit else value:.10g}")

    def plausible(value: float) -> bool:
        low, high = column.range or (float("-inf"), float("inf"))
        return low <= canonical(value) <= high

    value = parse_number(digits, plausible)
    if value is None:
        raise ValueError("not a number")
    if value in column.faults:
        raise ValueError("fault value of the logger")
    if not plausible(value):
        low, high = column.range or (None, None)
        raise ValueError(f"outside {low:g} to {high:g} {column.unit or ''}".strip())
    return canonical(value)


def _reader(column: Column) -> Callable[[str], float | str]:
    """How one cell that is no number is read; the reader raises ValueError with the reason."""
    if column.kind == "labels":
        return lambda text: labels.normalise(text, column.labels, column.exclusive)
    if column.kind == "flag":
        known = FLAGS
    elif column.kind == "category" and column.levels:
        levels = column.levels.items()
        known = {spelling.casefold(): n for n, lv in levels for spelling in [n, *lv.aliases]}
    else:
        return lambda text: text

    def read(text: str) -> float | str:
        if text.casefold() not in known:
            raise ValueError(f"not among {', '.join(column.levels or FLAGS)}")
        return known[text.casefold()]

    return read
