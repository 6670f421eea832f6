"""Why a bead turns out bad: its hidden cause, the scores of its defects, and the labels they give.

A bead has at most one hidden cause, weak or strong, drawn independently of its set-points; the
operator may have seen it, and the kind of the note depends on it alone. The causes are those that
shop floors know; no source gives sizes, so all of them are modelling choices [C].

Scores are logarithms; a defect shows when its score plus noise exceeds its threshold. Their forms
follow mechanisms that sources describe [S]; sizes are modelling choices [C] unless marked.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from llm4waam.simulator.physics import Number

CAUSES = ("contamination", "feed", "gas", "arc", "tip", "blow")
SHARES = np.array([0.24, 0.20, 0.18, 0.14, 0.13, 0.11])  # of the beads that have a cause
WEAK, STRONG = 0.36, 0.07  # shares of the beads with a weak or a strong cause
WEAK_SIZE, STRONG_SIZE = (0.02, 0.18), (0.85, 1.35)  # uniform

# What size 1 adds to the scores of humping, balling and lack of fusion, to the unrest of the arc
# and to the bead cut score.
EFFECTS = np.array(
    [
        [0.35, 0.55, 0.50, 0.40, 0.2],  # contamination: wets badly, fuses badly
        [0.35, 0.40, 0.60, 0.70, 0.8],  # feed: less wire and heat, in bursts
        [0.55, 0.50, 0.25, 0.60, 0.2],  # gas: oxide skin, wandering arc
        [0.55, 0.35, 0.40, 0.90, 0.5],  # arc: unstable
        [0.35, 0.45, 0.65, 0.40, 0.4],  # tip: worn, so a longer stick-out and less current
        [0.60, 0.30, 0.50, 0.60, 0.3],  # blow: the arc leans
    ]
)

# A state: 0 no cause, 1 to 6 that cause weakly, 7 to 12 strongly.
STATES = 13
PRIOR = np.concatenate([[1 - WEAK - STRONG], WEAK * SHARES, STRONG * SHARES])

# A note kind: 0 none, 1 neutral, 2 reassuring, 3 to 8 hints at a cause, 9 to 14 plainly names it.
KINDS = 15
NONE, NEUTRAL, REASSURING, HINT, PLAIN = 0, 1, 2, 3, 9

_NOTED = {  # share of: none, neutral, reassuring, hint, plain
    "no cause": (0.750, 0.135, 0.080, 0.027, 0.008),
    "weak": (0.120, 0.045, 0.020, 0.795, 0.020),
    "strong": (0.060, 0.020, 0.010, 0.060, 0.850),
}
CONFUSED = 0.10  # share of hints and plain notes that name another cause than the true one


def note_table() -> np.ndarray:
    """P(note kind | state), shape (13, 15); every row sums to 1."""
    table = np.zeros((STATES, KINDS))
    for state in range(STATES):
        grade = "no cause" if state == 0 else "weak" if state <= 6 else "strong"
        *plainly, hint, plain = _NOTED[grade]
        named = SHARES if state == 0 else SHARES * CONFUSED
        if state > 0:
            named = named + (1 - CONFUSED) * np.eye(6)[(state - 1) % 6]
        table[state] = np.concatenate([plainly, hint * named, plain * named])
    return table


def posterior() -> np.ndarray:
    """P(state | note kind) by Bayes' rule, shape (15, 13); every row sums to 1."""
    joint = PRIOR[:, None] * note_table()
    return (joint / joint.sum(axis=0)).T


def draw_states(rng: np.random.Generator, rows: int) -> np.ndarray:
    """States, shape (rows,)."""
    return rng.choice(STATES, size=rows, p=PRIOR)


def draw_kinds(rng: np.random.Generator, states: np.ndarray) -> np.ndarray:
    """Note kinds given the states, shape (rows,)."""
    bars = note_table().cumsum(axis=1)[states]
    return np.minimum((rng.random(len(states))[:, None] > bars).sum(axis=1), KINDS - 1)


def draw_sizes(rng: np.random.Generator, states: np.ndarray) -> np.ndarray:
    """Sizes of the six causes, shape (rows, 6): zero but for the one that the state names."""
    low = np.where(states > 6, STRONG_SIZE[0], WEAK_SIZE[0])
    high = np.where(states > 6, STRONG_SIZE[1], WEAK_SIZE[1])
    size = rng.uniform(low, high)
    cause = (states - 1) % 6
    return np.where((states > 0)[:, None] & (cause[:, None] == np.arange(6)), size[:, None], 0.0)


LABELS = ("Balling", "Bead cut", "Discontinuity", "Humping", "Lack of fusion", "Normal")
PRIMARY = ("Humping", "Balling", "Lack of fusion")


@dataclass(frozen=True)
class Thresholds:
    """The score above which a defect shows; `population.LIMITS` holds those that are used."""

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
    added[primary == 2] = 0  # a bead that does not hold gets no second label
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
