"""Stage `report`: what the other stages wrote, as one page in two languages, and as cards."""

import json
import logging
from pathlib import Path

from llm4waam.ablations.settings import Trials
from llm4waam.card.card import read_card
from llm4waam.core.files import read_table, write_text
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.evaluation.assessment import ENCODERS
from llm4waam.reporting.model_cards import data_card, model_card
from llm4waam.reporting.report import FILES, Sources, render
from llm4waam.reporting.sweeps import HEADINGS
from llm4waam.sentences.prompts import TextStyle
from llm4waam.splits.tasks import make_task
from llm4waam.training.recipe import TrainingParams

METRICS, PLOTS = Path("metrics"), Path("plots")


class Params(TrainingParams):
    """The sections of params.yaml that this stage reads."""

    text: TextStyle
    trials: Trials


def main() -> None:
    """Write plots/report.html, plots/report.ko.html and plots/cards."""
    params = read_params(Params)
    sources = _sources(params)
    for language, name in FILES.items():
        write_text(PLOTS / name, render(sources, language))
    for encoder in ENCODERS:
        for name, task in sources.tasks.items():
            metrics = sources.metrics[name][encoder]
            recipe, source = params.recipe(encoder, name), params.encoder.source(encoder)
            tier = sources.tiers[encoder]
            card = model_card(task, source, recipe, metrics, sources.card, tier)
            write_text(PLOTS / "cards" / f"{encoder}_{name}.md", card)
    write_text(PLOTS / "cards/data.md", data_card(sources.card, sources.cleaning))
    logging.info("see %s", PLOTS / FILES["en"])


def _sources(params: Params) -> Sources:
    card = read_card(params.card_file)
    tasks = {name: make_task(card, name, params.card_file) for name in params.tasks}
    metrics = {
        name: {encoder: _read(encoder, f"{name}.json") for encoder in ENCODERS}
        | _read("baselines", f"{name}.json")
        for name in tasks
    }
    # Sweeps are run when someone asks for them; their tables stand in git.
    tables = {name: PLOTS / "trials" / f"{name}.csv" for name in (*HEADINGS, *NESTED)}
    sweeps = {name: read_table(file) for name, file in tables.items() if file.is_file()}
    for name in ("losses", "ladder"):
        if (METRICS / f"{name}.json").is_file():
            sweeps[name] = _read(f"{name}.json")
    models = {model for found in metrics.values() for model in found}
    return Sources(
        card=card,
        tasks=tasks,
        metrics=metrics,
        tiers={model: params.tier(model, params.text.derived) for model in models},
        summary=_read("summary.json"),
        comparisons=_read("comparisons.json"),
        cleaning=_read("clean.json"),
        sweeps=sweeps,
        plots=PLOTS,
        group=params.trials.leave_out,
    )


NESTED = ("calibration", "intervals")


def _read(*parts: str) -> dict:
    return json.loads(METRICS.joinpath(*parts).read_text(encoding="utf-8"))


if __name__ == "__main__":
    run_stage(main)
