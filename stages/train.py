"""Stages `train-bert` and `train-roberta`: `python -m stages.train ENCODER TASK`."""

import os
import sys
from itertools import chain
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from llm4waam.card.card import read_card
from llm4waam.core.files import move_folder, read_jsonl, read_table, write_table
from llm4waam.core.processes import in_processes
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.decisions.predictions import fold_jobs
from llm4waam.splits.folds import check_folds
from llm4waam.splits.tasks import make_task
from llm4waam.training.data import make_material, make_sides
from llm4waam.training.early_stopping import check_selection
from llm4waam.training.engine import engine_of
from llm4waam.training.recipe import TrainingParams
from llm4waam.training.resume import Progress
from llm4waam.training.save import ModelFolder
from llm4waam.training.workers import Work, shares

BEADS, PROMPTS = Path("data/clean/beads.csv"), Path("data/text/prompts.jsonl")
FOLDS = Path("data/split/folds.csv")
CURVE = ["repeat", "fold", "epoch", "train_loss", "val_loss"]


def main(encoder: str, task_name: str) -> None:
    """Fine-tune one encoder for one task on every fold, then on all training beads."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the workers are forked after tokenising
    # Without it, deterministic matrix products are refused on a GPU.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    params = read_params(TrainingParams)
    card = read_card(params.card_file)
    task = make_task(card, task_name, params.card_file)
    recipe = params.recipe(encoder, task_name)
    beads, folds = read_table(BEADS), read_table(FOLDS)
    check_folds(folds, beads, card, FOLDS)
    if recipe.selection != "none":
        check_selection(task, recipe.select_by)
    engine_of(recipe)
    prompts, threads = read_jsonl(PROMPTS), params.train.threads
    source = params.encoder.source(encoder)
    tasks = [make_task(card, name, params.card_file) for name in params.tasks]
    sides = make_sides(tasks, task, card, beads, params.target) if recipe.joint else []
    material, tokenizer = make_material(source, task, recipe, card, beads, prompts, sides, threads)
    jobs = fold_jobs(folds)
    progress = Progress(Path("data/unfinished") / encoder / task_name, material, folds)
    final = ModelFolder(progress.folder / "model", tokenizer, card, material)
    workers = 1 if recipe.device == "cuda" else params.train.workers
    parcels = shares(jobs, recipe, workers)
    fits = in_processes(Work(material, folds, progress, final.save).fit, parcels, workers)
    bar = tqdm(chain.from_iterable(fits), f"{encoder} {task_name}", len(jobs), unit="fit")
    fitted = list(bar)
    write_table(
        Path("data/predictions") / encoder / f"{task_name}.csv",
        pd.concat([one.predictions for one in fitted], ignore_index=True),
    )
    history = pd.DataFrame([row for one in fitted for row in one.history])
    history = history.reindex(columns=[*CURVE, *history.columns.difference(CURVE)])
    write_table(Path("plots/history") / encoder / f"{task_name}.csv", history.round(6))
    move_folder(final.folder, Path("data/models") / encoder / task_name)
    progress.clear()


if __name__ == "__main__":
    run_stage(main, *sys.argv[1:])
