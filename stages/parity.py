"""Stage `parity`: why the hand-written loop and Trainer differ, one habit at a time."""

import logging
import os
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from llm4waam.ablations.agreement import agreement_figure, agreement_page, compare, summarise
from llm4waam.ablations.settings import Parity
from llm4waam.ablations.waterfall import waterfall
from llm4waam.card.card import read_card
from llm4waam.core.files import read_jsonl, read_table, write_json, write_table, write_text
from llm4waam.core.processes import in_processes
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.decisions.predictions import members
from llm4waam.plotting.style import save
from llm4waam.splits.folds import check_folds
from llm4waam.splits.tasks import make_task
from llm4waam.training.data import make_material
from llm4waam.training.recipe import TrainingParams

BEADS, PROMPTS = Path("data/clean/beads.csv"), Path("data/text/prompts.jsonl")
FOLDS, METRICS, PLOTS = Path("data/split/folds.csv"), Path("metrics/parity.json"), Path("plots")


class Params(TrainingParams):
    """The sections of params.yaml that this stage reads."""

    parity: Parity


def main() -> None:
    """Run the waterfall for two tasks and every seed on the first fold; compare with Trainer."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the workers are forked after tokenising
    # Without it, deterministic matrix products are refused on a GPU.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    params = read_params(Params)
    settings, card = params.parity, read_card(params.card_file)
    beads, folds = read_table(BEADS), read_table(FOLDS)
    check_folds(folds, beads, card, FOLDS)
    prompts, source = read_jsonl(PROMPTS), params.encoder.source(settings.encoder)
    change = {"epochs": settings.epochs, "learning_rate": settings.learning_rate}
    jobs, truth = [], {}
    tasks = [make_task(card, name, params.card_file) for name in params.tasks]
    first = {task.kind == "regression": task for task in reversed(tasks)}
    for task in sorted(first.values(), key=tasks.index):
        name = task.name
        recipe = params.recipe(settings.encoder, name).model_copy(update=change)
        threads = params.train.threads
        material, _ = make_material(source, task, recipe, card, beads, prompts, threads=threads)
        train, test = (
            [bead for bead in part if bead in material.targets] for part in members(folds, 0, 0)
        )
        truth[name] = task, material.values(test)
        jobs += [(material, train, test, seed) for seed in range(settings.seeds)]
    runs = in_processes(waterfall, jobs, params.train.workers)
    outcomes = [one for run in tqdm(runs, "parity", len(jobs), unit="run") for one in run]
    tables = [
        compare([one for one in outcomes if one.task == name], task, targets)
        for name, (task, targets) in truth.items()
    ]
    table = pd.concat(tables, ignore_index=True)
    write_json(METRICS, summarise(table))
    write_table(PLOTS / "parity.csv", table)
    save(PLOTS / "parity.svg", agreement_figure(table), simulated=card.simulated)
    write_text(PLOTS / "parity.md", agreement_page(table, simulated=card.simulated))
    logging.info("see %s", PLOTS / "parity.md")


if __name__ == "__main__":
    run_stage(main)
