"""How the numbers of a prompt become z-scores; what they know is fitted on training beads alone."""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from pydantic import Field

from llm4waam.core.errors import StudyError
from llm4waam.core.settings import Section
from llm4waam.encoders.tokens import Prompts

FARTHEST = 4.0  # z-scores beyond are cut: a mistyped value must not drown the sentence


class FieldScale(Section):
    """How one field's values become z-scores: of logarithms where all of them are positive.

    Values below `floor`, the least known, have no smaller logarithm than that.
    """

    log: bool
    mean: float
    sd: float = Field(gt=0)
    floor: float = 0.0


Scales = dict[str, FieldScale]


def fit_scales(prompts: Prompts, names: list[str]) -> Scales:
    """The scale of every field that the prompts give a number for; each value counts once a prompt.

    What is passed decides what they know: the beads of a training fold, or other laboratories.
    Raises StudyError for values that are too large to have a standard deviation.
    """
    scales, many = {}, prompts.tokens
    for field, name in enumerate(names, start=1):
        known = many.values[many.columns[field], prompts.rows]
        known = known[~np.isnan(known)]
        if not len(known):
            continue
        log = bool((known > 0).all())
        used = np.log(known) if log else known
        # A field that never varies says nothing; rounding makes its sd 3e-17 and not 0.
        with np.errstate(over="ignore"):
            sd = float(used.std()) if known.min() < known.max() else 1.0
        if not math.isfinite(sd):
            reason = f"values as large as {np.abs(known).max():g} have no standard deviation"
            expected = "a range in the card that leaves them out"
            raise StudyError(f"the field {name}", reason, expected=expected)
        floor = float(known.min()) if log else 0.0
        scales[name] = FieldScale(log=log, mean=float(used.mean()), sd=sd, floor=floor)
    return scales


@dataclass(frozen=True)
class NumberScales:
    """The scales of the fields that the field numbers of a prompt count."""

    fields: list[str]
    scales: Scales

    def apply(self, prompts: Prompts) -> Prompts:
        """The prompts with z-scores as their numbers; NaN for fields without a scale."""
        return replace(prompts, change=self.scores)

    def scores(self, values: np.ndarray) -> np.ndarray:
        """The z-scores of the values of a prompt, (1 + fields,), cut at FARTHEST."""
        log, mean, sd, floor = self._columns
        known = values.copy()
        np.log(np.maximum(values, floor), out=known, where=log)
        return np.minimum(np.maximum((known - mean) / sd, -FARTHEST), FARTHEST)

    @cached_property
    def _columns(self) -> tuple[np.ndarray, ...]:
        """log, mean, sd and floor of each value; the mean is NaN where there is no scale."""
        known = [None, *map(self.scales.get, self.fields)]
        none = False, math.nan, 1.0, 0.0
        rows = [(one.log, one.mean, one.sd, one.floor) if one else none for one in known]
        return tuple(map(np.array, zip(*rows, strict=True)))
