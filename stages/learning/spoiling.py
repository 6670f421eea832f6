"""Fewer training beads, and training beads with a wrong outcome."""

from collections.abc import Mapping, Sequence

import numpy as np


def some(beads: Sequence[str], count: int, seed: int) -> list[str]:
    """`count` of the beads, drawn so that a larger count holds every bead of a smaller one.

    All of them where there are no more.
    """
    order = np.random.default_rng(seed).permutation(sorted(beads))
    kept = set(order[:count].tolist())
    return [bead for bead in beads if bead in kept]


def with_noise(
    targets: Mapping[str, np.ndarray], train: Sequence[str], share: float, seed: int
) -> dict[str, np.ndarray]:
    """Targets (outputs,) by bead in which a share of the `train` beads has a wrong outcome.

    A spoiled bead gets the outcome of a training bead whose outcome is another one; no other bead
    is touched. A larger share spoils every bead that a smaller one spoils. Raises ValueError where
    all training beads have the same outcome.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(sorted(train)).tolist()
    givers = rng.permutation(sorted(train)).tolist()
    found = dict(targets)
    for bead in order[: round(share * len(order))]:
        others = (g for g in givers if not np.array_equal(targets[g], targets[bead]))
        giver = next(others, None)
        if giver is None:
            raise ValueError("all training beads have the same outcome")
        found[bead] = targets[giver]
        givers.append(givers.pop(givers.index(giver)))  # the next bead takes from another
    return found
