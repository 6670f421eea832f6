"""Whether a bead lies where the training beads are: outside it no model and no rule is believed."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from llm4waam.card.card import Card
from llm4waam.card.columns import Information

# (field, value, known): known is a range for numbers, a list of words or a limit as text; both are
# empty for a field that every training bead has and this one has not.
Reason = tuple[str, float | str, tuple[float, float] | str]
FAR = 0.95  # quantile of the training beads' own distances to other cells


@dataclass(frozen=True)
class ApplicabilityDomain:
    """The training beads as a cloud of set-points.

    A distance is the root mean square over the fields that both beads have: of numbers the
    difference in training deviations (of logarithms where all are positive), of words 1 if they
    differ. A bead is `far` beyond the distance that 95 % of the training beads keep from the
    nearest bead of another cell; nothing is far where all are of one cell.
    """

    card: Card
    names: tuple[str, ...]
    training: pd.DataFrame
    far: float

    @classmethod
    def fit(
        cls, card: Card, beads: pd.DataFrame, information: Information
    ) -> "ApplicabilityDomain":
        """From training beads (the clean table); `information` is that of the sentences."""
        names = tuple(name for name in card.fields(information, 0) if beads[name].notna().any())
        blind = cls(card, names, beads.reset_index(drop=True), 0.0)
        apart = blind.distances(beads)
        same = beads["cell"].to_numpy()[:, None] == beads["cell"].to_numpy()
        nearest = np.where(same, np.inf, apart).min(axis=1)
        known = nearest[np.isfinite(nearest)]
        far = float(np.quantile(known, FAR)) if len(known) else np.inf
        return cls(card, names, blind.training, far)

    def distances(self, beads: pd.DataFrame) -> np.ndarray:
        """(beads, training beads); inf where two have no field in common."""
        squares = np.zeros((len(beads), len(self.training)))
        counts = np.zeros_like(squares)
        for name in self.names:
            own, other = beads[name], self.training[name]
            both = own.notna().to_numpy()[:, None] & other.notna().to_numpy()
            if self.card.columns[name].kind in ("number", "flag"):
                log = bool((other.dropna() > 0).all())
                scale = _spread(np.log(other) if log else other)
                with np.errstate(divide="ignore", invalid="ignore"):
                    a, b = ((np.log(v) if log else v) for v in (own.to_numpy(float), other))
                    gap = np.abs(np.subtract.outer(a, np.asarray(b, float))) / scale
                part = np.nan_to_num(gap, nan=1e6, posinf=1e6) ** 2
            else:
                part = (own.to_numpy()[:, None] != other.to_numpy()).astype(float)
            squares += np.where(both, part, 0.0)
            counts += both
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(counts > 0, np.sqrt(squares / counts), np.inf)

    @property
    def required(self) -> list[str]:
        """Fields without which no bead stands in the table."""
        return [name for name in self.names if self.card.columns[name].required]

    def ranges(self) -> dict[str, tuple[float, float]]:
        """The least and the greatest value of each number in training, in the card's units."""
        return self._ranges

    @cached_property
    def _ranges(self) -> dict[str, tuple[float, float]]:
        numbers = [n for n in self.names if self.card.columns[n].kind == "number"]
        return {n: (float(self.training[n].min()), float(self.training[n].max())) for n in numbers}

    def inside(self, beads: pd.DataFrame) -> np.ndarray:
        """Whether each bead lies inside, (beads,).

        Near enough, in every range, with known words, and with all fields that the card requires.
        """
        near = self.distances(beads).min(axis=1) <= self.far
        for name in self.required:
            near &= beads[name].notna().to_numpy()
        for name, (low, high) in self.ranges().items():
            near &= (beads[name].isna() | beads[name].between(low, high)).to_numpy()
        for name in set(self.names) - set(self.ranges()):
            known = beads[name].isna() | beads[name].isin(self.training[name])
            near &= known.to_numpy()
        return near

    def reasons(self, bead: pd.Series) -> list[Reason]:
        """Why a bead lies outside, as (field, its value, the training range or the known words).

        A bead whose every field is known and whose combination is not gives ("", distance, far).
        """
        found: list[Reason] = []
        ranges = self.ranges()
        for name in self.names:
            value = bead[name]
            if pd.isna(value):
                found += [(name, "", "")] if name in self.required else []
                continue
            if name in ranges and not ranges[name][0] <= value <= ranges[name][1]:
                found.append((name, float(value), ranges[name]))
            elif name not in ranges and value not in set(self.training[name]):
                words = sorted(self.training[name].dropna().astype(str).unique())
                found.append((name, str(value), ", ".join(words)))
        distance = float(self.distances(bead.to_frame().T.infer_objects()).min())
        if not found and distance > self.far:
            found.append(("", f"{distance:.2f}", f"{self.far:.2f}"))
        return found


def _spread(values: pd.Series) -> float:
    deviation = float(values.std(ddof=0))
    return deviation if deviation > 1e-9 else 1.0
