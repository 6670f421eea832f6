"""From a bead to its labels: scores of five defects, thresholds, and who is named.

Scores are logarithms; a defect shows when score plus noise exceeds its threshold. Forms follow the
mechanisms in the study's notes ([S]); sizes are modelling choices [C] unless marked.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.beads.physics import Number

LABELS = ("Balling", "Bead cut", "Discontinuity", "Humping", "Lack of fusion", "Normal")
PRIMARY = ("Humping", "Balling", "Lack of fusion")


@dataclass(frozen=True)
class Thresholds:
    """Set by `calibration.calibrate`: the population shows each defect as often as wanted."""

    humping: float = 0.0
    balling: float = 0.0
    fusion: float = 0.0
    discontinuity: float = 1.0
    bead_cut: float = 2.0


def humping_score(speed_mm_s: Number, power_w: Number, limit_mm_s: Number) -> Number:
    """ln(TS / limit) + 0.5 ln(P / 2 kW): a backward jet above a critical speed ([S], 0.5 [C])."""
    return np.log(speed_mm_s / limit_mm_s) + 0.5 * np.log(power_w / 2000)


def balling_score(section: Number, melt_width: Number) -> Number:
    """ln(8 A / (pi w^2)): above zero the contact angle on the fused strip passes 90 degrees."""
    return np.log(8 * section / (np.pi * melt_width**2))


def fusion_score(penetration: Number, height: Number) -> Number:
    """-ln(p / (0.35 h)): penetration against deposit height, the DED form of the index ([S])."""
    return -np.log(penetration / (0.35 * height))


def name_labels(scores: pd.DataFrame, limits: Thresholds) -> np.ndarray:
    """Label sets under the policy "dominant", shape (rows,), joined by " or ".

    `scores` has the columns humping, balling, fusion, thinness, unrest and cut, noise included.
    One primary defect is named, the one that exceeds its threshold most. Bead cut or
    discontinuity, the greater excess of the two, is added to humping, to balling or to none.
    """
    limit = np.array([limits.humping, limits.balling, limits.fusion])
    excess = scores[["humping", "balling", "fusion"]].to_numpy() - limit
    primary = np.where(excess.max(axis=1) > 0, excess.argmax(axis=1), -1)
    severity = np.maximum(excess, 0)
    humped = np.where(primary == 0, severity[:, 0], 0)
    balled = np.where(primary == 1, severity[:, 1], 0)
    broken = scores["thinness"] + 0.35 * scores["unrest"] + 3.0 * humped + 6.0 * balled
    cut = scores["unrest"] + scores["cut"] + 1.2 * humped + 3.5 * balled
    second = np.column_stack([cut - limits.bead_cut, broken - limits.discontinuity])
    added = np.where(second.max(axis=1) > 0, second.argmax(axis=1) + 1, 0)
    added[primary == 2] = 0  # a bead that does not hold is not judged further
    shown = np.zeros((len(scores), len(LABELS)), dtype=bool)
    for code, label in enumerate(PRIMARY):
        shown[:, LABELS.index(label)] = primary == code
    shown[:, LABELS.index("Bead cut")] = added == 1
    shown[:, LABELS.index("Discontinuity")] = added == 2
    shown[:, LABELS.index("Normal")] = ~shown.any(axis=1)
    codes = shown @ (1 << np.arange(len(LABELS)))
    names = np.array(
        [" or ".join(n for bit, n in enumerate(LABELS) if code >> bit & 1) for code in range(64)],
        dtype=object,
    )
    return names[codes]
