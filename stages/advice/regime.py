"""P(Normal) over wire feed speed and travel speed, at a bead's other settings."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.advice.changes import Adviser, measured

AXES = ("travel_speed_mm_s", "wire_feed_speed_m_min")
POINTS = 20  # of the map along each axis


@dataclass(frozen=True)
class Regime:
    """A map: `x` and `y` (points,), P(Normal) and whether it is inside training (y, x)."""

    x: np.ndarray
    y: np.ndarray
    chance: np.ndarray
    inside: np.ndarray


def regime_map(adviser: Adviser, bead: pd.Series) -> Regime | None:
    """The map of one bead over the training ranges; None where an axis or its value is unknown.

    Physics fields follow from each point's set-points; what was measured is not known there.
    """
    ranges = adviser.novelty.ranges()
    if any(name not in ranges or pd.isna(bead[name]) for name in AXES):
        return None
    x, y = (np.linspace(*ranges[name], POINTS) for name in AXES)
    grid = [{AXES[0]: a, AXES[1]: b} for b in y for a in x]
    rows = pd.DataFrame([bead] * len(grid)).reset_index(drop=True).infer_objects()
    rows[list(AXES)] = pd.DataFrame(grid)[list(AXES)]
    rows["bead"] = [str(n) for n in range(len(rows))]
    rows[measured(adviser.card, rows)] = np.nan
    shape = (POINTS, POINTS)
    return Regime(
        x, y, adviser.chance(rows).reshape(shape), adviser.novelty.inside(rows).reshape(shape)
    )
