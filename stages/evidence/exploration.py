"""What the clean table looks like before anything learns from it, as tables.

Every function returns None where the card has nothing for it to show.
"""

from itertools import combinations

import pandas as pd

from stages.beads import labels
from stages.beads.card import Card


def label_column(card: Card) -> str | None:
    """The column with the label sets, if the card has one."""
    return next(iter(card.named("outcome", kind="labels")), None)


def label_sets(beads: pd.DataFrame, card: Card) -> pd.DataFrame | None:
    """label_set, beads: how often each set stands, the commonest first."""
    column = label_column(card)
    if column is None or beads[column].isna().all():
        return None
    counts = beads[column].value_counts().rename_axis("label_set").reset_index(name="beads")
    return counts.sort_values(["beads", "label_set"], ascending=[False, True], ignore_index=True)


def varying(beads: pd.DataFrame, card: Card, *roles: str) -> list[str]:
    """Numeric columns with one of the roles and with more than one value, in the card's order."""
    return [n for n in card.named(*roles, kind="number") if beads[n].nunique() > 1]


def defect_map(beads: pd.DataFrame, card: Card) -> pd.DataFrame | None:
    """bead, group, x, y, label, label_set, one row a bead with all of them.

    y and x are the first two numeric set-points that vary (for WAAM: wire feed speed and travel
    speed), `group` is the first category among the set-points, `label` the first of the set.
    """
    axes, column = varying(beads, card, "set_point")[:2], label_column(card)
    if column is None or len(axes) < 2:
        return None
    groups = card.named("set_point", kind="category")
    table = pd.DataFrame(
        {
            "bead": beads["bead"],
            "group": beads[groups[0]] if groups else "all beads",
            axes[1]: beads[axes[1]],
            axes[0]: beads[axes[0]],
            "label": beads[column].map(lambda text: labels.split(text)[0], na_action="ignore"),
            "label_set": beads[column],
        }
    ).dropna(ignore_index=True)
    return None if table.empty else table


def distributions(beads: pd.DataFrame, card: Card) -> pd.DataFrame | None:
    """column, bead, value: the target of every regression of the card."""
    columns = {c for t in card.tasks.values() if t.kind == "regression" for c in t.columns}
    ordered = [n for n in card.named("outcome") if n in columns and beads[n].notna().any()]
    if not ordered:
        return None
    table = beads[["bead", *ordered]].melt("bead", var_name="column", value_name="value")
    return table.dropna(ignore_index=True)[["column", "bead", "value"]]


def correlations(beads: pd.DataFrame, card: Card) -> pd.DataFrame | None:
    """first, second, spearman, beads: each pair of numeric columns that vary.

    A pair is compared on the beads that have both; without two unlike values there it is None.
    """
    names = varying(beads, card, "set_point", "measurement", "outcome")
    if len(names) < 2:
        return None
    matrix = beads[names].corr(method="spearman")
    known = beads[names].notna().astype(int)
    rows = [
        (one, other, matrix.at[one, other], int((known[one] & known[other]).sum()))
        for one, other in combinations(names, 2)
    ]
    return pd.DataFrame(rows, columns=["first", "second", "spearman", "beads"])
