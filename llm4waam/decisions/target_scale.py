"""The target of a regression on the scale it is learned on, and back."""

from dataclasses import asdict, dataclass

import numpy as np

from llm4waam.core.errors import StudyError

SCALES = ("raw", "standardised", "log")
SYNONYMS = {"none": "standardised"}  # the word of the cards' `transform`


@dataclass(frozen=True)
class TargetScale:
    """(target - mean) / sd, of its logarithm if `log`; mean and sd are those of a training fold."""

    log: bool
    mean: float
    sd: float

    @classmethod
    def fit(cls, values: np.ndarray, scale: str) -> "TargetScale":
        """Fit on training values of shape (beads,) in physical units.

        `scale` is `raw` (unchanged: mean 0, sd 1), `standardised` (`none` means the same) or `log`
        (the standardised logarithm). A constant target has sd 1. Raises ValueError for another
        scale, and StudyError for a logarithm of values that are not all positive and for values
        that are too large to have a standard deviation.
        """
        scale = SYNONYMS.get(scale, scale)
        if scale not in SCALES:
            raise ValueError(f"{scale!r} is no scale; expected {', '.join(SCALES)}")
        if scale == "raw":
            return cls(False, 0.0, 1.0)
        log = scale == "log"
        if log and (values <= 0).any():
            reason = f"the logarithm of {values.min():g} is not defined"
            expected = "positive values, or target.TASK.scale and the card's transform not log"
            raise StudyError("the target on the scale log", reason, expected=expected)
        values = np.log(values) if log else values
        with np.errstate(over="ignore", invalid="ignore"):
            mean, sd = float(values.mean()), float(values.std())
        if not np.isfinite([mean, sd]).all():
            reason = f"values as large as {np.abs(values).max():g} have no standard deviation"
            raise StudyError("the target", reason, expected="a smaller unit, or the scale log")
        # Rounding makes the sd of equal values 1e-17 and not 0.
        return cls(log, mean, sd if sd > 0 and values.min() < values.max() else 1.0)

    def scale(self, values: np.ndarray) -> np.ndarray:
        """Physical units to the learning scale, any shape."""
        return ((np.log(values) if self.log else values) - self.mean) / self.sd

    def restore(self, scaled: np.ndarray) -> np.ndarray:
        """The learning scale back to physical units, any shape."""
        values = scaled * self.sd + self.mean
        return np.exp(values) if self.log else values

    def to_json(self) -> dict:
        """As a model's `fitted.json` holds it."""
        return asdict(self)
