"""Tables that users bring, read by the card as the raw table is.

Incomplete beads are welcome; a bead with a value that cannot be read is left out.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from llm4waam.card.card import Card
from llm4waam.card.columns import ROLES, Information
from llm4waam.card.quantities import is_missing, split_unit
from llm4waam.cleaning.log import WHOLE_ROW, CleaningLog, Entry
from llm4waam.cleaning.parsing import UNIT_LOST, parse_column
from llm4waam.core.errors import StudyError
from llm4waam.core.tables import JSON_LINES, Row, TableFormat, read_header

CHUNK = 256  # rows at a time: a long table takes no more memory than a short one


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


def chunks(
    rows: Iterator[Row], card: Card, information: Information
) -> Iterator[tuple[pd.DataFrame, CleaningLog]]:
    """Clean beads and the cleaning log, CHUNK rows at a time; see `take`."""
    while part := list(itertools.islice(rows, CHUNK)):
        yield take(part, card, information)


def take(rows: list[Row], card: Card, information: Information) -> tuple[pd.DataFrame, CleaningLog]:
    """Beads with the columns of the clean table that may be known, and the cleaning log.

    Columns go by the raw table's header or by their name in the card; a number under the latter
    has the card's unit where the cell gives none. A row of which any value cannot be read is
    rejected as a whole: nothing is predicted from a guess. Outcomes are never read, measurements
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
        read = name in wanted and column.formula is None
        given = _given(raw, card, name) if read else None
        if given is None:
            table[name] = pd.Series(None, index=raw.index, dtype=dtype)
        else:
            table[name] = parse_column(given, card, name, log, alone=True).astype(dtype)
    computed = card.with_computed(table)
    for name in (one for one in table if card.columns[one].formula is not None):
        table[name] = computed[name].astype(float)
    log.entries = [_how_to_write(entry, card) for entry in log.entries]
    table.insert(0, "bead", _names(raw, card))
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


def known_columns(card: Card) -> set[str]:
    """Every column that a user's table may have, whether it is read or passed over."""
    columns = card.columns.items()
    return {n for name, c in columns for n in (name, c.header, c.unit_header) if n}


def _given(raw: pd.DataFrame, card: Card, name: str) -> pd.DataFrame | None:
    """The column under the raw table's header, with its unit beside it; None where it is not."""
    column = card.columns[name]
    sources = [one for one in dict.fromkeys((column.header, name)) if one in raw]
    if not sources:
        return None
    given = pd.DataFrame({column.header: raw[sources[0]]})
    by_name = pd.Series(sources[0] != column.header, index=raw.index)
    if len(sources) == 2:  # one row has the one, the next the other
        by_name = given[column.header].map(is_missing)
        given[column.header] = given[column.header].where(~by_name, raw[name])
    if column.unit_header:
        units = raw.get(column.unit_header, pd.Series("", index=raw.index))
        given[column.unit_header] = units.mask(by_name & units.map(is_missing), column.unit)
    elif column.raw_unit:
        own = given[column.header].map(lambda cell: _with_unit(cell, column.unit or ""))
        given[column.header] = given[column.header].mask(by_name, own)
    if column.lost_unit_like:
        # Rows of a user need not be of one laboratory: none gives its unit to another.
        given[card.columns[column.lost_unit_like].header] = raw.index.astype(str)
    return given


def _with_unit(cell: str, unit: str) -> str:
    """A bare number with its unit; any other cell as it is."""
    try:
        return cell if split_unit(cell)[1] else f"{cell} {unit}"
    except ValueError:
        return cell


def _names(raw: pd.DataFrame, card: Card) -> list[str]:
    one = card.named("identifier")[:1]
    headers = [h for name in one for h in (card.columns[name].header, name) if h in raw]
    named = raw[headers[0]].str.strip() if headers else ""
    return [name or f"row {row}" for row, name in pd.Series(named, index=raw.index).items()]
