"""Hidden causes of trouble, what they do to a bead, and which of them an operator writes down.

A bead has at most one cause, weak or strong, drawn independently of its set-points. Everything
here is a modelling choice [C]: the causes are those that shop floors know; no source gives sizes.
"""

import numpy as np

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

_HABIT = {  # share of: none, neutral, reassuring, hint, plain
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
        *plainly, hint, plain = _HABIT[grade]
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
