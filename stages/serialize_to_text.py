"""Stage `serialize-to-text`: every bead as sentences."""

import logging
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from llm4waam.card.card import read_card
from llm4waam.core.files import read_table, write_jsonl
from llm4waam.core.settings import Params as StudyParams
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.sentences.incomplete import study_prompts
from llm4waam.sentences.prompts import TextStyle, check_sayable, constant_fields
from llm4waam.splits.folds import beads_of

BEADS, FOLDS = Path("data/clean/beads.csv"), Path("data/split/folds.csv")
PROMPTS = Path("data/text/prompts.jsonl")


class Params(StudyParams):
    """The sections of params.yaml that this stage reads."""

    text: TextStyle


def main() -> None:
    """Write the prompts of all beads."""
    params = read_params(Params)
    card = read_card(params.card_file)
    for task in params.tasks:
        card.task(task, params.card_file)
    check_sayable(card, params.text)
    beads, folds = card.read_beads(BEADS), read_table(FOLDS)
    left_out = constant_fields(beads_of("train", beads, folds), card, params.text)
    if left_out:
        told = ", ".join(f"{name} {value}" for name, value in left_out.items())
        logging.info("the same for every training bead, so not said: %s", told)
    rows = study_prompts(beads, card, params.text, params.tasks, left_out)
    first, counts = next(rows), Counter()

    def counted() -> Iterator[dict]:
        for row in chain([first], rows):
            counts[bool(row["without"])] += 1
            yield row

    write_jsonl(PROMPTS, counted())
    told = f"{counts[False]} prompts and {counts[True]} with fields left out"
    logging.info("%s; the first: %s", told, first["text"])


if __name__ == "__main__":
    run_stage(main)
