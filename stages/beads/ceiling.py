"""The best accuracy that any judge of "is it Normal" can reach, with and without the note.

The hidden state of a bead (no cause, or one of six, weak or strong: 13 states) is independent of
its set-points, and its note kind depends on the state alone, by the table of `causes`. So

    p(Normal | set-points)       = sum over states of prior(state) p(Normal | set-points, state)
    p(Normal | set-points, note) = sum over states of P(state | kind) p(Normal | set-points, state)

where P(state | kind) is Bayes' rule, exact. p(Normal | set-points, state) is the share of Normal
among `draws` simulated runs of the bead in that state, each with lab shifts, arc and noise of its
own: the laboratory is taken as unknown. The wording of a note depends on its kind alone, so the
kind is all that a note can tell. A judge who names the likelier class is right with probability
max(p, 1 - p); the ceiling is its mean over the beads, each with the note that it has.
"""

import numpy as np
import pandas as pd

from stages.beads.causes import PRIOR, STATES, note_table, posterior
from stages.beads.defects import Thresholds, name_labels
from stages.beads.trial import run_trials, scores_of

DRAWS = 200


def normal_by_state(
    table: pd.DataFrame, limits: Thresholds, seed: int, draws: int = DRAWS
) -> np.ndarray:
    """P(Normal | set-points, state) of each bead, shape (rows, 13), from `draws` runs each."""
    rng = np.random.default_rng(seed)
    rows = len(table)
    shares = np.empty((rows, STATES))
    many = table.loc[table.index.repeat(draws)].reset_index(drop=True)
    many["campaign"] = np.arange(rows * draws)  # a laboratory of its own for every run
    for state in range(STATES):
        trials = run_trials(rng, many, np.full(rows * draws, state))
        normal = name_labels(scores_of(trials), limits) == "Normal"
        shares[:, state] = normal.reshape(rows, draws).mean(axis=1)
    return shares


def ceiling(
    table: pd.DataFrame, limits: Thresholds, seed: int, draws: int = DRAWS
) -> dict[str, float]:
    """Highest expected accuracy of quality, a share of the beads for each key.

    `without_note`: from set-points; `with_note`: from set-points and the note (or its absence)
    that each bead has; `with_note_expected`: the same for the notes that these set-points would
    get on average, never below the first. `gain` is the second less the first. `table` is a
    canonical one: its set-points and `latent_note_kind` are used.
    """
    shares = normal_by_state(table, limits, seed, draws)
    by_kind = shares @ posterior().T  # (rows, kinds)
    kinds = table["latent_note_kind"].to_numpy()
    told = by_kind[np.arange(len(table)), kinds]
    without, with_note = (_best(p).mean() for p in (shares @ PRIOR, told))
    return {
        "without_note": float(without),
        "with_note": float(with_note),
        "with_note_expected": float((_best(by_kind) @ (PRIOR @ note_table())).mean()),
        "gain": float(with_note - without),
    }


def _best(normal: np.ndarray) -> np.ndarray:
    """Probability that the likelier class is right, from P(Normal), any shape."""
    return np.maximum(normal, 1 - normal)
