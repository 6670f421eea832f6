"""Reference figures of a simulated table: its contents, and the highest accuracy a model can reach.

The hidden state of a bead (no cause, or one of six, weak or strong: 13 states) is independent of
its set-points, and its note kind depends on the state alone, by `defects.note_table`. So

    p(Normal | set-points)       = sum over states of prior(state) p(Normal | set-points, state)
    p(Normal | set-points, note) = sum over states of P(state | kind) p(Normal | set-points, state)

where P(state | kind) is Bayes' rule, exact. p(Normal | set-points, state) is the share of Normal
among `draws` simulated runs of the bead in that state, each with lab shifts, arc and noise of its
own: the laboratory is taken as unknown. The wording of a note depends on its kind alone, so the
kind is all that a note can tell. A model that names the likelier class is right with probability
max(p, 1 - p); the ceiling of "is it Normal" is its mean over the beads, each with its own note.
"""

import re

import numpy as np
import pandas as pd

from llm4waam.simulator.defects import (
    CAUSES,
    HINT,
    PRIOR,
    STATES,
    Thresholds,
    name_labels,
    note_table,
    posterior,
)
from llm4waam.simulator.study_table import WANTED_COUNTS, WANTED_MOMENTS, moments
from llm4waam.simulator.weld import run_welds, scores_of

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
        welds = run_welds(rng, many, np.full(rows * draws, state))
        normal = name_labels(scores_of(welds), limits) == "Normal"
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
    with_own = by_kind[np.arange(len(table)), kinds]
    without, with_note = (_best(p).mean() for p in (shares @ PRIOR, with_own))
    return {
        "without_note": float(without),
        "with_note": float(with_note),
        "with_note_expected": float((_best(by_kind) @ (PRIOR @ note_table())).mean()),
        "gain": float(with_note - without),
    }


def _best(normal: np.ndarray) -> np.ndarray:
    """Probability that the likelier class is right, from P(Normal), any shape."""
    return np.maximum(normal, 1 - normal)


def key_of(name: str) -> str:
    """A name as a metrics key: "Bead cut or Humping" gives "bead_cut_or_humping"."""
    return re.sub(r"\W+", "_", name.strip().lower())


def profile(table: pd.DataFrame, raw: pd.DataFrame) -> dict:
    """Beads, cells, raw rows, label sets, moments (J/mm and J) and notes of a table.

    Of the notes, `telling` name the bead's true cause, `misleading` name another or one where
    there is none, `neutral` name none.
    """
    counts = table["labels"].value_counts().sort_index()
    kind, state = table["latent_note_kind"], table["latent_state"]
    names = kind >= HINT
    true = names & (state > 0) & ((kind - HINT) % len(CAUSES) == (state - 1) % len(CAUSES))
    notes = {
        "written": int((kind > 0).sum()),
        "telling": int(true.sum()),
        "misleading": int((names & ~true).sum()),
        "neutral": int(((kind > 0) & ~names).sum()),
        "korean": int(table["note"].str.contains("[가-힣]").sum()),
        "wordings": int(table.loc[kind > 0, "note"].nunique()),
    }
    return {
        "beads": len(table),
        "campaigns": int(table["campaign"].nunique()),
        "cells": int(table["cell"].nunique()),
        "raw_rows": len(raw),
        "label_sets": {key_of(name): int(count) for name, count in counts.items()},
        "moments": {n: {"mean": m, "sd": s} for n, (m, s) in moments(table).items()},
        "notes": notes,
    }


def compared(table: pd.DataFrame) -> dict:
    """The original study's counts and moments, and how far the table is from them."""
    found = moments(table)
    original, difference = {}, {}
    for name, (mean, sd) in WANTED_MOMENTS.items():
        original[name] = {"mean": mean, "sd": sd}
        difference[name] = {"mean": found[name][0] / mean - 1, "sd": found[name][1] / sd - 1}
    counts = table["labels"].value_counts()
    off = sum(abs(counts.get(name, 0) - wanted) for name, wanted in WANTED_COUNTS.items())
    sets = {key_of(name): wanted for name, wanted in WANTED_COUNTS.items()}
    return {
        "original": {"label_sets": sets, "moments": original},
        "relative_difference": difference,
        "label_sets_off": int(off),
    }
