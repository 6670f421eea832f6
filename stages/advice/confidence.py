"""How sure a final model is: what its out-of-fold predictions say of its scores.

The final model learned from all training beads, the out-of-fold models each from most of them: what
they missed by is what it will miss by, or a little more.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stages.beads.errors import StudyError
from stages.learning.calibration import fit_temperature, tempered
from stages.learning.tasks import Task

COVERAGE = 0.9


@dataclass(frozen=True)
class Confidence:
    """Of one task: a `temperature` (classification) or a half-width of its 90 % interval.

    The half-width is a factor's logarithm if `log`, else in the unit of the task.
    """

    temperature: float = 1.0
    half_width: float = math.nan
    log: bool = False

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, of the shape of `scores`; 0.5 stays 0.5."""
        return tempered(scores, self.temperature)

    def interval(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The ends of the 90 % intervals, of the shape of `values`, in the unit of the task."""
        if self.log:
            factor = math.exp(self.half_width)
            return values / factor, values * factor
        return values - self.half_width, values + self.half_width


def fit_confidence(task: Task, rows: pd.DataFrame, *, tempered_already: bool) -> Confidence:
    """From the out-of-fold rows of one model (the columns of a predictions file).

    The half-width is the ceil(0.9 (n + 1))-th smallest of the n absolute residuals, as in split
    conformal prediction (Vovk et al. 2005; Lei et al. 2018); that the residuals are those of the
    folds' models makes it a jackknife without its plus, so its coverage is measured and not
    promised. NaN where n is too small. Scores that inner folds have tempered stay as they are.
    """
    beads = rows.groupby(["bead", "label"], sort=False)[["target", "score"]].mean()
    if task.kind != "regression":
        if tempered_already:
            return Confidence()
        table = beads.unstack("label")
        scores = table["score"][list(task.outputs)].to_numpy()
        return Confidence(fit_temperature(scores, table["target"][list(task.outputs)].to_numpy()))
    log = task.transform == "log" and bool((beads > 0).all(axis=None))
    residuals = (np.log(beads) if log else beads).diff(axis=1)["score"].abs().sort_values()
    rank = math.ceil(COVERAGE * (len(residuals) + 1) - 1e-9)
    width = float(residuals.iloc[rank - 1]) if rank <= len(residuals) else math.nan
    return Confidence(half_width=width, log=log)


def read_rows(file: Path, role: str) -> pd.DataFrame:
    """The rows of one role of a predictions file; raises StudyError where there are none."""
    if not file.is_file():
        raise StudyError(file, "there is no such file", expected="predictions, by dvc repro")
    rows = pd.read_csv(file, dtype={"bead": str})
    return rows[rows["role"] == role]
