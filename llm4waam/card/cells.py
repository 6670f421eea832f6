"""Cells: beads of one campaign with the same set-points, found from the table itself."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

SLACK = 1 + 1e-9  # 8.65 written as 8.6 or 8.7 is as far from both as it may be
# Key -> the columns `unit`, in which a row was written, and `half`: half of what its last decimal
# is worth, in the unit of the table.
Written = Mapping[str, pd.DataFrame]


def find_cells(table: pd.DataFrame, keys: list[str], written: Written | None = None) -> np.ndarray:
    """Cell number of every row, shape (rows,), counted from 0 in order of appearance.

    Two rows share a cell when they agree in every key that both have: a missing set-point may
    hide a repeat, so it separates nothing. Of keys in `written`, numbers of two units agree where
    rounding tells them apart: 8.6 m/min and 338.58 in/min. The relation is closed (if A joins B and
    B joins C, the three are one cell), so that no doubt about a repeat can become a leak.
    """
    if not keys:
        return np.arange(len(table))
    parts = {key: pd.factorize(table[key])[0] for key in keys}  # -1 means missing
    for key, how in (written or {}).items():
        parts |= {f"unit of {key}": pd.factorize(how["unit"])[0], f"half of {key}": how["half"]}
    whole = pd.DataFrame({name: np.asarray(part) for name, part in parts.items()})
    inverse = whole.groupby([*whole], sort=False, dropna=False).ngroup().to_numpy()
    first = np.unique(inverse, return_index=True)[1]
    codes = whole.loc[first, keys].to_numpy()
    odd, rounded = {key: codes[:, place] < 0 for place, key in enumerate(keys)}, {}
    for key in written or {}:
        units = whole.loc[first, f"unit of {key}"].to_numpy()
        values = table[key].to_numpy(dtype=float)[first]
        rounded[key] = units, values, whole.loc[first, f"half of {key}"].to_numpy()
        odd[key] = odd[key] | (units != np.bincount(units[units >= 0], minlength=1).argmax())
    doubtful = np.any(list(odd.values()), axis=0)
    lists = [_Rows(codes[:, place], odd[key]) for place, key in enumerate(keys)]
    fewest = np.argmin([rows.counts for rows in lists], axis=0)
    ones, joined = np.flatnonzero(doubtful), []
    for one in ones:
        found = lists[fewest[one]].of(one)
        for place, key in enumerate(keys):
            own, others = codes[one, place], codes[found, place]
            fit = (others == own) | (others < 0) | (own < 0)
            if key in rounded:
                units, values, halves = rounded[key]
                near = np.abs(values[found] - values[one])
                near = near <= np.fmax(halves[found], halves[one]) * SLACK
                fit |= near & (units[found] != units[one])
            found = found[fit]
        joined.append(found)
    edges = np.repeat(ones, [len(found) for found in joined]), np.concatenate([ones[:0], *joined])
    return pd.factorize(components(*edges, len(codes))[inverse])[0]


class _Rows:
    """The rows that may agree with a row in one key: to compare with all of them is quadratic.

    `odd` are those that may agree with any number: they have none, or one in another unit. How many
    rows may agree with each is in `counts`.
    """

    def __init__(self, codes: np.ndarray, odd: np.ndarray) -> None:
        self.codes, self.odd, plain = codes, np.flatnonzero(odd), np.flatnonzero(~odd)
        self.plain = plain[np.argsort(codes[plain], kind="stable")]
        self.starts = np.searchsorted(codes[self.plain], np.arange(codes.max(initial=-1) + 2))
        alike = np.diff(self.starts, append=0)[codes] + len(self.odd)
        self.counts = np.where(odd, len(codes), alike)

    def of(self, row: int) -> np.ndarray:
        """Their numbers."""
        if self.counts[row] == len(self.codes):
            return np.arange(len(self.codes))
        start, end = self.starts[self.codes[row]], self.starts[self.codes[row] + 1]
        return np.concatenate([self.plain[start:end], self.odd])


def components(one: np.ndarray, other: np.ndarray, size: int) -> np.ndarray:
    """The component of each of `size` nodes, where every node of `one` is joined to its `other`."""
    graph = coo_array((np.ones(len(one)), (one, other)), shape=(size, size))
    return connected_components(graph, directed=False)[1]


def joined_cells(table: pd.DataFrame, keys: list[str], cells: np.ndarray) -> dict[int, int]:
    """Index of a row with a missing key -> how many complete combinations its cell joins.

    Only where they are two or more; `cells` is what `find_cells` gave.
    """
    known = table[keys].notna().all(axis=1).to_numpy()
    combinations = table[keys].groupby(keys, dropna=False, sort=False).ngroup().to_numpy()
    complete = pd.DataFrame({"cell": cells[known], "combination": combinations[known]})
    counts = complete.groupby("cell")["combination"].nunique()
    joined = pd.Series(cells, index=table.index)[~known].map(counts).fillna(0).astype(int)
    return joined[joined > 1].to_dict()


def rounded_alike(table: pd.DataFrame, cells: np.ndarray, written: Written) -> dict[int, list]:
    """Index of a row -> [key, row], of the first row of its cell that has the same in another unit.

    Only where the numbers differ, by no more than their rounding; `cells` is what `find_cells`
    gave.
    """
    found: dict[int, list] = {}
    for key, how in written.items():
        rows = how.assign(cell=cells, value=table[key]).dropna()
        rows = rows[rows.groupby("cell")["unit"].transform("nunique") > 1]
        for _, same in rows.groupby("cell", sort=False):
            for row in same.index[1:]:
                before = same.loc[: same.index[same.index.get_loc(row) - 1]]
                half = np.fmax(before["half"], same.at[row, "half"]) * SLACK
                off = (before["value"] - same.at[row, "value"]).abs()
                near = (off > 0) & (off <= half) & (before["unit"] != same.at[row, "unit"])
                if near.any():
                    found.setdefault(row, [key, near.idxmax()])
    return found
