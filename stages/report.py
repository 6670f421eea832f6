"""Stage `report`: what the other stages wrote, as one page in two languages, and as cards."""

import json
import logging
from pathlib import Path

from pydantic import BaseModel

from llm4waam.card.card import Card, read_card
from llm4waam.core.files import clear_folder, read_json, read_table, write_text
from llm4waam.core.made_from import BEADS, FOLDS, differences, made_now
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.reporting.model_cards import data_card, model_card
from llm4waam.reporting.report import FILES, render
from llm4waam.reporting.report_sources import Sources
from llm4waam.sentences.prompts import TextStyle, constant_fields, make_prompts
from llm4waam.splits.folds import beads_of
from llm4waam.splits.tasks import make_task
from llm4waam.training.recipe import TrainingParams

METRICS, PLOTS = Path("metrics"), Path("plots")
PAGES = PLOTS / "report"
ADVISED = PLOTS / "advice/beads.json"  # by the stage `explain`


class LossesRecipe(BaseModel):
    """Of the kind `losses`: for how long it trains."""

    epochs: int


class Ablated(BaseModel):
    """Of the section `ablations`: the column of which values are left out, and the losses."""

    leave_out: str
    losses: LossesRecipe


class Params(TrainingParams):
    """The sections of params.yaml that this stage reads."""

    text: TextStyle
    ablations: Ablated


def main() -> None:
    """Write plots/report: the pages, and a card for every model and for the table."""
    params = read_params(Params)
    card = read_card(params.card_file)
    training = beads_of("train", card.read_beads(BEADS), read_table(FOLDS))
    left_out = constant_fields(training, card, params.text)
    prompts = make_prompts(training.head(1), card, params.text, params.tasks, left_out)
    sources = read_sources(params, card, next(prompts)["text"])
    for language, name in FILES.items():
        write_text(PAGES / name, render(sources, language))
    clear_folder(PAGES / "cards")
    for encoder in sources.encoders:
        for name, task in sources.tasks.items():
            metrics = sources.metrics[name][encoder]
            recipe, source = params.recipe(encoder, name), params.encoder.source(encoder)
            tier = sources.tiers[encoder]
            against = sources.comparisons[name].get(f"{encoder}_vs_baseline")
            made_from = source.model_dump(), recipe.model_dump()
            text = model_card(task, *made_from, metrics, against, card, tier)
            write_text(PAGES / "cards" / f"{encoder}_{name}.md", text)
    write_text(PAGES / "cards/data.md", data_card(card, sources.cleaning, left_out))
    logging.info("see %s", PAGES / FILES["en"])


def read_sources(params: Params, card: Card, example: str) -> Sources:
    """What the other stages wrote, in the current folder; `example` is the sentence of a bead."""
    tasks = {name: make_task(card, name, params.card_file) for name in params.tasks}
    metrics = {
        name: {encoder: _read(encoder, f"{name}.json") for encoder in params.trained}
        | _read("baselines", f"{name}.json")
        for name in tasks
    }
    # Ablations are run when someone asks for them, and stand in git until they are run again.
    now = made_now()
    products = {file.stem: _read("ablations", file.name) for file in _files("ablations/*.json")}
    found = {kind: differences(product, now) for kind, product in products.items()}
    differs = {kind: one for kind, one in found.items() if one is not None}
    tables = sorted((PLOTS / "ablations").glob("*/*.csv"))
    ablations = {file.stem: read_table(file) for file in tables if file.parent.name in differs}
    for kind in sorted(found.keys() - differs.keys()):
        reason = "not shown: of another table, or it does not say of which"
        logging.info("metrics/ablations/%s.json: %s", kind, reason)
    told = [_read(file.name) for file in _files("advice.json")]
    advice = next((one for one in told if differences(one, now) is not None), None)
    first = next(iter(params.trained))
    models = {model for found in metrics.values() for model in found}
    return Sources(
        card=card,
        tasks=tasks,
        metrics=metrics,
        tiers={model: params.tier(model, params.text.derived) for model in models},
        summary=_read("summary.json"),
        comparisons=_read("comparisons.json"),
        came_true=read_table(PLOTS / "results/came_true.csv"),
        per_label=read_table(PLOTS / "results/per_label_f1.csv"),
        incomplete=_read("incomplete.json"),
        cleaning=_read("clean.json"),
        split=_read("split.json"),
        ablations=ablations,
        differs=differs,
        losses={name: _loss(params, first, name) for name in tasks},
        losses_epochs=params.ablations.losses.epochs,
        advice=advice,
        advised=read_json(ADVISED) if advice is not None and ADVISED.is_file() else None,
        plots=PLOTS,
        group=params.ablations.leave_out,
        example=example,
    )


def _loss(params: Params, encoder: str, task: str) -> str:
    """The study's own loss as the kind `losses` names it."""
    recipe = params.recipe(encoder, task)
    return f"{recipe.loss}_{recipe.scale}" if recipe.scale else recipe.loss


def _files(pattern: str) -> list[Path]:
    return sorted(METRICS.glob(pattern))


def _read(*parts: str) -> dict:
    return json.loads(METRICS.joinpath(*parts).read_text(encoding="utf-8"))


if __name__ == "__main__":
    run_stage(main)
