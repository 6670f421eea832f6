"""Stage `explain`: hold-out beads explained, advised and narrated; what that is worth."""

import logging
from pathlib import Path

import torch

from llm4waam.advice.counterfactual import Advice
from llm4waam.advice.faithfulness import each, measure
from llm4waam.advice.figures import importance_figure, success_figure
from llm4waam.advice.findings import make_examiner, unsuited
from llm4waam.advice.page import FILES, empty, make_entries, render, spread_over
from llm4waam.card.card import read_card
from llm4waam.core.files import write_metrics, write_text
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.inference.predictor import clean_beads, load_predictor
from llm4waam.plotting.style import save, title
from llm4waam.sentences.prompts import TextStyle
from llm4waam.training.recipe import TrainingParams

METRICS, PLOTS = Path("metrics/advice.json"), Path("plots/advice")


class Params(TrainingParams):
    """The sections of params.yaml that this stage reads."""

    text: TextStyle
    advice: Advice


def main() -> None:
    """Write plots/advice (the pages and their drawings) and metrics/advice.json."""
    params = read_params(Params)
    settings, threads = params.advice, params.train.workers * params.train.threads
    torch.set_num_threads(threads)  # the sums of another number of threads end in other digits
    card = read_card(params.card_file)
    reason = unsuited(card, params.tasks)
    if reason:
        _leave(reason)
        return
    predictor = load_predictor(settings.encoder, params.tasks, params.text, params.card_file)
    shared = settings.model_dump(include={"background", "bar", "margin", "seed"})
    examiner = make_examiner(predictor, **shared)
    held_out = clean_beads("test")
    metrics, shares = measure(examiner, held_out, settings.simulated_runs)
    chosen = each(spread_over(examiner, held_out, settings.shown), "beads shown")
    entries = list(make_entries(examiner, chosen, PLOTS))
    names = shares.rename(columns=title)
    save(PLOTS / "importance.svg", importance_figure(names, card), simulated=card.simulated)
    save(PLOTS / "success.svg", success_figure(metrics["advice"]), simulated=card.simulated)
    write_metrics(METRICS, metrics)
    facts = {"encoder": title(settings.encoder), "simulated_runs": str(settings.simulated_runs)}
    facts |= {name: f"{getattr(settings, name):.0%}" for name in ("bar", "margin")}
    for language, name in FILES.items():
        write_text(PLOTS / name, render(entries, metrics, language, card, PLOTS, **facts))
    logging.info("see %s", PLOTS / FILES["en"])


def _leave(reason: str) -> None:
    """The outputs of a table that no advice can be given for."""
    write_metrics(METRICS, {"advice": None, "reason": reason})
    for language, name in FILES.items():
        write_text(PLOTS / name, empty(reason, language))
    write_text(PLOTS / "none.txt", f"{reason}\n")
    logging.info("no advice: %s", reason)


if __name__ == "__main__":
    run_stage(main)
