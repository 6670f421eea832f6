"""The cleaning log: every value or row that cleaning altered or rejected, with the reason."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import pandas as pd

WHOLE_ROW = "(row)"


class Entry(NamedTuple):
    """What happened to one value; row 1 is the first under the header."""

    row: int
    column: str  # a column of the card or of the raw table, or WHOLE_ROW
    value: str  # as it stood in the raw table
    action: Literal["altered", "rejected"]
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

    def rejected(self) -> list[Entry]:
        """The entries of what was rejected."""
        return [entry for entry in self.entries if entry.action == "rejected"]

    def table(self) -> pd.DataFrame:
        """The entries by row, in the order in which they were made."""
        table = pd.DataFrame(self.entries, columns=list(Entry._fields))
        return table.sort_values("row", kind="stable", ignore_index=True)
