"""Stage `split`: which bead trains and tests where, the same for every model and task."""

import logging
from pathlib import Path

from llm4waam.card.card import read_card
from llm4waam.core.files import write_metrics, write_table
from llm4waam.core.settings import PARAMS_FILE, read_params
from llm4waam.core.settings import Params as StudyParams
from llm4waam.core.stage import run_stage
from llm4waam.splits.folds import (
    Split,
    check_folds,
    crossing_groups,
    make_folds,
    strata_of,
    with_blocks,
)
from llm4waam.splits.tasks import check_learnable, make_task, targets

BEADS = Path("data/clean/beads.csv")
FOLDS = Path("data/split/folds.csv")
METRICS = Path("metrics/split.json")


class Params(StudyParams):
    """The sections of params.yaml that this stage reads."""

    split: Split


def main() -> None:
    """Make the folds and refuse to write them if anything crosses them."""
    params = read_params(Params)
    card = read_card(params.card_file)
    beads = card.read_beads(BEADS)
    for name in params.tasks:
        task = make_task(card, name, params.card_file)
        check_learnable(task, targets(card, task, beads), BEADS)
    strata, by = strata_of(card, beads, params.card_file), params.split.by or card.split_by
    blocks = with_blocks(beads, by, PARAMS_FILE)
    folds = make_folds(blocks, strata, **params.split.options(), file=BEADS)
    check_folds(folds, beads, card, FOLDS, by)
    write_table(FOLDS, folds)
    test, crossing = folds[folds["role"] == "test"], crossing_groups(folds, beads, card)
    logging.info("%d beads train, %d test; by %s", len(beads) - len(test), len(test), by)
    for column, found in crossing.items():
        if found["in_several_folds"]:
            logging.warning(
                "warning: %d of the %d groups of %s stand in several folds: scores are of new "
                "settings of known groups, not of a new group (split.by: %s keeps them together)",
                *(found["in_several_folds"], found["groups"], column, column),
            )
    write_metrics(
        METRICS,
        {
            "beads": {"train": len(beads) - len(test), "test": len(test)},
            "by": by,
            "kept_together": folds["cell"].nunique(),
            "groups": crossing,
        },
    )


if __name__ == "__main__":
    run_stage(main)
