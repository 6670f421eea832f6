"""Stage `explore`: what the clean table looks like, before anything learns from it."""

import logging
from pathlib import Path

from llm4waam.card.card import read_card
from llm4waam.core.files import JsonLines, clear_folder, write_table
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.plotting.style import save
from llm4waam.reporting import exploration, exploration_figures
from llm4waam.reporting.exploration import sentence_lengths, token_counter
from llm4waam.reporting.exploration_figures import sentence_lengths_figure
from llm4waam.training.recipe import TrainingParams

BEADS = Path("data/clean/beads.csv")
PROMPTS = Path("data/text/prompts.jsonl")
PLOTS = Path("plots/explore")


def main() -> None:
    """Write every figure that the card has the columns for, and its numbers beside it."""
    params = read_params(TrainingParams)
    card = read_card(params.card_file)
    beads = card.read_beads(BEADS)
    counters = {}
    for name, encoder in params.encoder.items():
        counters[name] = token_counter(encoder.checkpoint, encoder.revision)
    column = exploration.label_column(card)
    order = list(card.columns[column].labels) if column else []
    figures = exploration_figures
    plots = {
        "label_sets": (exploration.label_sets(beads, card), figures.label_sets_figure),
        "defect_map": (
            exploration.defect_map(beads, card),
            lambda table: figures.defect_map_figure(table, card, order),
        ),
        "distributions": (
            exploration.distributions(beads, card),
            lambda table: figures.distributions_figure(table, card),
        ),
        "correlations": (
            exploration.correlations(beads, card),
            lambda table: figures.correlations_figure(table, card),
        ),
        "sentence_lengths": (
            sentence_lengths(JsonLines(PROMPTS), counters),
            lambda table: sentence_lengths_figure(table, params.train.max_tokens),
        ),
    }
    clear_folder(PLOTS)
    for name, (table, figure) in plots.items():
        if table is None:
            logging.info("%s: left out, the card has no columns for it", name)
            continue
        write_table(PLOTS / f"{name}.csv", table, rounded=True, escaped=True)
        save(PLOTS / f"{name}.svg", figure(table), simulated=card.simulated)


if __name__ == "__main__":
    run_stage(main)
