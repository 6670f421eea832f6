"""Tables that users bring, read by the card as the raw table is.

Incomplete beads are welcome; a bead with a value that cannot be read is left out.
"""

import itertools
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from llm4waam.card.card import Card
from llm4waam.card.columns import ROLES, Column, Information
from llm4waam.card.quantities import is_missing, split_unit
from llm4waam.cleaning.log import WHOLE_ROW, CleaningLog, Entry
from llm4waam.cleaning.parsing import UNIT_LOST, parse_column
from llm4waam.core.errors import StudyError
from llm4waam.core.escapes import has_half_character, short
from llm4waam.core.heard import heard
from llm4waam.core.tables import (
    JSON_LINES,
    LISTED,
    Row,
    TableFormat,
    nearest,
    read_header,
    read_rows,
)

CHUNK = 256  # rows at a time: a long table takes no more memory than a short one
STRANGE = 5000  # columns beside those of the card
SHOWN = 6  # headers that an error names
TWICE = "given twice, with other values"
SAME = 1e-3  # relative: two ways to write a value are rounded apart


def form_of(file: Path, card: Card) -> TableFormat:
    """How a user's file is written: as the raw table where its headers stand so, else plainly."""
    plain = TableFormat(encoding=card.table.encoding)
    if file.suffix.lower() in JSON_LINES:
        return plain
    for form in (card.table.model_copy(update={"separator": None}), plain):
        try:
            header = read_header(file, form)
        except StudyError:  # such as a sheet that this file has not; read plainly it tells its own
            continue
        if known_columns(card).intersection(header):
            return form
    return plain


def check_table(file: Path, card: Card) -> TableFormat:
    """How a user's file is written, after all of it was looked at, and before anything slow.

    Columns that the card does not know are logged. Raises StudyError where one of them looks like a
    slip, whose set-point would silently be unknown, for a file without a bead, and as `read_rows`.
    """
    with heard():  # what there is to say of the file is said when its rows are taken
        form = form_of(file, card)
        rows = read_rows(file, form)
        names: dict[str, None] = {}
        if file.suffix.lower() not in JSON_LINES:
            names |= dict.fromkeys(read_header(file, form))
        count = 0
        for count, (_, cells) in enumerate(rows, start=1):  # noqa: B007
            names |= dict.fromkeys(cells if isinstance(cells, dict) else ())
    if not count:
        raise StudyError(file, "there are no beads", expected="a row for each")
    known = known_columns(card)
    strange = [name for name in names if name not in known]
    if len(strange) > STRANGE:  # to look for a slip in each would take minutes
        reason = f"{len(strange):,} columns are none of the card"
        raise StudyError(file, reason, expected=f"at most {STRANGE:,} of them")
    for name in strange:
        if near := nearest(name, known):
            raise StudyError(file, "the card has no such column", column=name, expected=near)
    if strange:
        named = ", ".join(short(name) for name in strange[:LISTED])
        more = f" and {len(strange) - LISTED} more" * (len(strange) > LISTED)
        logging.warning("columns that the card does not know: %s%s", named, more)
    if names and not known.intersection(names):  # there are none where no row can be read
        expected = "headers such as " + ", ".join(sorted(known)[:SHOWN])
        raise StudyError(file, "no column is one of the card", expected=expected)
    return form


def chunks(
    rows: Iterator[Row], card: Card, information: Information
) -> Iterator[tuple[pd.DataFrame, CleaningLog]]:
    """Clean beads and the cleaning log, CHUNK rows at a time; see `take`."""
    while part := list(itertools.islice(rows, CHUNK)):
        yield take(part, card, information)


def take(rows: list[Row], card: Card, information: Information) -> tuple[pd.DataFrame, CleaningLog]:
    """Beads with the columns of the clean table that may be known, and the cleaning log.

    Columns go by the raw table's header or by their name in the card; a number under the latter
    has the card's unit where the cell gives none. A row of which any value cannot be read, or is
    given under both names with other values, is rejected as a whole: nothing is predicted from a
    guess. Outcomes are never read, measurements
    only where sentences say them. `bead` is the card's identifier, else the number of the row.
    """
    log = CleaningLog()
    for number, cells in rows:
        if isinstance(cells, str):
            log.reject(number, WHOLE_ROW, "", cells)
    known = known_columns(card)  # a table may have others by the thousand
    whole = {
        number: {name: cell for name, cell in cells.items() if name in known}
        for number, cells in rows
        if not isinstance(cells, str)
    }
    raw = pd.DataFrame(list(whole.values()), index=list(whole)).fillna("").astype(str)
    wanted = [*card.named(*ROLES[information]), *card.named("note")]
    table = pd.DataFrame(index=raw.index)
    for name in dict.fromkeys([*wanted, *card.named("measurement")]):
        column = card.columns[name]
        dtype = float if column.kind in ("number", "flag") else object
        table[name] = pd.Series(None, index=raw.index, dtype=dtype)
        read = name in wanted and column.formula is None
        for source in _sources(raw, column, name) if read else ():
            given = _given(raw, card, name, source)
            found = parse_column(given, card, name, log, alone=True).astype(dtype)
            for row in raw.index[_differ(table[name], found)]:
                said = f"{column.header}: {raw.at[row, column.header]}, {name}: {raw.at[row, name]}"
                log.reject(row, name, said, TWICE)
            table[name] = table[name].where(table[name].notna(), found)
    computed = card.with_computed(table)
    for name in (one for one in table if card.columns[one].formula is not None):
        table[name] = computed[name].astype(float)
    log.entries = [_how_to_write(entry, card) for entry in log.entries]
    table.insert(0, "bead", _names(raw, card, log))
    log.names = dict(zip(raw.index.tolist(), table["bead"].tolist(), strict=True))
    bad = {entry.row for entry in log.rejected()}
    table = table[~table.index.isin(bad)]
    empty = table[card.named(*ROLES[information])].isna().all(axis=1)
    for number in table.index[empty]:
        log.reject(number, WHOLE_ROW, "", "no set-point is given")
    return table[~empty], log


def _how_to_write(entry: Entry, card: Card) -> Entry:
    """The entry with what the user can do about it, where the unit of a number is not known."""
    if entry.reason != UNIT_LOST:
        return entry
    units = card.columns[entry.column].accepted_units
    written = f"{entry.value} {units[0]}" if units else entry.value
    reason = f'no unit: write it in the cell, such as "{written}" ({", ".join(units)})'
    return entry._replace(reason=reason)


def one_bead(pairs: Iterable[tuple[str, str]], card: Card, given_by: str) -> dict[str, str]:
    """The cells of one bead that is given as (column, value), as a row of `take`.

    Raises StudyError, which names `given_by`, for a column that the card does not have, for a value
    given twice, and for text that is not UTF-8.
    """
    known, found = known_columns(card), {}
    for name, value in pairs:
        if name not in known:
            expected = "one of " + ", ".join(sorted(known))
            raise StudyError(given_by, "no such column", value=name, expected=expected)
        if has_half_character(value):
            raise StudyError(given_by, "not UTF-8", column=name, value=value, expected="UTF-8")
        if found.setdefault(name, value) != value:
            both = f"{found[name]}, {value}"
            raise StudyError(given_by, TWICE, column=name, value=both, expected="one of them")
    # Under its header and its name in the card: only what stands there tells whether that differs.
    for entry in take([(1, found)], card, "post_weld")[1].entries:
        if entry.reason == TWICE:
            raise StudyError(given_by, TWICE, column=entry.column, value=entry.value)
    return found


def known_columns(card: Card) -> set[str]:
    """Every column that a user's table may have, whether it is read or passed over."""
    columns = card.columns.items()
    return {n for name, c in columns for n in (name, c.header, c.unit_header) if n}


def _sources(raw: pd.DataFrame, column: Column, name: str) -> list[str]:
    """Where a column stands: under the raw table's header, under its name in the card, or both."""
    return [one for one in dict.fromkeys((column.header, name)) if one in raw]


def _differ(one: pd.Series, other: pd.Series) -> np.ndarray:
    """Where both have a value and it is not the same, (rows,)."""
    both = (one.notna() & other.notna()).to_numpy()
    if one.dtype == float:
        near = np.isclose(one, other, rtol=SAME, atol=0)
        return both & ~near
    return both & (one != other).to_numpy()


def _given(raw: pd.DataFrame, card: Card, name: str, source: str) -> pd.DataFrame:
    """The column `source` under the raw table's header, with its unit beside it."""
    column = card.columns[name]
    given, by_name = pd.DataFrame({column.header: raw[source]}), source != column.header
    if column.unit_header:
        units = raw.get(column.unit_header, pd.Series("", index=raw.index))
        if by_name:  # a unit that stands beside a value under the header is that value's
            taken = units.map(is_missing)
            if column.header in raw:
                taken |= ~raw[column.header].map(is_missing)
            units = units.mask(taken, "").mask(taken & raw[source].map(_is_bare), column.unit)
        given[column.unit_header] = units
    elif column.raw_unit and by_name:
        own = given[column.header].map(lambda cell: _with_unit(cell, column.unit or ""))
        given[column.header] = own
    if column.lost_unit_like:
        # Rows of a user need not be of one laboratory: none gives its unit to another.
        given[card.columns[column.lost_unit_like].header] = raw.index.astype(str)
    return given


def _with_unit(cell: str, unit: str) -> str:
    """A bare number with its unit; any other cell as it is."""
    return f"{cell} {unit}" if _is_bare(cell) else cell


def _is_bare(cell: str) -> bool:
    """Whether a cell is a number without a unit."""
    try:
        return not split_unit(cell)[1]
    except ValueError:
        return False


def _names(raw: pd.DataFrame, card: Card, log: CleaningLog) -> list[str]:
    """What each bead is called: by the card's identifier, else "row 3"."""
    names = pd.Series("", index=raw.index)
    for name in card.named("identifier")[:1]:
        for source in _sources(raw, card.columns[name], name):
            found = raw[source].str.strip()
            for row in raw.index[(names != "") & (found != "") & (names != found)]:
                both = f"{names[row]}, {found[row]}"
                log.reject(row, name, both, TWICE)
            names = names.where(names != "", found)
    return [name or f"row {row}" for row, name in names.items()]
