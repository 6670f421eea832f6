"""What becomes of advice that is carried out: in the simulator, which no model has seen do it."""

import numpy as np
import pandas as pd

from stages.advice.changes import Adviser, Move, carried_out
from stages.beads.causes import draw_states
from stages.beads.defects import name_labels
from stages.beads.simulator import LIMITS
from stages.beads.trial import run_trials, scores_of

TRIES = 200  # draws of a random move, until one lies inside the training data


def normal_shares(
    beads: pd.DataFrame, training: pd.DataFrame, trials: int, seed: int
) -> np.ndarray:
    """Share of `trials` simulated runs of each bead that come out Normal, shape (beads,).

    Every run has a laboratory of its own, new hidden causes and new noise: what is welded next is
    not what was welded. A set-point that is not known takes the middle of the training beads'.
    """
    rng = np.random.default_rng(seed)
    table = beads.copy()
    for name in training.columns.intersection(table.columns):
        typical = training[name].median() if training[name].dtype == float else None
        if typical is None and training[name].notna().any():
            typical = training[name].mode().iloc[0]
        table[name] = table[name].fillna(typical) if typical is not None else table[name]
    runs = table.loc[table.index.repeat(trials)].reset_index(drop=True)
    runs["campaign"] = np.tile(np.arange(trials), len(table)).astype(str)
    found = run_trials(rng, runs, draw_states(rng, len(runs)))
    normal = np.array(name_labels(scores_of(found), LIMITS)) == "Normal"
    return normal.reshape(len(table), trials).mean(axis=1)


def random_moves(
    adviser: Adviser, bead: pd.Series, size: float, count: int, rng: np.random.Generator
) -> tuple[Move, ...] | None:
    """`count` moves of random set-points and directions that are together as large as `size`.

    Inside the training data, as advice is; None where none of TRIES draws lies there.
    """
    ranges, controls = adviser.novelty.ranges(), adviser.controls(bead)
    for _ in range(TRIES):
        names = rng.choice(controls, size=min(count, len(controls)), replace=False)
        shares = rng.dirichlet(np.ones(len(names))) * size * rng.choice((-1, 1), len(names))
        moves = []
        for name, share in zip(names.tolist(), shares, strict=True):
            step, (low, high) = adviser.card.columns[name].step, ranges[name]
            offset = round(share * (high - low) / step) * step
            after = round(float(bead[name]) + offset, 6)
            if offset and low <= after <= high:
                moves.append(Move(name, float(bead[name]), after))
        if len(moves) == len(names):
            found = tuple(moves)
            if adviser.novelty.inside(carried_out(bead, [found], adviser.card))[0]:
                return found
    return None
