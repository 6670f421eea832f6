"""What the variations of a kind are worth: one table for all kinds, from prediction rows."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score, r2_score

from llm4waam.ablations.plans import bead_of
from llm4waam.ablations.variations import Variation
from llm4waam.decisions.decisions import decisions_of, indicators
from llm4waam.encoders.families import FAMILIES
from llm4waam.evaluation.assessment import FORMULAS, Assessment, assess_rows, difference
from llm4waam.evaluation.metrics import HEADLINES, ONE_CLASS
from llm4waam.evaluation.significance import bootstrap_p, judge
from llm4waam.splits.tasks import Task

# The kinds that make the study harder; the stage `robustness` puts them together.
HARDER = ("groups", "samples", "noise")

COLUMNS = [
    *("task", "model", "variation", "title", "group", "tier"),
    *("metric", "score", "low", "high", "beads"),
]
METRICS = {  # the headline of a kind of task, then the others; only the headline has an interval
    "multi_label": ("micro_f1", "macro_f1", "partial_score", "exact_match"),
    "binary": ("accuracy", "macro_f1"),
    "multi_class": ("accuracy", "macro_f1"),
    "regression": ("r2", "rmse", "mae"),
}
DIFFERENCES = [
    *("task", "variation", "model", "against", "against_variation"),
    *("difference", "low", "high", "p_holm", "verdict"),
]
PAID = ("paid", "+ mean over folds, absent labels paid")
TREES = ("extra_trees", "gradient_boosting")

Assessments = Mapping[tuple[str, str, str], Assessment]  # by variation, task and model


def assess_variations(
    rows: pd.DataFrame, tasks: Mapping[str, Task], cells: pd.Series
) -> Assessments:
    """Every model of every variation, from out-of-fold rows with `variation` and `task`.

    `cells` maps a bead to its cell. In the rows of the published protocol a bead stands once for
    each of its prompts, as BEAD/NUMBER: they keep the cell of their bead.
    """
    names = rows["bead"].drop_duplicates()
    cells = pd.Series(cells.loc[names.map(bead_of)].to_numpy(), names.to_numpy())
    return {
        key: assess_rows(tasks[key[1]], key[2], part, cells)
        for key, part in rows.groupby(["variation", "task", "model"], sort=False)
    }


def score_table(
    found: Assessments, variations: Sequence[Variation], tasks: Mapping[str, Task]
) -> pd.DataFrame:
    """The table with COLUMNS, in the order of `tasks`, models and `variations`.

    Scores are pooled over folds, the mean over repeats; the interval of the headline is the 95 %
    bootstrap over cells.
    """
    models = dict.fromkeys([*FAMILIES, *(model for _, _, model in found)])
    rows = []
    for name, task in tasks.items():
        for model in models:
            for one in variations:
                assessed = found.get((one.key, name, model))
                if assessed is None:
                    continue
                who = {"task": name, "model": model, "variation": one.key, "title": one.title}
                who |= {"group": one.group, "tier": one.tier}
                who["beads"] = len({bead_of(bead) for bead in assessed.oof.beads})
                values = assessed.metrics["oof"]
                for metric in METRICS[task.kind]:
                    ends = values["interval"] if metric == HEADLINES[task.kind] else {}
                    rows.append({**who, "metric": metric, "score": values[metric], **ends})
    return _typed(rows)


def paid_scores(rows: pd.DataFrame, tasks: Mapping[str, Task]) -> pd.DataFrame:
    """The last variation of each model as the published study reports it: the mean over its folds.

    Each fold is scored alone, and a label that is neither true nor predicted in it is paid an F1
    of 1.0. The columns are those of `score_table`, without an interval.
    """
    found = []
    for (name, model), part in rows.groupby(["task", "model"], sort=False):
        part = part[part["variation"] == part["variation"].iloc[-1]]
        task, beads = tasks[name], part["bead"].map(bead_of).nunique()
        scores: dict[str, list[float]] = {}
        for _, fold in part.groupby(["repeat", "fold"]):
            for metric, value in _paid(task, fold).items():
                scores.setdefault(metric, []).append(value)
        who = {"task": name, "model": model, "variation": PAID[0], "title": PAID[1], "group": ""}
        found += [
            {**who, "beads": beads, "metric": m, "score": np.mean(v)} for m, v in scores.items()
        ]
    return _typed(found)


def _typed(rows: list[dict]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype(dict.fromkeys(("score", "low", "high"), float) | {"tier": "Int64"})


def _paid(task: Task, rows: pd.DataFrame) -> dict[str, float]:
    target, score, _, thresholds = arrays_of(task, rows)
    if task.kind == "regression":
        return {"r2": r2_score(target, score)}
    decided = decisions_of(task, score, thresholds)
    actual, predicted = indicators(task, target), indicators(task, decided)
    if task.kind in ONE_CLASS:
        return {"accuracy": float((actual == predicted).all(axis=1).mean())}
    return {
        f"{average}_f1": f1_score(actual, predicted, average=average, zero_division=1)
        for average in ("micro", "macro")
    }


def arrays_of(task: Task, rows: pd.DataFrame) -> list[np.ndarray]:
    """Target, score, loss and threshold of prediction rows of one fold, each (beads, outputs)."""
    shape = (rows["bead"].nunique(), len(task.outputs))
    columns = ("target", "score", "loss", "threshold")
    return [rows[name].to_numpy(float).reshape(shape) for name in columns]


def differences(found: Assessments, pairs: Sequence[tuple[tuple, tuple]]) -> pd.DataFrame:
    """The table with DIFFERENCES: how much higher the first of each pair of keys scores.

    The interval is that of the paired bootstrap: both hold the same cells, draw by draw. `p_holm`
    and `verdict` are of `judge`, over all pairs. A pair whose cells differ has none of them.
    """
    rows, ps = [], []
    for one, other in pairs:
        gap, low, high = difference(found[one], found[other]).values()
        cells = [np.unique(found[key].oof.cells) for key in (one, other)]
        if np.array_equal(*cells):
            ps.append(bootstrap_p(found[one].draws - found[other].draws))
        else:
            low = high = None
            ps.append(None)
        variation, task, model = one
        rows.append((task, variation, model, other[2], other[0], gap, low, high))
    told = judge([row[5] for row in rows], ps)
    rows = [(*row, *said) for row, said in zip(rows, told, strict=True)]
    table = pd.DataFrame(rows, columns=DIFFERENCES)
    return table.astype(dict.fromkeys(("difference", "low", "high", "p_holm"), float))


def pairs_against(
    kind: str, found: Assessments, table: pd.DataFrame, variations: Sequence[Variation]
) -> list[tuple[tuple, tuple]]:
    """Which encoders are compared with what: keys of `found`.

    On the ladder an encoder stands against the better tree that was given the physics of the same
    tier, in a regression against the best baseline of it that sees no measured value. Elsewhere the
    last variation stands against the first, of the same encoder (of the kind note: of the same
    model); and where the study is made
    harder (HARDER), an encoder in every variation against the best baseline of that variation. The
    study itself is left to metrics/comparisons.json, which holds its one verdict.
    """
    if kind != "ladder":
        first, last = variations[0].key, variations[-1].key
        pairs = [
            (key, (first, *key[1:]))
            for key in found
            if key[0] == last
            and (key[2] in FAMILIES or kind == "note")
            and (first, *key[1:]) in found
        ]
        if kind in HARDER:
            harder = {one.key for one in variations if one.plan != "folds" or one.noise}
            pairs += [
                (key, (*key[:2], best))
                for key in found
                if key[0] in harder and key[2] in FAMILIES
                for best in [best_of_variation(table, *key[:2])]
                if best
            ]
        return pairs
    pairs = []
    for one in variations:
        for key in found:
            if key[0] == one.key and one.group in ("ladder", "other ways") and key[2] in FAMILIES:
                best = best_baseline(table, key[1], one.tier)
                if best is not None:
                    pairs.append((key, (best["variation"], key[1], best["model"])))
    return pairs


def best_of_variation(table: pd.DataFrame, variation: str, task: str) -> str | None:
    """The baseline with the highest headline of a variation that sees no measured value."""
    here = (table["variation"] == variation) & (table["task"] == task)
    rows = table[here & table["metric"].isin(HEADLINES.values())]
    rows = rows[~rows["model"].isin([*FAMILIES, FORMULAS["post_weld"]])].dropna(subset="score")
    found = rows.sort_values("score", ascending=False, kind="stable")["model"]
    return found.iloc[0] if len(found) else None


def best_baseline(table: pd.DataFrame, task: str, tier: int) -> pd.Series | None:
    """The row of the best baseline of a tier of the ladder: a tree, or for R2 any pre-weld one."""
    here = (table["variation"] == f"baseline_tier{tier}") & (table["task"] == task)
    rows = table[here & table["metric"].isin(HEADLINES.values())]
    regression = (rows["metric"] == "r2").all()
    chosen = rows["model"] != FORMULAS["post_weld"] if regression else rows["model"].isin(TREES)
    found = rows[chosen].sort_values("score", ascending=False, kind="stable")  # undefined: last
    return found.iloc[0] if len(found) else None
