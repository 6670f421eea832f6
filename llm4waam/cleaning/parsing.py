"""One column of a raw table, strings, to values of the card's kind and unit.

Used for the raw table, for tables that users bring and for the values of a shop-floor log, so that
a cell means the same everywhere. What the card says comes first: its levels, labels and spellings,
then its words for "no value", then what everybody writes (card/welding_words.yaml). A cell that
cannot be read is rejected, and the rest of the table goes on.
"""

import re
from collections.abc import Callable

import pandas as pd

from llm4waam.card import labels, vocabulary
from llm4waam.card.card import Card
from llm4waam.card.cells import Written
from llm4waam.card.columns import ALL_ROLES, Column
from llm4waam.card.quantities import (
    accepted,
    convert,
    is_missing,
    parse_number,
    split_unit,
)
from llm4waam.card.quantities import unit as unit_of
from llm4waam.cleaning.log import CleaningLog

# An x ticks a box in one table, and says no in another, where a circle says yes.
TICKS = {"x": "o", "X": "O"}
UNIT_LOST = "unit lost and no other row tells it"

Read = Callable[[str], object]  # raises ValueError with the reason


def parse_column(
    raw: pd.DataFrame, card: Card, name: str, log: CleaningLog, *, alone: bool = False
) -> pd.Series:
    """The column `name` of the clean table, shape (rows,); missing or rejected cells are missing.

    Every rejected cell is logged, and every one whose meaning was found from the cells beside it;
    `alone`, no cell tells of another.
    """
    column = card.columns[name]
    cells = raw[column.header].str.strip().str.replace("\r\n?", "\n", regex=True)
    words = [*card.missing, *column.missing]
    values: dict[int, object] = {}
    if column.kind == "number":
        there = cells[~cells.map(lambda text: is_missing(text, words))]
        units = _units(raw, card, name, there, log)
        read: Read | None = None
    else:
        spelled, ticks = _spellings(column), {}
        if column.kind == "flag" and not alone:
            ticks = _ticks(raw, card, name, log)
        for row, text in cells.items():
            found = ticks.get(text, spelled.get(text.casefold()))
            if found is not None:
                values[row] = found
        there = cells.drop(list(values))
        there = there[~there.map(lambda text: is_missing(text, words))]
        read = _reader(column)
    for row, text in there.items():
        try:
            values[row] = read(text) if read else _number(text, column, units[row])
        except ValueError as error:
            log.reject(row, name, text, str(error))
    dtype = float if column.kind in ("number", "flag") else "str"
    return pd.Series(values, index=raw.index, dtype=dtype)


def _units(
    raw: pd.DataFrame, card: Card, name: str, cells: pd.Series, log: CleaningLog
) -> dict[int, str | ValueError]:
    """The unit of every cell, of itself or else of the unit column, or why there is none.

    A cell whose own unit is not that beside it has none: nobody knows which is right. A row whose
    unit is lost takes that of the other rows of its group where they all have the same.
    """
    column = card.columns[name]
    found: dict[int, str | ValueError] = {}
    beside_all = [""] * len(cells)
    if column.unit_header is not None:
        beside_all = raw.loc[cells.index, column.unit_header].str.strip()
    for (row, text), beside in zip(cells.items(), beside_all, strict=True):
        try:
            own = split_unit(text)[1]
        except ValueError:
            continue
        given = own or beside
        if not is_missing(given):
            unit = accepted(given, column.units)
            expected = ", ".join(column.units) or "no unit"
            reason = f"{given[:60]!r}: the card does not accept this unit; expected {expected}"
            found[row] = unit or ValueError(reason)
            if unit and own and not is_missing(beside):
                other = accepted(beside, column.units)
                if other is None or unit_of(other) != unit_of(unit):
                    reason = f"the cell says {own[:60]}, and {column.unit_header} {beside[:60]}"
                    found[row] = ValueError(reason)
    known = {row: unit for row, unit in found.items() if isinstance(unit, str)}
    if column.unit_header is None:
        default = column.raw_unit or column.unit or ""
        return {row: found.get(row, default) for row in cells.index}
    if column.lost_unit_like:
        group = raw[card.columns[column.lost_unit_like].header]
        units = pd.Series(known, dtype=object).groupby(group.reindex(list(known))).unique()
        for row in cells.index.difference(list(found)):
            others = units.get(group[row], [])
            if len(others) == 1:
                found[row] = others[0]
                reason = f"unit lost; every other row of {group[row]} has {others[0]}"
                log.alter(row, column.header, cells[row], reason)
    return {row: found.get(row, ValueError(UNIT_LOST)) for row in cells.index}


def written(raw: pd.DataFrame, card: Card, names: list[str], groups: pd.Series) -> Written:
    """How finely the numbers of the columns `names` were written, of those with several units.

    `raw` are the rows that are left, `groups` says the group of each. What a unit is written to is
    its finest number in the group: 5 stands beside 5.5 for 5.0.
    """
    found = {}
    for name in names:
        column = card.columns[name]
        if column.kind != "number" or column.header is None or len(column.units) < 2:
            continue
        cells = raw[column.header].str.strip()
        units = pd.Series(_units(raw, card, name, cells, CleaningLog()), dtype=object)
        units = units.where(units.map(lambda one: isinstance(one, str)), None).reindex(raw.index)
        if units.nunique() < 2:
            continue
        decimals = cells.map(_decimals).groupby([groups, units], dropna=False).transform("max")
        halves = [
            abs(convert(0.5 * 10.0**-n, unit, column.unit) - convert(0.0, unit, column.unit))
            if unit
            else float("nan")
            for n, unit in zip(decimals, units, strict=True)
        ]
        found[name] = pd.DataFrame({"unit": units, "half": halves})
    return found


def _decimals(text: str) -> int:
    """The digits behind the decimal sign of a number as it is written."""
    try:
        digits = split_unit(text)[0].lower()
        value = parse_number(digits)
    except ValueError:
        return 0
    mantissa, _, exponent = digits.partition("e")
    parts = re.fullmatch(r"[+-]?(\d*)[.,](\d+)", mantissa)
    if value is None or not 1e-300 < abs(value) < 1e300:
        return 0
    if not parts:
        return 0 - int(exponent or 0)
    whole = abs(float(f"{parts[1]}.{parts[2]}e{exponent or 0}"))
    grouped = abs(value) == abs(float(f"{parts[1]}{parts[2]}e{exponent or 0}")) != whole
    return (0 if grouped else len(parts[2])) - int(exponent or 0)


def _number(text: str, column: Column, unit: str | ValueError) -> float:
    """One number in the card's unit; raises ValueError with the reason."""
    digits, written = split_unit(text)
    if any(sign in written for sign in ("±", "+/-", "-", "~", "–")) and any(
        sign.isdigit() for sign in written
    ):
        raise ValueError("not one number")
    if isinstance(unit, ValueError):
        raise unit
    if not column.unit:
        digits = text

    def canonical(value: float) -> float:
        return float(f"{convert(value, unit, column.unit) if column.unit else value:.10g}")

    low, high = column.bounds
    value = parse_number(digits, lambda value: low <= canonical(value) <= high)
    if value is None:
        raise ValueError("not a number")
    if value in column.faults:
        raise ValueError("fault value of the logger")
    if not low <= canonical(value) <= high:
        raise ValueError(f"outside {low:g} to {high:g} {column.unit or ''}".strip())
    return canonical(value)


def _spellings(column: Column) -> dict[str, object]:
    """What the card, or everybody, writes for a value, in small letters -> the value."""
    if column.kind == "flag":
        usual = vocabulary.words()
        found = dict.fromkeys(usual.absent, 0.0) | dict.fromkeys(usual.present, 1.0)
        own = dict.fromkeys(column.absent, 0.0) | dict.fromkeys(column.present, 1.0)
        return found | {spelling.strip().casefold(): value for spelling, value in own.items()}
    others = column.labels | {name: level.aliases for name, level in column.levels.items()}
    return {
        spelling.strip().casefold(): name
        for name, aliases in others.items()
        for spelling in [name, *aliases]
    }


def _everybodys(column: Column) -> dict[str, str]:
    """Plain spelling -> the level that everybody writes so, of a category."""
    found = vocabulary.further_spellings(column).items() if column.kind == "category" else ()
    return {vocabulary.plain(one): name for name, spellings in found for one in spellings}


def _ticks(raw: pd.DataFrame, card: Card, name: str, log: CleaningLog) -> dict[str, float]:
    """What the card does not say of a flag: cell -> value, found from other cells, and logged.

    An x says yes, but no where a circle of the same size stands in a flag of the table. A blank in
    a column of ticks is a box without one.
    """
    column, cells = card.columns[name], raw[card.columns[name].header].str.strip()
    said = {text.strip().casefold() for text in [*column.present, *column.absent]}
    headers = [card.columns[flag].header for flag in card.named(*ALL_ROLES, kind="flag")]
    others = set(raw[[header for header in headers if header]].to_numpy().ravel())
    found = {
        tick: float(circle not in others)
        for tick, circle in TICKS.items()
        if tick in set(cells) and tick.casefold() not in said
    }
    if 1.0 in found.values() and "" not in said:
        found[""] = 0.0
    for row in cells.index[cells.isin(list(found))]:
        meaning = "present" if found[cells[row]] else "absent"
        log.alter(row, name, cells[row], f"taken for {meaning}, as other cells are written")
    return found


def _reader(column: Column) -> Read:
    """How a cell is read that is neither a number nor among the spellings."""
    if column.kind == "labels":
        return lambda text: labels.normalise(text, column.labels, column.exclusive)

    def flag(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = None
        if value not in (0.0, 1.0):
            raise ValueError("not among 1, 0, yes, no and what the card says of the flag")
        return value

    everybodys = _everybodys(column)

    def word(text: str) -> str:
        if column.levels and vocabulary.plain(text) not in everybodys:
            raise ValueError(f"not among {', '.join(column.levels)}")
        return everybodys.get(vocabulary.plain(text), text)

    return flag if column.kind == "flag" else word
