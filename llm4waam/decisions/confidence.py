"""How far a model's answer may be believed: temperatures, and 90 % intervals by what a bead lacks.

All is fitted on beads that the model did not learn from, as they are and with fields left out. The
final model learned from all training beads, the out-of-fold models each from most of them: what
they missed by is what it will miss by, or a little more.

A regression misses by more where certain fields are left out. With h the half-width of complete
beads and h_f that of beads that lack the field f alone, the half-width of a bead that lacks several
is sqrt(h^2 + sum of (h_f^2 - h^2)), as errors add that know nothing of each other; and no wider
than that of beads which lack every optional field. A temperature for each field was no better on
beads of other folds than one for all.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from llm4waam.decisions.decisions import fit_temperature, tempered
from llm4waam.splits.tasks import Task

CALIBRATION = "calibration.json"  # in the folder of a final model
COVERAGE = 0.9  # of an interval


@dataclass(frozen=True)
class Calibration:
    """Of one task: a `temperature` (classification) or half-widths of its 90 % interval.

    `half_width` is that of a complete bead, `alone` of beads that lack one field, `all_left_out` of
    beads that lack all of these: logarithms of a factor if `log`, else in the unit of the task.
    """

    temperature: float = 1.0
    one_of_many: bool = False
    log: bool = False
    half_width: float = math.nan
    alone: Mapping[str, float] = field(default_factory=dict)
    all_left_out: float = math.nan

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, of the shape of `scores`; 0.5 stays 0.5."""
        return tempered(scores, self.temperature, one_of_many=self.one_of_many)

    def half_widths(self, beads: pd.DataFrame) -> np.ndarray:
        """The half-width of each bead's interval, (beads,); rows as in the clean table."""
        lacks = beads[list(self.alone)].isna().to_numpy(float)
        widths = np.array(list(self.alone.values()), float)
        added = np.clip(widths**2 - self.half_width**2, 0, None)
        found = np.sqrt(self.half_width**2 + lacks @ added)
        most = max(self.half_width, self.all_left_out)
        return found if math.isnan(most) else np.minimum(found, most)

    def interval(self, values: np.ndarray, beads: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """The ends of the 90 % intervals (beads,) of `values` (beads,), in the unit of the task."""
        widths = self.half_widths(beads)
        if self.log:
            return values / np.exp(widths), values * np.exp(widths)
        return values - widths, values + widths

    def to_json(self) -> dict:
        """As a model's folder holds it; a half-width that too few beads give is null."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, value: Mapping) -> "Calibration":
        """The calibration that `to_json` wrote."""
        return cls(**{name: math.nan if one is None else one for name, one in value.items()})


def fit_calibration(
    task: Task, rows: pd.DataFrame, incomplete: pd.DataFrame, *, tempered_already: bool
) -> Calibration:
    """From the out-of-fold rows of one model: of beads as they are and with fields left out.

    `rows` and `incomplete` have the columns of `decisions.predictions`. The temperature is that of
    least log-loss over all tellings; scores that inner folds have tempered have it already.
    """
    told = tellings(rows, incomplete)
    if task.kind != "regression":
        many = task.kind == "multi_class"
        score, target = (told[name][list(task.outputs)].to_numpy() for name in ("score", "target"))
        fitted = 1.0 if tempered_already else fit_temperature(score, target, one_of_many=many)
        return Calibration(fitted, many)
    log = task.transform == "log" and bool((told > 0).all(axis=None))
    target, score = (np.log(told[name]) if log else told[name] for name in ("target", "score"))
    residuals = (target - score).abs().iloc[:, 0]
    patterns = pattern_of(told.index)
    widths = {name: half_width(some.to_numpy()) for name, some in residuals.groupby(patterns)}
    complete, most = widths.pop(COMPLETE), widths.pop(REQUIRED, math.nan)
    widths.pop(SOME, None)
    alone = {name: width for name, width in widths.items() if not math.isnan(width)}
    return Calibration(log=log, half_width=complete, alone=alone, all_left_out=most)


def half_width(residuals: np.ndarray) -> float:
    """The half-width of a 90 % interval, from the absolute residuals of n beads, (n,).

    The ceil(0.9 (n + 1))-th smallest, as in split conformal prediction (Vovk et al. 2005; Lei et
    al. 2018); that the residuals are those of the folds' models makes it a jackknife without its
    plus, so its coverage is measured and not promised. NaN where n is too small.
    """
    rank = math.ceil(COVERAGE * (len(residuals) + 1) - 1e-9)
    return float(np.sort(residuals)[rank - 1]) if rank <= len(residuals) else math.nan


def tellings(rows: pd.DataFrame, incomplete: pd.DataFrame) -> pd.DataFrame:
    """(bead, fields left out) -> (target or score, output), the mean over the repeats."""
    told = pd.concat([rows.assign(without=""), incomplete], ignore_index=True)
    told = told.astype({"target": float, "score": float})  # an empty table has no type
    means = told.groupby(["bead", "without", "label"], sort=False)[["target", "score"]].mean()
    return means.unstack("label")


# What is left out of a telling, where it is not one field.
COMPLETE, REQUIRED, SOME = "complete", "required_only", "some_left_out"


def pattern_of(told: pd.MultiIndex) -> np.ndarray:
    """What each telling (bead, fields left out) leaves out, (tellings,).

    "complete" (nothing), the name of a field that is left out alone, "required_only" (as many as
    ever of this bead, and more than one) or "some_left_out".
    """
    without = told.get_level_values("without")
    counts = pd.Series(without.str.split().str.len(), told)
    most = counts.groupby(level="bead").transform("max")
    several = np.where(counts == most, REQUIRED, SOME)
    return np.where(counts == 0, COMPLETE, np.where(counts == 1, without, several))
