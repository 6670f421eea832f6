"""Stage `clean`: the raw table, by its card, to one row a bead and a list of what was changed."""

import logging
from pathlib import Path

from llm4waam.card.card import read_card
from llm4waam.cleaning.clean import clean_table
from llm4waam.cleaning.log import WHOLE_ROW
from llm4waam.cleaning.prompt_file import read_prompt_file
from llm4waam.core.files import read_strings, write_metrics, write_table
from llm4waam.core.settings import Params, read_params
from llm4waam.core.stage import run_stage

BEADS = Path("data/clean/beads.csv")
REJECTED = Path("data/clean/rejected.csv")
METRICS = Path("metrics/clean.json")


def main() -> None:
    """Clean the table that params.yaml names."""
    params = read_params(Params)
    card = read_card(params.card_file)
    raw_file = params.raw_file
    if params.dataset_format == "json":
        raw, broken = read_prompt_file(raw_file), {}
    else:
        raw, broken = read_strings(raw_file)
    beads, log = clean_table(raw, card, broken, raw_file)
    entries = log.table()
    whole = entries["column"] == WHOLE_ROW
    write_table(BEADS, beads)
    write_table(REJECTED, entries)
    write_metrics(
        METRICS,
        {
            "rows": len(raw) + len(broken),
            "beads": len(beads),
            "cells": beads["cell"].nunique(),
            "rows_rejected": int(whole.sum()),
            "values_altered": int((entries["action"] == "altered").sum()),
            "values_rejected": int((~whole & (entries["action"] == "rejected")).sum()),
            "missing": {name: int(beads[name].isna().sum()) for name in card.clean_columns},
        },
    )
    logging.info(
        "%d rows -> %d beads, %d entries in %s", len(raw), len(beads), len(entries), REJECTED
    )


if __name__ == "__main__":
    run_stage(main)
