"""The ledger: what cleaning altered or rejected, cell by cell."""

from dataclasses import dataclass, field

import pandas as pd

WHOLE_ROW = "(row)"


@dataclass
class Ledger:
    """Entries of (row, column, value, action, reason); row 1 is the first under the header."""

    entries: list[tuple[int, str, str, str, str]] = field(default_factory=list)

    def reject(self, row: int, column: str, value: object, reason: str) -> None:
        """A value, or a whole row, that the clean table does not hold."""
        self.entries.append((int(row), column, str(value), "rejected", reason))

    def alter(self, row: int, column: str, value: object, reason: str) -> None:
        """A value that the clean table holds in another form than a mere change of unit."""
        self.entries.append((int(row), column, str(value), "altered", reason))

    def table(self) -> pd.DataFrame:
        """The entries by row, in the order in which they were made."""
        names = ["row", "column", "value", "action", "reason"]
        table = pd.DataFrame(self.entries, columns=names)
        return table.sort_values("row", kind="stable", ignore_index=True)
