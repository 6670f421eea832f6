"""Cells: beads of one campaign with the same set-points, found from the table itself."""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def find_cells(table: pd.DataFrame, keys: list[str]) -> np.ndarray:
    """Cell number of every row, shape (rows,), counted from 0 in order of appearance.

    Two rows share a cell when they agree in every key that both have: a missing set-point may
    hide a repeat, so it separates nothing. The relation is closed (if A joins B and B joins C, the
    three are one cell), so that no doubt about a repeat can become a leak.
    """
    if not keys:
        return np.arange(len(table))
    codes = np.column_stack([pd.factorize(table[key])[0] for key in keys])  # -1 means missing
    combinations, inverse = np.unique(codes, axis=0, return_inverse=True)
    edges = []
    for one in np.flatnonzero((combinations < 0).any(axis=1)):
        both = (combinations >= 0) & (combinations[one] >= 0)
        agree = ((combinations == combinations[one]) | ~both).all(axis=1)
        edges += [(one, other) for other in np.flatnonzero(agree)]
    rows, columns = np.array(edges, dtype=int).reshape(-1, 2).T
    return pd.factorize(components(rows, columns, len(combinations))[inverse.ravel()])[0]


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
