"""The cleaning log: every value or row that cleaning altered or rejected, with the reason."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import pandas as pd

WHOLE_ROW = "(row)"
SHOWN = 4  # values of a line
MANY = 0.1  # of the rows


class Entry(NamedTuple):
    """What happened to one value; row 1 is the first under the header."""

    row: int
    column: str  # a column of the card or of the raw table, or WHOLE_ROW
    value: str  # as it stood in the raw table
    action: Literal["altered", "rejected", "noted"]
    reason: str


@dataclass
class CleaningLog:
    """The entries in the order in which they were made.

    `names` are what rows are called by the table's own identifier, where it was looked up.
    """

    entries: list[Entry] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)

    def reject(self, row: int, column: str, value: object, reason: str) -> None:
        """A value, or a whole row, that the clean table does not hold."""
        self.entries.append(Entry(int(row), column, str(value), "rejected", reason))

    def alter(self, row: int, column: str, value: object, reason: str) -> None:
        """A value that the clean table holds in another form than a mere change of unit."""
        self.entries.append(Entry(int(row), column, str(value), "altered", reason))

    def note(self, row: int, column: str, reason: str) -> None:
        """A row that stays as it is, and that one should look at."""
        self.entries.append(Entry(int(row), column, "", "noted", reason))

    def rejected(self) -> list[Entry]:
        """The entries of what was rejected."""
        return [entry for entry in self.entries if entry.action == "rejected"]

    def table(self) -> pd.DataFrame:
        """The entries by row, in the order in which they were made."""
        table = pd.DataFrame(self.entries, columns=list(Entry._fields))
        return table.sort_values("row", kind="stable", ignore_index=True)

    def summary(self) -> list[str]:
        """A line for each column, action and reason: how often, and the first values."""
        table = self.table()
        # Reasons of one kind differ in the value or row that they name.
        kind = table["reason"].str.replace(r"'[^']*'|\brow \d+", "…", regex=True)
        lines = []
        for (column, action, reason), rows in table.groupby(["column", "action", kind], sort=False):
            values = [repr(value) for value in dict.fromkeys(rows["value"]) if value]
            shown = ", ".join(values[:SHOWN]) + ", ..." * (len(values) > SHOWN)
            said = rows["reason"].iloc[0] if len(rows) == 1 else reason
            lines.append(f"{action}: {len(rows)} x {column}: {said}" + f" ({shown})" * bool(shown))
        return lines

    def warning(self, rows: int) -> str | None:
        """What to say last where more than a tenth of the `rows` of the table lost something."""
        lost = len({entry.row for entry in self.rejected()})
        if lost <= MANY * rows:
            return None
        return f"warning: {lost} of {rows} rows lost values or are left out; the list says why"
