"""90 % intervals and temperatures for a fold, from models that never saw it (ablation `nested`).

For every two folds j < k one model learned from the beads outside both and predicted those of
both; the fold of its rows is j * K + k (see `pair_plan` in `llm4waam.ablations.plans`). For the
outer fold k the other folds are the inner ones, and nothing of fold k's outcomes enters.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from llm4waam.core.errors import StudyError
from llm4waam.decisions.decisions import fit_temperature
from llm4waam.evaluation.reliability import wilson
from llm4waam.splits.tasks import Task

COVERAGE = 0.9


def cv_plus(
    residuals: np.ndarray, predictions: np.ndarray, coverage: float = COVERAGE
) -> tuple[np.ndarray, np.ndarray]:
    """The ends (m,) of CV+ intervals (Barber, Candes, Ramdas and Tibshirani, Annals of Statistics
    2021, equation 11).

    `residuals` (n,) are the absolute residuals of the training beads, each by the model that left
    its fold out; `predictions` (n, m) are the predictions of m beads by that same model. With a
    coverage of 1 - a the guarantee is 1 - 2a, and what is met in practice is about 1 - a. NaN
    where n is too small for the coverage.
    """
    count, beads = predictions.shape
    low = math.floor((1 - coverage) * (count + 1) + 1e-9)
    high = math.ceil(coverage * (count + 1) - 1e-9)
    if low < 1 or high > count:
        return np.full(beads, np.nan), np.full(beads, np.nan)
    lows = np.sort(predictions - residuals[:, None], axis=0)
    highs = np.sort(predictions + residuals[:, None], axis=0)
    return lows[low - 1], highs[high - 1]


def nested_intervals(
    rows: pd.DataFrame, task: Task, folds: pd.DataFrame, coverage: float = COVERAGE
) -> pd.DataFrame:
    """bead, target, score, low, high of every training bead, in the unit of the task.

    `rows` are one model's rows of the ablation `nested`, `folds` is the table of the split, of
    which the first repeat counts. Intervals are made on the logarithm where the task learns on it.
    Raises StudyError for a bead that a pair of folds did not predict.
    """
    log = task.transform == "log" and bool((rows[["target", "score"]] > 0).all(axis=None))
    towards, back = (np.log, np.exp) if log else (np.asarray, np.asarray)
    targets = rows.drop_duplicates("bead").set_index("bead")["target"]
    parts = []
    for outer in outer_folds(rows, folds):
        residuals = np.abs(towards(targets[outer.train].to_numpy()) - towards(outer.own))
        predictions = towards(outer.others)
        low, high = (back(end) for end in cv_plus(residuals, predictions, coverage))
        score, target = back(predictions.mean(axis=0)), targets[outer.test].to_numpy()
        told = {"bead": outer.test, "target": target, "score": score, "low": low, "high": high}
        parts.append(pd.DataFrame(told))
    return pd.concat(parts, ignore_index=True)


def nested_temperatures(rows: pd.DataFrame, task: Task, folds: pd.DataFrame) -> pd.Series:
    """Fold -> its temperature, fitted on the inner predictions of the other folds' beads.

    `rows` are one model's rows of the ablation `nested`. Raises as `nested_intervals` does.
    """
    found = {}
    by_output = [outer_folds(rows[rows["label"] == output], folds) for output in task.outputs]
    for outers in zip(*by_output, strict=True):
        truth = rows.drop_duplicates(["bead", "label"]).pivot(
            index="bead", columns="label", values="target"
        )
        truth = truth.loc[outers[0].train, list(task.outputs)].to_numpy()
        scores = np.stack([outer.own for outer in outers], axis=1)
        found[outers[0].fold] = fit_temperature(
            scores, truth, one_of_many=task.kind == "multi_class"
        )
    return pd.Series(found)


@dataclass(frozen=True)
class Outer:
    """What the inner models of an outer fold say, of one output.

    `own` (n,) are the scores of the beads of the other folds, `train`, by the model that saw
    neither their fold nor the outer one; `others` (n, m) those of the outer fold's beads, `test`,
    by the same models.
    """

    fold: int
    train: list[str]
    test: list[str]
    own: np.ndarray
    others: np.ndarray


def outer_folds(rows: pd.DataFrame, folds: pd.DataFrame) -> Iterator[Outer]:
    """Every outer fold of one model's and output's rows; raises as `nested_intervals` does."""
    first = folds[(folds["role"] == "train") & (folds["repeat"] == 0)]
    place = first.set_index("bead")["fold"]
    place = place[place.index.isin(rows["bead"])]
    scores = rows.pivot(index="bead", columns="fold", values="score")
    count = int(first["fold"].max()) + 1
    for fold in range(count):
        test, train, own, others = place.index[place == fold].tolist(), [], [], []
        for inner in (inner for inner in range(count) if inner != fold):
            pair = min(fold, inner) * count + max(fold, inner)
            inside = place.index[place == inner].tolist()
            asked = scores.reindex(index=[*inside, *test], columns=[pair])[pair]
            if asked.isna().any():
                bead, reason = asked.index[asked.isna()][0], f"folds {inner} and {fold}: no row"
                raise StudyError("data/ablations/nested", reason, column="bead", value=bead)
            train += inside
            own.append(asked[inside].to_numpy())
            others.append(np.tile(asked[test].to_numpy(), (len(inside), 1)))
        yield Outer(fold, train, test, np.concatenate(own), np.vstack(others))


def coverage_of(intervals: pd.DataFrame) -> dict:
    """beads, coverage with its 95 % Wilson interval, mean_width and median_relative_width.

    A width is relative to the true value; a bead without an interval is left out.
    """
    known = intervals.dropna(subset=["low", "high"])
    inside = known["target"].between(known["low"], known["high"])
    width = known["high"] - known["low"]
    low, high = wilson(int(inside.sum()), len(known))
    return {
        "beads": len(known),
        "coverage": float(inside.mean()) if len(known) else None,
        "coverage_low": low,
        "coverage_high": high,
        "mean_width": float(width.mean()) if len(known) else None,
        "median_relative_width": float((width / known["target"]).median()) if len(known) else None,
    }
