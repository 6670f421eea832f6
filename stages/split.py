"""Stage `split`: which bead trains and tests where, the same for every model and task."""

import logging
from pathlib import Path

from llm4waam.card.card import read_card
from llm4waam.core.files import read_table, write_table
from llm4waam.core.settings import Params as StudyParams
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.splits.folds import Split, check_folds, make_folds, strata_of
from llm4waam.splits.tasks import check_learnable, make_task, targets

BEADS = Path("data/clean/beads.csv")
FOLDS = Path("data/split/folds.csv")


class Params(StudyParams):
    """The sections of params.yaml that this stage reads."""

    split: Split


def main() -> None:
    """Make the folds and refuse to write them if anything crosses them."""
    params = read_params(Params)
    card = read_card(params.card_file)
    beads = read_table(BEADS)
    for name in params.tasks:
        task = make_task(card, name, params.card_file)
        check_learnable(task, targets(card, task, beads), BEADS)
    strata = strata_of(card, beads, params.card_file)
    folds = make_folds(beads, strata, **params.split.options(), file=BEADS)
    check_folds(folds, beads, card, FOLDS)
    write_table(FOLDS, folds)
    test = folds[folds["role"] == "test"]
    logging.info("%d beads train, %d test", len(beads) - len(test), len(test))


if __name__ == "__main__":
    run_stage(main)
