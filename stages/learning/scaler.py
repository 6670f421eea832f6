"""The target of a regression on the scale it is learned on, and back."""

from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class Scaler:
    """Standardises a target (its logarithm, if `log`) with the mean and sd of a training fold."""

    log: bool
    mean: float
    sd: float

    @classmethod
    def fit(cls, values: np.ndarray, transform: str) -> "Scaler":
        """Fit on training values of shape (beads,) in physical units, positive if logged."""
        log = transform == "log"
        if log and (values <= 0).any():
            raise ValueError(f"the logarithm of {values.min():g} is not defined")
        values = np.log(values) if log else values
        sd = float(values.std())
        return cls(log, float(values.mean()), sd if sd > 0 else 1.0)

    def scale(self, values: np.ndarray) -> np.ndarray:
        """Physical units to the learning scale, any shape."""
        return ((np.log(values) if self.log else values) - self.mean) / self.sd

    def restore(self, scaled: np.ndarray) -> np.ndarray:
        """The learning scale back to physical units, any shape."""
        values = scaled * self.sd + self.mean
        return np.exp(values) if self.log else values

    def to_json(self) -> dict:
        """For scaler.json, stored beside the model."""
        return asdict(self)
