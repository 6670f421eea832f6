"""From a raw table of strings to one clean row a bead, as the card says.

In this order: every column is parsed, rows that cannot be used are left out, duplicates are merged,
and reported values are compared with their formulas. The cleaning log says what was changed.
"""

import pandas as pd
import pandera.pandas as pa

from llm4waam.card import labels
from llm4waam.card.card import Card
from llm4waam.card.cells import find_cells, joined_cells, rounded_alike
from llm4waam.card.columns import Column
from llm4waam.card.formulas import evaluate, names_in
from llm4waam.cleaning.log import WHOLE_ROW, CleaningLog
from llm4waam.cleaning.parsing import parse_column, written
from llm4waam.cleaning.prompt_file import merge_prompts
from llm4waam.core.errors import StudyError
from llm4waam.core.tables import missing_column


def clean_table(
    raw: pd.DataFrame, card: Card, broken: dict[int, int], file: object
) -> tuple[pd.DataFrame, CleaningLog]:
    """Clean `raw` (strings, indexed by row number); returns the beads and the cleaning log.

    The beads have the columns `bead` and `cell`, then the card's in its order and units. A broken
    row is logged and left out. Raises StudyError for a broken table: a column that the card names
    is missing, none of the values of a column can be read, or no row is usable.
    """
    log = CleaningLog()
    for row, cells in broken.items():
        log.reject(row, WHOLE_ROW, f"{cells} cells", f"expected {len(raw.columns)} cells")
    wanted = {}
    for column in card.columns.values():
        for header in filter(None, (column.header, column.unit_header)):
            if header not in raw.columns:
                raise missing_column(file, header, raw.columns, column.meaning)
            wanted[header] = raw[header]
    raw = pd.DataFrame(wanted, index=raw.index)  # a table may have columns by the thousand
    table = pd.DataFrame(index=raw.index)
    for name, column in card.columns.items():
        if column.header is not None:
            table[name] = parse_column(raw, card, name, log)
            _check_column(table[name], column, log, file)
            if column.kind == "category" and not column.levels:
                table[name] = _one_spelling(table[name], log)
    table = _join_labels(table, card, log)
    table = _drop_unusable(table, card, log)
    if card.named("prompt"):
        table = merge_prompts(table, card, log)
    else:
        table = _merge_duplicates(table, card, log)
        table = _with_formulas(table, card, log)
        table = _checked(table, card, log)
        table.insert(0, "bead", _bead_names(table, card))
        table.insert(1, "cell", _cells(table, raw.loc[table.index], card, log))
    if table.empty:
        first = log.rejected()[0]
        place = {"row": first.row, "column": first.column, "value": first.value}
        raise StudyError(file, f"no usable row is left; the first: {first.reason}", **place)
    _check_logarithms(table, card, file)
    table = table[["bead", "cell", *card.clean_columns]]
    return schema(card).validate(table.reset_index(drop=True)), log


def _check_column(values: pd.Series, column: Column, log: CleaningLog, file: object) -> None:
    """Raise StudyError where all cells of a column were rejected: the card does not fit it."""
    rejected = [e for e in log.rejected() if e.column == values.name]
    if len(rejected) > 1 and values.isna().all():
        first = rejected[0]
        reason = f"no value of the column can be read: {first.reason}"
        raise StudyError(file, reason, row=first.row, column=column.header, value=first.value)


def _one_spelling(values: pd.Series, log: CleaningLog) -> pd.Series:
    """Spellings that differ in case or spaces become the most frequent of them.

    The card names no levels, so that the table alone can tell.
    """
    key = values.str.casefold().str.replace(r"\s+", " ", regex=True)
    common = values.groupby(key).agg(lambda same: same.value_counts(sort=False).idxmax())
    found = key.map(common).astype(values.dtype)
    for row in values.index[values.notna() & (found != values)]:
        log.alter(row, str(values.name), values[row], f"taken for {found[row]!r}")
    return found


def _join_labels(table: pd.DataFrame, card: Card, log: CleaningLog) -> pd.DataFrame:
    """One row a bead, of a table that has a row for each bead and label (`label_of`).

    A bead whose rows differ in anything but the label, or whose labels exclude each other, is left
    out.
    """
    for name, column in card.columns.items():
        if column.label_of is None:
            continue
        keep = pd.Series(True, index=table.index)
        others = [n for n in table.columns if n != name]
        for _, rows in table.groupby(column.label_of, sort=False):  # no identifier: no other row
            sets = [part for text in rows[name].dropna() for part in labels.split(text)]
            differ = [n for n in others if rows[n].nunique(dropna=False) > 1]
            reason = f"the rows of the bead differ in {', '.join(differ)}" if differ else None
            joined = [label for label in column.labels if label in sets]
            if column.exclusive in joined and len(joined) > 1:
                reason = f"{column.exclusive} stands beside another label of the bead"
            if reason:
                for row in rows.index:
                    log.reject(row, WHOLE_ROW, "", reason)
                keep[rows.index] = False
                continue
            table.at[rows.index[0], name] = labels.JOINER.join(joined) if joined else None
            for row in rows.index[1:]:
                log.alter(row, name, table.at[row, name], f"one bead with row {rows.index[0]}")
                keep[row] = False
        table = table[keep]
    return table


def _drop_unusable(table: pd.DataFrame, card: Card, log: CleaningLog) -> pd.DataFrame:
    """Leave out rows without a required value, without any outcome, or with nothing but it."""
    required = [name for name, c in card.columns.items() if c.required or c.role == "prompt"]
    outcomes = [n for n in card.named("outcome") if card.columns[n].formula is None]
    known = [*card.named("set_point", "measurement", "prompt")]
    known = [name for name in known if name in table]
    keep = pd.Series(True, index=table.index)
    for row in table.index[table[required].isna().any(axis=1)]:
        gone = [name for name in required if pd.isna(table.at[row, name])]
        log.reject(row, WHOLE_ROW, ", ".join(gone), "a required value is missing")
        keep[row] = False
    for names, reason in (
        (outcomes, "there is no outcome"),
        (known, "there is neither a set-point nor a measurement"),
    ):
        if names:
            for row in table.index[keep & table[names].isna().all(axis=1)]:
                log.reject(row, WHOLE_ROW, "", reason)
                keep[row] = False
    return table[keep]


def _merge_duplicates(table: pd.DataFrame, card: Card, log: CleaningLog) -> pd.DataFrame:
    """Keep the first row of a record that stands twice, and the first of equal rows.

    Without an identifier equal rows are repeats of a bead and stay, unless the card drops them. A
    row whose identifier is missing repeats nothing.
    """
    identifiers = card.named("identifier")
    drop = bool(identifiers) or card.duplicates == "drop"
    columns = list(table.columns)
    for keys, who in ((columns, "duplicate of"), (identifiers, "the record of")):
        if not keys or table.empty:
            continue
        named = table[identifiers].notna().all(axis=1)
        alike = table.groupby(keys, dropna=False, sort=False).ngroup()
        first = pd.Series(table.index, index=table.index).groupby(alike).transform("first")
        again = (first != table.index) & named
        for row in table.index[again]:
            if not drop:
                log.note(row, WHOLE_ROW, f"equal to row {first[row]}, and kept as its repeat")
            elif keys is columns:
                log.reject(row, WHOLE_ROW, "", f"{who} row {first[row]}")
            else:
                log.reject(row, WHOLE_ROW, "", f"{who} row {first[row]} with other values")
        if drop:
            table = table[~again]
    return table


def _cells(table: pd.DataFrame, raw: pd.DataFrame, card: Card, log: CleaningLog) -> list[str]:
    """The name of each bead's cell; rows that gaps or units put into one of several are noted."""
    keys = card.cell_keys
    groups = pd.Series("", index=table.index)
    for name in card.named("group"):
        groups = groups + "\n" + table[name].astype(str)
    how = written(raw, card, card.named("set_point"), groups)
    cells = find_cells(table, keys, how)
    for row, (name, other) in rounded_alike(table, cells, how).items():
        reason = f"{name} as written is that of row {other} in another unit: one cell"
        log.note(row, "cell", reason)
    for row, count in joined_cells(table, keys, cells).items() if keys else ():
        gone = ", ".join(name for name in keys if pd.isna(table.at[row, name]))
        log.note(row, "cell", f"without {gone} it may repeat beads of {count} settings: one cell")
    return [f"cell_{n:04d}" for n in cells]


def _check_logarithms(table: pd.DataFrame, card: Card, file: object) -> None:
    """Raise StudyError for a target that has no logarithm where its task takes one."""
    for name, task in card.tasks.items():
        [*columns] = task.columns if task.transform == "log" else ()
        for column in columns:
            wrong = table.index[table[column] <= 0]
            if len(wrong):
                raise StudyError(
                    file,
                    f"the task {name} learns logarithms",
                    row=int(wrong[0]),
                    column=card.columns[column].header or column,
                    value=float(table.at[wrong[0], column]),
                    expected="a number above 0, or in the card transform: none",
                )


def _with_formulas(table: pd.DataFrame, card: Card, log: CleaningLog) -> pd.DataFrame:
    """The table with the computed columns; where one has no finite number, that is noted."""
    table = card.with_computed(table)
    known = card.with_formulas(table)
    given = known.fillna({n: c.nominal for n, c in card.columns.items() if c.nominal is not None})
    fields = {n: c.formula for n, c in card.columns.items() if c.formula is not None}
    for name, formula in (fields | {n: d.formula for n, d in card.derived.items()}).items():
        there = given[[*names_in(formula)]].notna().all(axis=1)
        for row in table.index[there & known[name].isna()]:
            log.note(row, name, "the formula has no finite value")
    return table


def _checked(table: pd.DataFrame, card: Card, log: CleaningLog) -> pd.DataFrame:
    """Compare reported values with their formulas: keep, repair a known slip, or reject."""
    for check in card.checks:
        known = card.with_formulas(table)
        expected = pd.Series(float("nan"), index=table.index)
        for formula in check.expected:
            expected = expected.fillna(evaluate(formula, known))
        ratio = table[check.column] / expected
        slips = {r.reason: evaluate(r.ratio, known) for r in check.repairs}
        for row in table.index[(ratio / 1 - 1).abs() > check.tolerance]:
            value = table.at[row, check.column]
            fits = {reason: ratio[row] / slip[row] - 1 for reason, slip in slips.items()}
            best = min(fits, key=lambda reason: abs(fits[reason]), default=None)
            if best is not None and abs(fits[best]) <= check.tolerance:
                table.at[row, check.column] = float(f"{value / slips[best][row]:.10g}")
                log.alter(row, check.column, value, best)
            else:
                table.at[row, check.column] = float("nan")
                reason = f"contradicts the formula, which gives {expected[row]:.4g}"
                log.reject(row, check.column, value, reason)
    return table


def _bead_names(table: pd.DataFrame, card: Card) -> list[str]:
    """The table's own identifier, or the number of the row where there is none."""
    names = {}
    for name in card.named("identifier"):
        for row, value in table[name].dropna().items():
            names[row] = f"{value:.15g}" if isinstance(value, float) else value
    taken = {*names.values()}
    for row in table.index.difference([*names]):
        name = f"bead_{row:05d}"
        while name in taken:  # by another row, which the table calls so
            name += "_"
        names[row] = name
    return [names[row] for row in table.index]


def schema(card: Card) -> pa.DataFrameSchema:
    """The clean table as pandera sees it: types, ranges, known categories, unique beads."""
    columns = {"bead": pa.Column(str, unique=True), "cell": pa.Column(str)}
    for name in card.clean_columns:
        column, checks = card.columns[name], []
        if column.range and column.formula is None:
            checks = [pa.Check.in_range(*column.bounds)]
        elif column.levels:
            checks = [pa.Check.isin(list(column.levels))]
        number = column.kind in ("number", "flag")
        columns[name] = pa.Column(float if number else str, checks, nullable=True)
    return pa.DataFrameSchema(columns, strict=True)
