"""Stage `losses` of sweeps/dvc.yaml: every loss of every task, with one recipe, out of fold."""

import logging
import os
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from llm4waam.ablations.loss_page import loss_page, scores_of, summarise
from llm4waam.ablations.settings import Losses
from llm4waam.card.card import read_card
from llm4waam.core.files import read_jsonl, read_table, write_json, write_table, write_text
from llm4waam.core.processes import in_processes
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.decisions.predictions import fold_jobs, members
from llm4waam.decisions.target_scale import SCALES
from llm4waam.splits.folds import HOLD_OUT_FOLD, check_folds
from llm4waam.splits.tasks import make_task
from llm4waam.training.data import Material, make_material
from llm4waam.training.fit import fit_fold
from llm4waam.training.losses import names_for
from llm4waam.training.recipe import TrainingParams

BEADS, PROMPTS = Path("data/clean/beads.csv"), Path("data/text/prompts.jsonl")
FOLDS, METRICS, PLOTS = Path("data/split/folds.csv"), Path("metrics/losses.json"), Path("plots")

Job = tuple[Material, tuple[int, int], list[str], list[str]]


class Params(TrainingParams):
    """The sections of params.yaml that this stage reads."""

    losses: Losses


def main() -> None:
    """Fine-tune every task with every loss (and target scale) on every fold; no hold-out."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the workers are forked after tokenising
    params = read_params(Params)
    settings, card = params.losses, read_card(params.card_file)
    beads, folds = read_table(BEADS), read_table(FOLDS)
    check_folds(folds, beads, card, FOLDS)
    prompts, source = read_jsonl(PROMPTS), params.encoder.source(settings.encoder)
    jobs: list[Job] = []
    tasks = {name: make_task(card, name, params.card_file) for name in settings.tasks}
    for name, task in tasks.items():
        scales = SCALES if task.kind == "regression" else [None]
        changes = [{"loss": n, "scale": s} for n in names_for(task.kind) for s in scales]
        shared = settings.model_dump(include={"engine", "epochs", "learning_rate"})
        recipe = params.recipe(settings.encoder, name).model_copy(update=shared)
        material, _ = make_material(
            source, task, recipe, card, beads, prompts, threads=params.train.threads
        )
        for change in changes:
            with_loss = material.with_recipe(recipe.model_copy(update=change))
            places = [place for place in fold_jobs(folds) if place[1] != HOLD_OUT_FOLD]
            jobs += [(with_loss, place, *members(folds, *place)) for place in places]
    runs = in_processes(_predict, jobs, params.train.workers)
    rows = pd.concat(tqdm(runs, "losses", len(jobs), unit="fit"), ignore_index=True)
    table = scores_of(rows, tasks)
    write_json(METRICS, summarise(table))
    write_table(PLOTS / "losses.csv", table)
    write_text(PLOTS / "losses.md", loss_page(table, settings, simulated=card.simulated))
    logging.info("see %s", PLOTS / "losses.md")


def _predict(job: Job) -> pd.DataFrame:
    material, place, train, test = job
    train, test = ([b for b in part if b in material.targets] for part in (train, test))
    rows = fit_fold(material, place, train, test).predictions
    recipe = material.recipe
    return rows.assign(task=material.task.name, loss_name=recipe.loss, scale=recipe.scale or "")


if __name__ == "__main__":
    run_stage(main)
