"""Stages `train-bert`, `train-roberta` and their like: `python -m stages.train ENCODER TASK`."""

import logging
import os
import sys
from pathlib import Path

import pandas as pd
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from llm4waam.card.card import Card, read_card
from llm4waam.core.errors import StudyError
from llm4waam.core.files import (
    move_folder,
    read_jsonl,
    read_table,
    write_json,
    write_table,
    write_text,
)
from llm4waam.core.settings import PARAMS_FILE, read_params
from llm4waam.core.stage import run_stage
from llm4waam.decisions.confidence import CALIBRATION, fit_calibration
from llm4waam.decisions.predictions import COLUMNS, fold_jobs
from llm4waam.decisions.predictions import INCOMPLETE as INCOMPLETE_COLUMNS
from llm4waam.encoders.families import check_family
from llm4waam.splits.folds import check_folds, with_cells_of
from llm4waam.splits.tasks import make_task
from llm4waam.stacked.engine import engine_of
from llm4waam.training.check_recipe import check_recipe
from llm4waam.training.data import TaskData, make_task_data
from llm4waam.training.fit import fit_task
from llm4waam.training.recipe import TrainingParams
from llm4waam.training.resume import FinishedFolds
from llm4waam.training.save import ModelFolder

BEADS, PROMPTS = Path("data/clean/beads.csv"), Path("data/text/prompts.jsonl")
FOLDS = Path("data/split/folds.csv")
INCOMPLETE = Path("data/incomplete")
CURVE = ["repeat", "fold", "epoch", "train_loss", "val_loss"]


def main(encoder: str, task_name: str) -> None:
    """Fine-tune one encoder for one task on every fold, then on all training beads."""
    check_family(encoder, "stages.train")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the workers are forked after tokenising
    # Without it, deterministic matrix products are refused on a GPU.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    params = read_params(TrainingParams)
    if encoder not in params.trained:
        _leave_out(encoder, task_name)
        return
    card, data, folds, tokenizer = _read(params, encoder, task_name)
    engine, unfinished = engine_of(data.recipe), Path("data/unfinished") / encoder / task_name
    finished = FinishedFolds(unfinished, data, folds, card)
    final = ModelFolder(finished.model, tokenizer, card, data)
    workers = 1 if data.recipe.device == "cuda" else params.train.workers
    fits = fit_task(data, folds, finished, final.save, engine, workers)
    bar = tqdm(fits, f"{encoder} {task_name}", len(fold_jobs(folds)), unit="fit")
    fitted = list(bar)
    _check_unchanged(params, encoder, task_name, finished)
    # In an order in which every cut leaves what the next run takes, or makes anew.
    predictions = pd.concat([one.predictions for one in fitted], ignore_index=True)
    write_table(Path("data/predictions") / encoder / f"{task_name}.csv", predictions)
    incomplete = pd.concat([one.incomplete for one in fitted], ignore_index=True)
    write_table(INCOMPLETE / encoder / f"{task_name}.csv", incomplete)
    history = pd.DataFrame([row for one in fitted for row in one.history])
    history = history.reindex(columns=[*CURVE, *history.columns.difference(CURVE)])
    write_table(Path("plots/history") / encoder / f"{task_name}.csv", history, rounded=True)
    out_of_fold = [rows[rows["role"] == "oof"] for rows in (predictions, incomplete)]
    done = bool(data.recipe.inner_folds)
    calibration = fit_calibration(data.task, *out_of_fold, tempered_already=done)
    write_json(final.folder / CALIBRATION, calibration.to_json())
    move_folder(final.folder, Path("data/models") / encoder / task_name)
    finished.clear()


def _read(
    params: TrainingParams, encoder: str, task_name: str
) -> tuple[Card, TaskData, pd.DataFrame, PreTrainedTokenizerBase]:
    """The card, what the folds learn from, the folds and the tokenizer, as they are now."""
    card = read_card(params.card_file)
    task = make_task(card, task_name, params.card_file)
    recipe = params.recipe(encoder, task_name)
    beads, folds = read_table(BEADS), read_table(FOLDS)
    check_folds(folds, beads, card, FOLDS)
    check_recipe(task, recipe)
    source, together = params.encoder.source(encoder), with_cells_of(beads, folds)
    data, tokenizer = make_task_data(
        source, task, recipe, card, together, read_jsonl(PROMPTS), params.train.threads
    )
    return card, data, folds, tokenizer


def _check_unchanged(
    params: TrainingParams, encoder: str, task_name: str, finished: FinishedFolds
) -> None:
    """Raise StudyError if what decides the outcome is no longer what was learned from.

    DVC hashes parameters, data and code when a stage has ended: it would take the outcome of the
    old ones for that of the new.
    """
    now = read_params(TrainingParams)
    card, data, folds, _ = _read(now, encoder, task_name)
    same = (now.trained, now.train.workers) == (params.trained, params.train.workers)
    if not same or FinishedFolds(finished.model.parent, data, folds, card).mark != finished.mark:
        reason = f"parameters, data or code changed while {encoder} learned {task_name}"
        raise StudyError(PARAMS_FILE, f"{reason}; nothing is written", expected="dvc repro again")


def _leave_out(encoder: str, task_name: str) -> None:
    """The outputs of an encoder that params.yaml leaves out: tables without a row, no model."""
    file = f"{encoder}/{task_name}.csv"
    write_table(Path("data/predictions") / file, pd.DataFrame(columns=COLUMNS))
    write_table(INCOMPLETE / file, pd.DataFrame(columns=INCOMPLETE_COLUMNS))
    write_table(Path("plots/history") / file, pd.DataFrame(columns=CURVE))
    reason = f"{encoder} is not among the encoders of params.yaml"
    write_text(Path("data/models") / encoder / task_name / "left_out.txt", reason + "\n")
    logging.info("nothing to do: %s", reason)


if __name__ == "__main__":
    run_stage(main, *sys.argv[1:])
