"""What each rung of the ladder is worth out of fold, and against the best baseline of its tier.

A baseline stands on the rung `baseline_tierN`, N being the tier of the physics fields it was given.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from llm4waam.ablations.rungs import Rung
from llm4waam.evaluation.assessment import ENCODERS, FORMULAS, Assessment, assess_rows, difference
from llm4waam.evaluation.metrics import HEADLINES
from llm4waam.splits.tasks import Task

KEYS = ["rung", "task", "model"]
NAMED = ["rung", "title", "group", "tier", "model", "task"]
COLUMNS = [*NAMED, "metric", "value", "low", "high", "beads"]
DIFFERENCES = [
    *("rung", "tier", "model", "task"),
    *("tree", "tree_value", "value", "difference", "low", "high"),
]
TIERS = (0, 1, 2)
TREES = ("extra_trees", "gradient_boosting")
COMPARED = ("ladder", "other")  # crafts and controls are compared with rungs and not with trees


def score_rungs(
    rows: pd.DataFrame, rungs: Sequence[Rung], tasks: Mapping[str, Task], cells: pd.Series
) -> pd.DataFrame:
    """The table with COLUMNS: pooled over folds, the mean over repeats, 95 % bootstrap over cells.

    `rows` are out-of-fold predictions with `rung` and `task`, `cells` maps a bead to its cell. A
    task has its headline; a multi-label one has `exact_match` as well, without an interval. The
    order is that of the rungs, then the baselines; what was not run has no row. Raises KeyError for
    a rung or task that is not known, ValueError for a bead that stands twice or is missing.
    """
    places, found = _places(rungs), []
    for (key, name, model), part in rows.groupby(KEYS, sort=False):
        one = assess_rows(tasks[name], model, part, cells)
        who = {"rung": key, **places[key], "model": model, "task": name}
        who["beads"] = len(one.oof.beads)
        metric = HEADLINES[one.task.kind]
        ends = one.metrics["oof"]["interval"]
        found.append({**who, "metric": metric, "value": one.score, **ends})
        if one.task.kind == "multi_label":
            value = one.metrics["oof"]["exact_match"]
            found.append({**who, "metric": "exact_match", "value": value})
    table = pd.DataFrame(found, columns=COLUMNS)
    table = table.astype(dict.fromkeys(("value", "low", "high"), float))
    orders = {"rung": list(places), "task": list(tasks), "model": [*ENCODERS, *rows["model"]]}
    orders = {name: list(dict.fromkeys(values)) for name, values in orders.items()}
    return table.sort_values(
        KEYS, key=lambda column: column.map(orders[column.name].index), kind="stable"
    ).reset_index(drop=True)


def against_trees(
    rows: pd.DataFrame,
    scores: pd.DataFrame,
    rungs: Sequence[Rung],
    tasks: Mapping[str, Task],
    cells: pd.Series,
) -> pd.DataFrame:
    """The table with DIFFERENCES: how much higher an encoder scores, by a paired bootstrap.

    Takes the rungs of the groups COMPARED. A classification is compared with the better tree of the
    same tier, a regression with the best baseline of it that sees no measured value; `tree` names
    it. A rung whose tier has no such baseline has no row. Raises ValueError where the two do not
    hold the same beads.
    """
    groups, found = dict(list(rows.groupby(KEYS, sort=False))), []
    assessed: dict[tuple, Assessment] = {}
    compared = {rung.key for rung in rungs if rung.group in COMPARED}
    chosen = scores["rung"].isin(compared) & scores["model"].isin(ENCODERS)
    for row in scores[chosen & scores["metric"].isin(HEADLINES.values())].itertuples():
        task = tasks[row.task]
        tree = best_baseline(scores, row.task, row.tier, trees=task.kind != "regression")
        if tree is None:
            continue
        keys = [(row.rung, row.task, row.model), (tree["rung"], row.task, tree["model"])]
        for key in keys:
            if key not in assessed:
                assessed[key] = assess_rows(task, key[2], groups[key], cells)
        one, other = (assessed[key] for key in keys)
        if not np.array_equal(one.oof.beads, other.oof.beads):
            raise ValueError(f"{keys[0]} and {keys[1]} hold other beads")
        gap, low, high = difference(one, other).values()
        values = (tree["model"], tree["value"], row.value, gap, low, high)
        found.append((row.rung, row.tier, row.model, row.task, *values))
    table = pd.DataFrame(found, columns=DIFFERENCES)
    return table.astype(dict.fromkeys(("tree_value", "value", "difference", "low", "high"), float))


def best_baseline(scores: pd.DataFrame, task: str, tier: int, *, trees: bool) -> pd.Series | None:
    """The row of the best tree of a tier, or of the best baseline that sees no measured value."""
    here = (scores["rung"] == _baseline(tier)) & (scores["task"] == task)
    here &= scores["metric"].isin(HEADLINES.values())
    here &= scores["model"].isin(TREES) if trees else scores["model"] != FORMULAS["post_weld"]
    found = scores[here].sort_values("value", ascending=False, kind="stable")  # undefined: last
    return found.iloc[0] if len(found) else None


def summarise_ladder(scores: pd.DataFrame, chosen: Mapping) -> dict:
    """`metrics/ladder.json`: task -> encoder -> rung -> headline, and the key of the default."""
    found: dict = {"default": chosen["default"]}
    for row in scores.to_dict("records"):
        if row["model"] in ENCODERS and row["metric"] in HEADLINES.values():
            value = None if pd.isna(row["value"]) else row["value"]
            found.setdefault(row["task"], {}).setdefault(row["model"], {})[row["rung"]] = value
    return found


def _baseline(tier: int) -> str:
    return f"baseline_tier{tier}"


def _places(rungs: Sequence[Rung]) -> dict[str, dict]:
    """Rung -> its title, group and tier, in the order of display."""
    known = {r.key: {"title": r.title, "group": r.group, "tier": r.tier} for r in rungs}
    for tier in TIERS:
        known[_baseline(tier)] = {"title": f"tier {tier}", "group": "baseline", "tier": tier}
    return known
