"""Predictions, the product of training: rows from which every metric is computed."""

import numpy as np
import pandas as pd

from llm4waam.core.errors import StudyError
from llm4waam.splits.folds import HOLD_OUT_FOLD

# (repeat, fold), beads to train on, beads to predict
Job = tuple[tuple[int, int], list[str], list[str]]

COLUMNS = [
    *("model", "repeat", "fold", "role", "bead", "label"),
    *("target", "score", "loss", "threshold"),
]
# Of beads with fields left out: `without` names these, with a space between.
INCOMPLETE = ["repeat", "fold", "role", "bead", "without", "label", "target", "score"]


def fold_jobs(folds: pd.DataFrame) -> list[tuple[int, int]]:
    """(repeat, fold) of every fitting; the last, (0, -1), is the one for the hold-out."""
    train = folds[folds["role"] == "train"]
    jobs = sorted(set(zip(train["repeat"].tolist(), train["fold"].tolist(), strict=True)))
    return [*jobs, (0, HOLD_OUT_FOLD)]


def members(folds: pd.DataFrame, repeat: int, fold: int) -> tuple[list[str], list[str]]:
    """Beads to train on and beads to predict, in the order of the folds table."""
    train = folds[(folds["role"] == "train") & (folds["repeat"] == repeat)]
    if fold == HOLD_OUT_FOLD:
        return train["bead"].tolist(), folds.loc[folds["role"] == "test", "bead"].tolist()
    inside = train["fold"] == fold
    return train.loc[~inside, "bead"].tolist(), train.loc[inside, "bead"].tolist()


def place_name(place: tuple[int, int]) -> str:
    """A (repeat, fold) as an error calls it."""
    repeat, fold = place
    name = "the final model" if fold == HOLD_OUT_FOLD else f"fold {fold}"
    return name + f" of repeat {repeat}" * (repeat > 0)


def prediction_rows(
    model: str,
    place: tuple[int, int],
    beads: list[str],
    outputs: tuple[str, ...],
    targets: np.ndarray,
    scores: np.ndarray,
    losses: np.ndarray,
    thresholds: np.ndarray | None = None,
) -> pd.DataFrame:
    """One row a bead and output.

    `targets`, `scores` and `losses` have shape (beads, outputs): truth and prediction as 0 or 1
    and a probability, or both in physical units; the loss is the training criterion's.
    `thresholds` (outputs,) are those of this fold's decision; a regression has none and leaves the
    column empty. Raises StudyError for a score or a loss that is not finite.
    """
    bad = ~(np.isfinite(scores) & np.isfinite(losses)).all(axis=1)
    if bad.any():
        reason = f"its prediction of bead {beads[int(bad.argmax())]} is not finite"
        expected = "a model that has not diverged: see the learning rate and the target's scale"
        what = f"{model} for {', '.join(outputs)}, {place_name(place)}"
        raise StudyError(what, reason, expected=expected)
    size = len(outputs)
    thresholds = np.full(size, np.nan) if thresholds is None else np.asarray(thresholds, float)
    shared = _shared(place, beads, outputs, targets, scores)
    return shared.assign(
        model=model,
        loss=losses.ravel(),
        threshold=np.broadcast_to(thresholds, targets.shape).ravel(),
    )[COLUMNS]


def incomplete_rows(
    place: tuple[int, int],
    told: list[tuple[str, str]],
    outputs: tuple[str, ...],
    targets: np.ndarray,
    scores: np.ndarray,
) -> pd.DataFrame:
    """One row for each (bead, fields left out) of `told` and output, with the columns INCOMPLETE.

    `targets` and `scores` have shape (len(told), outputs), as in `prediction_rows`.
    """
    shared = _shared(place, [bead for bead, _ in told], outputs, targets, scores)
    without = np.repeat([without for _, without in told], len(outputs))
    return shared.assign(without=without)[INCOMPLETE]


def _shared(
    place: tuple[int, int],
    beads: list[str],
    outputs: tuple[str, ...],
    targets: np.ndarray,
    scores: np.ndarray,
) -> pd.DataFrame:
    """The columns that all predictions have, one row a bead and output."""
    repeat, fold = place
    return pd.DataFrame(
        {
            "repeat": repeat,
            "fold": fold,
            "role": "hold_out" if fold == HOLD_OUT_FOLD else "oof",
            "bead": np.repeat(beads, len(outputs)),
            "label": np.tile(outputs, len(beads)),
            "target": targets.ravel(),
            "score": scores.ravel(),
        }
    )
