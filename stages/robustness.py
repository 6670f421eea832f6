"""Stage `robustness` of ablations/dvc.yaml: where a language model earns its keep."""

import json
import logging
from pathlib import Path

from llm4waam.ablations.robustness import (
    robustness_figure,
    robustness_page,
    robustness_table,
)
from llm4waam.ablations.scores import HARDER
from llm4waam.card.card import read_card
from llm4waam.core.errors import StudyError, require_file
from llm4waam.core.files import read_table, write_metrics, write_table, write_text
from llm4waam.core.made_from import KEY, differences, joined, made_now
from llm4waam.core.settings import Params, read_params
from llm4waam.core.stage import run_stage
from llm4waam.plotting.pages import of_table
from llm4waam.plotting.style import save
from llm4waam.reporting.report_findings import counted

PAGES, METRICS = Path("plots/ablations"), Path("metrics/ablations")
FOLDER = PAGES / "robustness"


def main() -> None:
    """Write plots/ablations/robustness from the tables of the kinds that make the study harder.

    Raises StudyError where one of them is of another table, or was made by other settings than the
    next.
    """
    params = read_params(Params)
    card, made = read_card(params.card_file), _made_from()
    tables = {kind: read_table(PAGES / kind / f"{kind}.csv") for kind in HARDER}
    gaps = {kind: read_table(PAGES / kind / f"{kind}_differences.csv") for kind in HARDER}
    table = robustness_table(tables, gaps)
    write_table(FOLDER / "robustness.csv", table, rounded=True)
    page = robustness_page(table, simulated=card.simulated)
    write_text(FOLDER / "robustness.md", of_table(page, card.title, params.card_file))
    known = {"simulated": card.simulated, "korean": True}  # the READMEs show it
    save(FOLDER / "robustness.svg", robustness_figure(table), **known)
    write_metrics(METRICS / "robustness.json", {**counted(table), KEY: made})
    logging.info("see %s", FOLDER / "robustness.md")


def _made_from() -> dict:
    """The mark of the kinds together."""
    products, now = {}, made_now()
    for kind in HARDER:
        file = METRICS / f"{kind}.json"
        require_file(file, f"what make ablations KIND={kind} makes")
        products[file] = json.loads(file.read_text(encoding="utf-8"))
        if differences(products[file], now) is None:
            expected = f"this one: make ablations KIND={kind}"
            raise StudyError(file, "made from another table", expected=expected)
    return joined(products)


if __name__ == "__main__":
    run_stage(main)
