"""Stage `clean`: the raw table, by its card, to one row a bead and a list of what was changed."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from llm4waam.card.card import Card, read_card
from llm4waam.card.columns import ALL_ROLES
from llm4waam.cleaning.clean import clean_table
from llm4waam.cleaning.log import WHOLE_ROW
from llm4waam.core.files import write_metrics, write_table
from llm4waam.core.settings import Params, read_params
from llm4waam.core.stage import run_stage
from llm4waam.core.tables import read_strings

BEADS = Path("data/clean/beads.csv")
REJECTED = Path("data/clean/rejected.csv")
METRICS = Path("metrics/clean.json")
SHOWN = 12  # words of a category


def main() -> None:
    """Clean the table that params.yaml names."""
    params = read_params(Params)
    card = read_card(params.card_file)
    raw_file = params.raw_file
    raw, broken = read_strings(raw_file, card.table)
    beads, log = clean_table(raw, card, broken, raw_file)
    entries, rows = log.table(), len(raw) + len(broken)
    whole = (entries["column"] == WHOLE_ROW) & (entries["action"] == "rejected")
    write_table(BEADS, beads)
    write_table(REJECTED, entries, escaped=True)
    write_metrics(
        METRICS,
        {
            "rows": rows,
            "beads": len(beads),
            "cells": beads["cell"].nunique(),
            "rows_rejected": int(whole.sum()),
            "rows_noted": entries.loc[entries["action"] == "noted", "row"].nunique(),
            "values_altered": int((entries["action"] == "altered").sum()),
            "values_rejected": int((~whole & (entries["action"] == "rejected")).sum()),
            "missing": {name: int(beads[name].isna().sum()) for name in card.clean_columns},
        },
    )
    for line in [
        *log.summary(),
        *_words_without_levels(beads, card),
        *_levels_without_properties(beads, card),
    ]:
        logging.info(line)
    logging.info("%d rows -> %d beads, %d entries in %s", rows, len(beads), len(entries), REJECTED)
    warning = log.warning(rows)
    if warning:
        logging.warning(warning)


def _words_without_levels(beads: pd.DataFrame, card: Card) -> Iterator[str]:
    """What stands in the categories whose levels the card does not list, with counts."""
    for name in card.named(*ALL_ROLES, kind="category"):
        if not card.columns[name].levels:
            counts = beads[name].value_counts()
            told = ", ".join(f"{word} {count}" for word, count in counts.head(SHOWN).items())
            more = f" and {len(counts) - SHOWN} more" * (len(counts) > SHOWN)
            yield f"{name}: the card lists no levels; the table has {told}{more}"


def _levels_without_properties(beads: pd.DataFrame, card: Card) -> Iterator[str]:
    """The levels that lack a property which others of the column have, with counts of beads."""
    for name in card.named("set_point", "measurement", kind="category"):
        levels = card.columns[name].levels
        given = {one for level in levels.values() for one in level.properties}
        for label, level in levels.items():
            lacks, count = sorted(given - {*level.properties}), int((beads[name] == label).sum())
            if lacks and count:
                what = f"the card has no {', '.join(lacks)} of {label}"
                yield f"{name}: {what}: what follows from it is unknown of {count} beads"


if __name__ == "__main__":
    run_stage(main)
