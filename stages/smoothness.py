"""Stage `smoothness` of ablations/dvc.yaml: whether answers hang on how a number is spelled."""

import logging
from pathlib import Path

import pandas as pd

from llm4waam.advice.smoothness import measure_jumps, smoothness_page, summarise_jumps
from llm4waam.card.card import read_card
from llm4waam.core.files import write_metrics, write_table, write_text
from llm4waam.core.made_from import KEY, MODELS, made_from
from llm4waam.core.settings import Params as StudyParams
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.encoders.families import FAMILIES
from llm4waam.inference.predictor import clean_beads, load_predictor
from llm4waam.plotting.pages import of_table
from llm4waam.sentences.prompts import TextStyle

BEADS = 10
PLOTS = Path("plots/ablations/smoothness")
METRICS = Path("metrics/ablations/smoothness.json")


class Params(StudyParams):
    """The sections of params.yaml that this stage reads."""

    text: TextStyle


def main() -> None:
    """Sweep the set-points of the first hold-out beads past the final models."""
    params = read_params(Params)
    card = read_card(params.card_file)
    beads, tables = clean_beads(card, "test").iloc[:BEADS], []
    for encoder in FAMILIES:
        predictor = load_predictor(encoder, params.tasks, params.text, params.card_file)
        tables.append(measure_jumps(predictor, beads).assign(model=encoder))
    table = pd.concat(tables, ignore_index=True)
    write_table(PLOTS / "smoothness.csv", table, rounded=True)
    page = of_table(smoothness_page(table, card), card.title, params.card_file)
    write_text(PLOTS / "smoothness.md", page)
    write_metrics(METRICS, {**summarise_jumps(table), KEY: made_from(MODELS)})
    logging.info("see %s", PLOTS / "smoothness.md")


if __name__ == "__main__":
    run_stage(main)
