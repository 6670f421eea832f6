"""From a raw table of strings to one clean row a bead, as the card says.

In this order: every column is parsed, rows that cannot be used are left out, duplicates are merged,
and reported values are compared with their formulas. The cleaning log says what was changed.
"""

import pandas as pd
import pandera.pandas as pa

from llm4waam.card.card import Card
from llm4waam.card.cells import find_cells
from llm4waam.card.formulas import evaluate
from llm4waam.cleaning.log import WHOLE_ROW, CleaningLog
from llm4waam.cleaning.parsing import parse_column
from llm4waam.cleaning.prompt_file import merge_prompts
from llm4waam.core.errors import StudyError


def clean_table(
    raw: pd.DataFrame, card: Card, broken: dict[int, int], file: object
) -> tuple[pd.DataFrame, CleaningLog]:
    """Clean `raw` (strings, indexed by row number); returns the beads and the cleaning log.

    The beads have the columns `bead` and `cell`, then the card's in its order and units. A broken
    row is logged and left out. Raises StudyError for a broken table: a column that
    the card names is missing, a unit it does not accept, or no usable row.
    """
    log = CleaningLog()
    for row, cells in broken.items():
        log.reject(row, WHOLE_ROW, f"{cells} cells", f"expected {len(raw.columns)} cells")
    for column in card.columns.values():
        for header in filter(None, (column.header, column.unit_header)):
            if header not in raw.columns:
                raise StudyError(
                    file, "the column is missing", column=header, expected=column.meaning
                )
    table = pd.DataFrame(index=raw.index)
    for name, column in card.columns.items():
        if column.header is not None:
            table[name] = parse_column(raw, card, name, log, file)
    table = _drop_unusable(table, card, log)
    if card.named("prompt"):
        table = merge_prompts(table, card, log)
    else:
        table = _merge_duplicates(table, card, log)
        table = _with_formulas(table, card)
        table = _checked(table, card, log)
        keys = card.named("group", "set_point")
        table.insert(0, "bead", _bead_names(table, card))
        table.insert(1, "cell", [f"cell_{n:04d}" for n in find_cells(table, keys)])
    if table.empty:
        raise StudyError(file, "no usable row is left", expected="at least one; see the card")
    table = table[["bead", "cell", *card.clean_columns]]
    return schema(card).validate(table.reset_index(drop=True)), log


def _drop_unusable(table: pd.DataFrame, card: Card, log: CleaningLog) -> pd.DataFrame:
    """Leave out rows without a required value or without any outcome."""
    required = [name for name, column in card.columns.items() if column.required]
    outcomes = [n for n in card.named("outcome") if card.columns[n].formula is None]
    keep = pd.Series(True, index=table.index)
    for row in table.index[table[required].isna().any(axis=1)]:
        gone = [name for name in required if pd.isna(table.at[row, name])]
        log.reject(row, WHOLE_ROW, ", ".join(gone), "a required value is missing")
        keep[row] = False
    if outcomes:
        for row in table.index[keep & table[outcomes].isna().all(axis=1)]:
            log.reject(row, WHOLE_ROW, "", "there is no outcome")
            keep[row] = False
    return table[keep]


def _merge_duplicates(table: pd.DataFrame, card: Card, log: CleaningLog) -> pd.DataFrame:
    """Keep the first of equal rows, and the first row of a record that stands twice."""
    for keys, reason in ((list(table.columns), "duplicate"), (card.named("identifier"), "record")):
        if not keys:
            continue
        first = table.groupby(keys, dropna=False, sort=False)[keys[0]].transform(
            lambda group: group.index[0]
        )
        for row in table.index[first != table.index]:
            same = f"duplicate of row {first[row]}"
            other = f"the record of row {first[row]} with other values"
            log.reject(row, WHOLE_ROW, "", same if reason == "duplicate" else other)
        table = table[first == table.index]
    return table


def _with_formulas(table: pd.DataFrame, card: Card) -> pd.DataFrame:
    table = table.copy()
    for name, column in card.columns.items():
        if column.formula is not None:
            table[name] = evaluate(column.formula, card.with_formulas(table))
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
    identifiers = card.named("identifier")
    if identifiers and table[identifiers[0]].notna().all():
        return [
            f"{value:g}" if isinstance(value, float) else value for value in table[identifiers[0]]
        ]
    return [f"bead_{row:05d}" for row in table.index]


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
