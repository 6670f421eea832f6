"""Shares of beads and how far they may be off."""

import pandas as pd
from statsmodels.stats.proportion import proportion_confint


def wilson(successes: int, beads: int, coverage: float = 0.95) -> tuple[float | None, float | None]:
    """Wilson's interval of a share (Wilson, JASA 1927); (None, None) for no beads."""
    if beads == 0:
        return None, None
    low, high = proportion_confint(successes, beads, alpha=1 - coverage, method="wilson")
    return float(low), float(high)


def with_wilson(table: pd.DataFrame, successes: str, beads: str) -> pd.DataFrame:
    """`table` with the columns low and high: the 95 % interval of each row's share."""
    ends = [wilson(*row) for row in table[[successes, beads]].itertuples(index=False)]
    return table.assign(low=[low for low, _ in ends], high=[high for _, high in ends])
