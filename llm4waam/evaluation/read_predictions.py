"""Prediction files, checked row by row against the folds before a metric sees them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from llm4waam.core.errors import StudyError
from llm4waam.decisions.predictions import COLUMNS
from llm4waam.splits.folds import HOLD_OUT_FOLD
from llm4waam.splits.tasks import Task

KEYS = ["model", "repeat", "role", "bead", "label"]
FITTING = ["model", "repeat", "fold", "label"]
NUMBERS = ["target", "score", "loss"]
VALUES = ["score", "loss", "threshold"]  # in the order of `Scores`
ROLES = {"oof": "train", "hold_out": "test"}  # role of a prediction -> role of its bead


@dataclass(frozen=True)
class Scores:
    """What one model says of the beads of one role.

    `beads` and `cells` have the shape (beads,), `target` (beads, outputs), `score`, `loss` and
    `thresholds` (repeats, beads, outputs); the thresholds of a regression are NaN.
    """

    beads: np.ndarray
    cells: np.ndarray
    target: np.ndarray
    score: np.ndarray
    loss: np.ndarray
    thresholds: np.ndarray


def read_predictions(
    file: Path, task: Task, folds: pd.DataFrame, truth: pd.DataFrame
) -> dict[str, dict[str, Scores]]:
    """The scores of every model of a file: model -> role ("oof", "hold_out") -> Scores.

    `folds` holds bead, cell, role, repeat and fold; `truth` has the targets of the beads that
    take part, indexed by bead, one column an output. Raises StudyError for a missing file, a
    number that is not finite, a bead that stands twice, is missing or does not belong, a fold
    that is not the one of the split, a target that is not the bead's, and a threshold that is no
    probability, that differs within a fold, or that a regression has.
    """
    rows = _thresholds(file, task, _read(file))
    twice = rows.duplicated(KEYS)
    if twice.any():
        raise _error(file, rows, twice, "bead", "the bead stands twice for this model and label")
    for column, name, known in (("role", "role", ROLES), ("label", "output", task.outputs)):
        wrong = ~rows[column].isin(known)
        if wrong.any():
            raise _error(file, rows, wrong, column, f"unknown {name}", ", ".join(known))
    folds = folds[folds["bead"].isin(truth.index)]
    return {
        model: {role: _scores(file, task, group, folds, truth, role) for role in ROLES}
        for model, group in rows.groupby("model", sort=False)
    }


def _read(file: Path) -> pd.DataFrame:
    try:
        rows = pd.read_csv(file, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise StudyError(file, "there is no such file", expected="predictions") from None
    except pd.errors.EmptyDataError:
        raise StudyError(file, "the file is empty", expected="predictions") from None
    missing = [name for name in COLUMNS if name not in rows]
    if missing:
        raise StudyError(file, "the column is missing", column=missing[0])
    if rows.empty:
        raise StudyError(file, "there is a header and no row", expected="predictions")
    rows.index = rows.index + 1
    text = rows.copy()
    for name in ["repeat", "fold", *NUMBERS]:
        rows[name] = pd.to_numeric(rows[name], errors="coerce").astype(float)
        bad, reason = ~np.isfinite(rows[name]), "not a finite number"
        if name not in NUMBERS and not bad.any():
            bad, reason = rows[name] != rows[name].round(), "not a whole number"
        if bad.any():
            raise _error(file, text, bad, name, reason)
    return rows.astype({"repeat": int, "fold": int})


def _thresholds(file: Path, task: Task, rows: pd.DataFrame) -> pd.DataFrame:
    values = pd.to_numeric(rows["threshold"], errors="coerce").astype(float)
    if task.kind == "regression":
        faults = {"a regression has no threshold": rows["threshold"] != ""}
    else:
        # A decision is fitted once a fold: a threshold of single beads would know their targets.
        first = values.groupby([rows[name] for name in FITTING]).transform("first")
        faults = {
            "not a threshold from 0 to 1": ~values.between(0, 1),
            "not the threshold of the rest of its fold": values != first,
        }
    for reason, bad in faults.items():
        if bad.any():
            raise _error(file, rows, bad, "threshold", reason)
    return rows.assign(threshold=values)


def _scores(
    file: Path, task: Task, rows: pd.DataFrame, folds: pd.DataFrame, truth: pd.DataFrame, role: str
) -> Scores:
    model = rows["model"].iloc[0]
    rows = rows[rows["role"] == role]
    known = folds[folds["role"] == ROLES[role]]
    if role == "hold_out":
        known = known.drop_duplicates("bead").assign(repeat=0, fold=HOLD_OUT_FOLD)
    repeats = sorted(known["repeat"].unique())
    cells = known.drop_duplicates("bead").set_index("bead")["cell"].sort_index()
    wanted = known.set_index(["repeat", "bead"])["fold"]
    found = pd.MultiIndex.from_frame(rows[["repeat", "bead"]])
    place = wanted.reindex(found).to_numpy()
    strange = pd.Series(np.isnan(place), index=rows.index)
    if strange.any():
        raise _error(file, rows, strange, "bead", f"no {ROLES[role]} bead of this repeat and task")
    moved = pd.Series(place != rows["fold"].to_numpy(), index=rows.index)
    if moved.any():
        raise _error(file, rows, moved, "fold", "not the fold that the split gave the bead")
    for output in task.outputs:
        here = found[(rows["label"] == output).to_numpy()]
        absent = wanted.index.difference(here)
        if len(absent):
            repeat, bead = absent[0]
            reason = f"{model}: {role} repeat {repeat} has no row of this bead for {output}"
            raise StudyError(file, reason, column="bead", value=bead)
    true = truth.reindex(rows["bead"]).to_numpy()
    true = true[np.arange(len(rows)), [task.outputs.index(name) for name in rows["label"]]]
    # Training may hold targets as 32-bit floats.
    other = pd.Series(~np.isclose(true, rows["target"], rtol=1e-5, atol=1e-6), index=rows.index)
    if other.any():
        raise _error(file, rows, other, "target", "not the target of the bead")
    shape = (len(repeats), len(cells), len(task.outputs))
    order = pd.MultiIndex.from_product([repeats, cells.index, task.outputs])
    values = rows.set_index(["repeat", "bead", "label"])[VALUES].reindex(order)
    target = truth.loc[cells.index, list(task.outputs)].to_numpy(float)
    arrays = (values[name].to_numpy().reshape(shape) for name in VALUES)
    return Scores(cells.index.to_numpy(), cells.to_numpy(), target, *arrays)


def _error(
    file: Path, rows: pd.DataFrame, bad: pd.Series, column: str, reason: str, expected: str = ""
) -> StudyError:
    row = int(bad.idxmax())
    value, expected = rows.at[row, column], expected or None
    value = value.item() if isinstance(value, np.generic) else value
    return StudyError(file, reason, row=row, column=column, value=value, expected=expected)


def pooled(task: Task, rows: pd.DataFrame, cells: pd.Series) -> Scores:
    """Out-of-fold rows of an ablation as arrays, beads in the order of their names.

    `cells` maps a bead to its cell. Raises ValueError for a bead that stands twice or is missing.
    """
    repeats, beads = (np.unique(rows[name]) for name in ("repeat", "bead"))
    order = pd.MultiIndex.from_product([repeats, beads, task.outputs])
    values = rows.dropna(subset="score").set_index(["repeat", "bead", "label"])
    if len(values) != len(rows) or sorted(values.index) != sorted(order):
        raise ValueError(f"task {task.name}: not every bead has one score an output and repeat")
    values = values.loc[order, ["target", *VALUES]]
    shape = (len(repeats), len(beads), len(task.outputs))
    target, *arrays = (values[name].to_numpy(float).reshape(shape) for name in values)
    return Scores(beads, cells.loc[beads].to_numpy(), target[0], *arrays)
