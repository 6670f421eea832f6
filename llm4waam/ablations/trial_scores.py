"""What the trials of a sweep are worth: one table for all sweeps, from prediction rows."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score, r2_score

from llm4waam.decisions.decisions import decide, exclusive_index, indicators
from llm4waam.evaluation.assessment import Assessment, assess_rows, difference
from llm4waam.evaluation.metrics import HEADLINES, rounded
from llm4waam.splits.tasks import Task

COLUMNS = ["task", "model", "variant", "title", "metric", "score", "low", "high", "beads"]
GAPS = ["task", "model", "metric", "gap", "low", "high"]
KEYS = ["variant", "task", "model"]
PAID = ("paid", "+ mean over folds, absent labels paid")

Trials = Mapping[tuple[str, str, str], Assessment]  # by variant, task and model


def assess_trials(rows: pd.DataFrame, tasks: Mapping[str, Task], cells: pd.Series) -> Trials:
    """Every trial of `rows`, out-of-fold predictions with the columns `variant` and `task`.

    `cells` maps a bead to its cell. In the rows of the published protocol a bead stands once for
    each of its prompts, as BEAD/NUMBER: they keep the cell of their bead.
    """
    owners = rows["bead"].drop_duplicates()
    owners = pd.Series(owners.str.partition("/")[0].to_numpy(), owners.to_numpy())
    cells = owners.map(cells)
    return {
        key: assess_rows(tasks[key[1]], key[2], part, cells)
        for key, part in rows.groupby(KEYS, sort=False)
    }


def trial_scores(
    trials: Trials, tasks: Mapping[str, Task], titles: Mapping[str, str], models: Sequence[str]
) -> pd.DataFrame:
    """The table with COLUMNS, in the order of `tasks`, `models` and `titles` (of variants).

    The headline with its 95 % bootstrap over cells, for a multi-label task macro F1 as well,
    without an interval.
    """
    found = []
    for name, task in tasks.items():
        for model in models:
            for variant in titles:
                one = trials.get((variant, name, model))
                if one is None:
                    continue
                size = len({bead.partition("/")[0] for bead in one.oof.beads})
                who = {"task": name, "model": model, "variant": variant, "beads": size}
                who |= {"title": titles[variant]}
                ends = one.metrics["oof"]["interval"]
                found.append({**who, "metric": HEADLINES[task.kind], "score": one.score, **ends})
                if task.kind == "multi_label":
                    macro = one.metrics["oof"]["macro_f1"]
                    found.append({**who, "metric": "macro_f1", "score": macro})
    table = pd.DataFrame(found, columns=COLUMNS)
    return table.astype(dict.fromkeys(("score", "low", "high"), float))


def paid_scores(rows: pd.DataFrame, tasks: Mapping[str, Task]) -> pd.DataFrame:
    """The last variant of each model as the published study reports it: the mean over its folds.

    Each fold is scored alone, and a label that is neither true nor predicted in it is paid an F1
    of 1.0. The columns are those of `trial_scores`, without an interval.
    """
    found = []
    for (name, model), part in rows.groupby(["task", "model"], sort=False):
        part = part[part["variant"] == part["variant"].iloc[-1]]
        task, beads = tasks[name], part["bead"].str.partition("/")[0].nunique()
        scores: dict[str, list[float]] = {}
        for _, fold in part.groupby(["repeat", "fold"]):
            for metric, value in _paid(task, fold).items():
                scores.setdefault(metric, []).append(value)
        who = {"task": name, "model": model, "variant": PAID[0], "title": PAID[1], "beads": beads}
        found += [{**who, "metric": m, "score": rounded(np.mean(v))} for m, v in scores.items()]
    table = pd.DataFrame(found, columns=COLUMNS)
    return table.astype(dict.fromkeys(("score", "low", "high"), float))


def _paid(task: Task, rows: pd.DataFrame) -> dict[str, float]:
    shape = (rows["bead"].nunique(), len(task.outputs))
    target, score = (rows[name].to_numpy(float).reshape(shape) for name in ("target", "score"))
    if task.kind == "regression":
        return {"r2": r2_score(target, score)}
    thresholds = rows["threshold"].to_numpy(float).reshape(shape)
    decided = decide(score, thresholds, exclusive_index(task))
    actual, predicted = indicators(task, target), indicators(task, decided)
    if task.kind == "binary":
        return {"accuracy": float((actual == predicted).all(axis=1).mean())}
    return {
        f"{average}_f1": f1_score(actual, predicted, average=average, zero_division=1)
        for average in ("micro", "macro")
    }


def gaps(trials: Trials, variant: str, reference: str) -> pd.DataFrame:
    """How much higher `variant` scores than `reference`, by task and model: the table with GAPS.

    The interval is that of the paired bootstrap: both hold the same cells, draw by draw. A pair
    whose cells differ has no interval.
    """
    found = []
    for (key, name, model), one in trials.items():
        other = trials.get((reference, name, model))
        if key != variant or other is None:
            continue
        gap, low, high = difference(one, other).values()
        if not np.array_equal(np.unique(one.oof.cells), np.unique(other.oof.cells)):
            low = high = None
        found.append((name, model, HEADLINES[one.task.kind], gap, low, high))
    return pd.DataFrame(found, columns=GAPS).astype(dict.fromkeys(GAPS[3:], float))
