"""What a simulated table holds, as numbers for the metrics file."""

import re

import pandas as pd

from stages.beads.causes import CAUSES, HINT
from stages.beads.selection import WANTED_COUNTS, WANTED_MOMENTS, moments


def key_of(name: str) -> str:
    """A name as a metrics key: "Bead cut or Humping" gives "bead_cut_or_humping"."""
    return re.sub(r"\W+", "_", name.strip().lower())


def profile(table: pd.DataFrame, raw: pd.DataFrame) -> dict:
    """Beads, cells, raw rows, label sets, moments (J/mm and J) and notes of a table.

    Notes: `telling` name the bead's true cause, `misleading` name another or none that is there,
    `neutral` name none.
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
