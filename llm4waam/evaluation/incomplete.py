"""What answers and their doubt are worth for beads with fields left out.

Out of fold, the calibration that a fold's beads are judged by is fitted on the other folds; the
hold-out beads are judged by the calibration of the final model, which is fitted on all folds.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from llm4waam.core.errors import StudyError
from llm4waam.core.files import read_table
from llm4waam.decisions.confidence import Calibration, fit_calibration, pattern_of, tellings
from llm4waam.decisions.decisions import decisions_of, default_thresholds, indicators
from llm4waam.decisions.predictions import INCOMPLETE
from llm4waam.evaluation.intervals import coverage_of
from llm4waam.evaluation.metrics import HEADLINES, classification_metrics
from llm4waam.evaluation.reliability import log_loss
from llm4waam.splits.tasks import Task


def read_incomplete(file: Path) -> pd.DataFrame:
    """The rows of beads with fields left out; raises StudyError where the file is not theirs."""
    rows = read_table(file, types={"without": str})
    if list(rows) != INCOMPLETE:
        expected = ", ".join(INCOMPLETE)
        raise StudyError(file, "other columns", value=", ".join(rows), expected=expected)
    return rows.astype({"target": float, "score": float})


def by_pattern(
    task: Task,
    rows: pd.DataFrame,
    incomplete: pd.DataFrame,
    beads: pd.DataFrame,
    *,
    tempered_already: bool,
) -> dict[str, dict[str, dict]]:
    """role -> what is left out -> what the answers are worth; no role without a row.

    `rows` and `incomplete` are one model's rows with the columns of `decisions.predictions`,
    `beads` is the clean table. What is left out is named as by `pattern_of`. Each has `beads`; a
    classification the headline of its task and the `log_loss` of its probabilities; a regression
    `mae` in its unit and what `coverage_of` tells of its 90 % intervals.
    """
    judged: dict[str, list[pd.DataFrame]] = {}
    for calibration, *own in calibrations(
        task, rows, incomplete, tempered_already=tempered_already
    ):
        role = own[0]["role"].iloc[0]
        judged.setdefault(role, []).append(_judged(task, calibration, own, beads))
    return {role: _by_pattern(task, parts) for role, parts in judged.items()}


def calibrations(
    task: Task, rows: pd.DataFrame, incomplete: pd.DataFrame, *, tempered_already: bool
) -> Iterator[tuple[Calibration, pd.DataFrame, pd.DataFrame]]:
    """A calibration, and the rows of `rows` and of `incomplete` that it judges, first repeat.

    Each fold by the calibration of the other folds, then the hold-out by that of all folds, which
    the final model has. What has no row, or no other fold, is passed over.
    """
    rows, told = (part[part["repeat"] == 0] for part in (rows, incomplete))
    oof = [part[part["role"] == "oof"] for part in (rows, told)]
    parts = [
        ([part[part["fold"] == fold] for part in oof], [part[part["fold"] != fold] for part in oof])
        for fold in sorted(oof[0]["fold"].unique())
    ]
    parts.append(([part[part["role"] == "hold_out"] for part in (rows, told)], oof))
    for own, others in parts:
        if len(own[0]) and len(others[0]):
            yield fit_calibration(task, *others, tempered_already=tempered_already), *own


def _judged(
    task: Task, calibration: Calibration, own: list[pd.DataFrame], beads: pd.DataFrame
) -> pd.DataFrame:
    """The tellings of some beads: bead, pattern, and (target or score or low or high, output)."""
    told = tellings(*own)
    as_told = beads.set_index("bead").loc[told.index.get_level_values("bead")].reset_index()
    without = [names.split() for names in told.index.get_level_values("without")]
    for name in {name for names in without for name in names}:
        as_told.loc[[name in names for names in without], name] = None
    outputs = list(task.outputs)
    scores = told["score"][outputs].to_numpy()
    if task.kind == "regression":
        told["low", outputs[0]], told["high", outputs[0]] = calibration.interval(
            scores[:, 0], as_told
        )
    else:
        told["score"] = calibration.probabilities(scores)
    told["pattern", ""] = pattern_of(told.index)
    return told.reset_index()


def _by_pattern(task: Task, judged: list[pd.DataFrame]) -> dict[str, dict]:
    table = pd.concat(judged, ignore_index=True)
    return {
        str(pattern): _worth(task, some) for pattern, some in table.groupby("pattern", sort=True)
    }


def _worth(task: Task, told: pd.DataFrame) -> dict:
    outputs = list(task.outputs)
    target, score = (told[name][outputs].to_numpy() for name in ("target", "score"))
    beads = int(told["bead"].nunique())
    if task.kind == "regression":
        names = ["target", "low", "high"]
        intervals = pd.DataFrame({name: told[name][outputs[0]] for name in names})
        mae = float(np.abs(target - score).mean())
        return coverage_of(intervals) | {"beads": beads, "mae": mae}
    actual = indicators(task, target)
    decided = indicators(task, decisions_of(task, score, default_thresholds(task)))
    measure = HEADLINES[task.kind]
    name = "exact_match" if measure == "accuracy" else measure
    return {
        "beads": beads,
        measure: classification_metrics(actual, decided)[name],
        "log_loss": log_loss(score, target),
    }
