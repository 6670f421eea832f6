"""A table of texts for a terminal, never wider than it may be."""

import textwrap
from collections.abc import Sequence

from tabulate import tabulate

COLUMNS = 100  # of the whole table
BETWEEN = 2  # blanks between two columns


def last_width(widths: Sequence[int]) -> int:
    """What is left for one more column after those of these widths."""
    return COLUMNS - sum(widths) - BETWEEN * len(widths)


def in_columns(rows: Sequence[Sequence[str]], widths: Sequence[int], sides: Sequence[str]) -> str:
    """The rows, of which the first is the header, with cells wrapped to the widths.

    `sides` says "left" or "right" for each column. Nothing is cut: a cell goes on in the next line.
    """
    wrapped = [
        ["\n".join(wrap(cell, width)) for cell, width in zip(row, widths, strict=True)]
        for row in rows
    ]
    # Not as tabulate's header, beside which it leaves room.
    table = tabulate(wrapped, tablefmt="plain", disable_numparse=True, colalign=sides)
    lines = [line.rstrip() for line in table.splitlines()]
    height = max(cell.count("\n") + 1 for cell in wrapped[0])
    lines.insert(height, "-" * max(map(len, lines)))
    return "\n".join(lines) + "\n"


def wrap(text: str, width: int = COLUMNS) -> list[str]:
    """The lines of the text, broken at blanks, and within a word that is wider by itself."""
    lines = (textwrap.wrap(line, width, break_on_hyphens=False) for line in text.splitlines())
    return [part for parts in lines for part in parts]
