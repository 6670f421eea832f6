"""Stage `robustness` of ablations/dvc.yaml: where a language model earns its keep."""

import logging
from pathlib import Path

from llm4waam.ablations.robustness import (
    robustness_figure,
    robustness_page,
    robustness_table,
)
from llm4waam.ablations.scores import HARDER
from llm4waam.card.card import read_card
from llm4waam.core.files import read_table, write_table, write_text
from llm4waam.core.settings import Params, read_params
from llm4waam.core.stage import run_stage
from llm4waam.plotting.style import save

PAGES = Path("plots/ablations")
FOLDER = PAGES / "robustness"


def main() -> None:
    """Write plots/ablations/robustness from the tables of the kinds that make the study harder."""
    card = read_card(read_params(Params).card_file)
    tables = {kind: read_table(PAGES / kind / f"{kind}.csv") for kind in HARDER}
    gaps = {kind: read_table(PAGES / kind / f"{kind}_differences.csv") for kind in HARDER}
    table = robustness_table(tables, gaps)
    write_table(FOLDER / "robustness.csv", table, rounded=True)
    write_text(FOLDER / "robustness.md", robustness_page(table, simulated=card.simulated))
    save(FOLDER / "robustness.svg", robustness_figure(table), simulated=card.simulated)
    logging.info("see %s", FOLDER / "robustness.md")


if __name__ == "__main__":
    run_stage(main)
