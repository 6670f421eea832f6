"""Stages `train-bert`, `train-roberta` and their like: `python -m stages.train ENCODER TASK`."""

import logging
import os
import sys
from pathlib import Path

import pandas as pd

from llm4waam.card.card import read_card
from llm4waam.core.errors import StudyError
from llm4waam.core.files import JsonLines, fingerprint, read_table, write_table, write_text
from llm4waam.core.made_from import made_from, of_model
from llm4waam.core.manifest import LEFT_OUT
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.core.unfinished import Start
from llm4waam.decisions.confidence import fit_calibration
from llm4waam.decisions.predictions import COLUMNS
from llm4waam.decisions.predictions import INCOMPLETE as INCOMPLETE_COLUMNS
from llm4waam.encoders.families import check_family
from llm4waam.splits.folds import check_folds, with_cells_of
from llm4waam.splits.tasks import make_task
from llm4waam.stacked.engine import engine_of
from llm4waam.training.check_recipe import check_recipe
from llm4waam.training.data import make_task_data
from llm4waam.training.fit import fit_task
from llm4waam.training.recipe import TrainingParams
from llm4waam.training.resume import FinishedFolds
from llm4waam.training.save import ModelFolder

BEADS, PROMPTS = Path("data/clean/beads.csv"), Path("data/text/prompts.jsonl")
FOLDS = Path("data/split/folds.csv")
INCOMPLETE = Path("data/incomplete")
AGAIN = "dvc repro again"
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
    start, mark = Start(params), _mark(encoder, task_name)
    card = read_card(params.card_file)
    task = make_task(card, task_name, params.card_file)
    recipe = params.recipe(encoder, task_name)
    beads, folds = card.read_beads(BEADS), read_table(FOLDS)
    check_folds(folds, beads, card, FOLDS)
    check_recipe(task, recipe)
    engine, source = engine_of(recipe), params.encoder.source(encoder)
    together = with_cells_of(beads, folds)
    data, tokenizer = make_task_data(
        source, task, recipe, card, together, JsonLines(PROMPTS), params.train.threads
    )
    finished = FinishedFolds(Path("data/unfinished") / encoder / task_name, data, folds, mark)
    final = ModelFolder(finished.model, tokenizer, card, data, mark)
    workers = 1 if recipe.device == "cuda" else params.train.workers
    fitted = list(fit_task(data, folds, finished, final.save, engine, workers))
    start.check()
    if _mark(encoder, task_name) != mark:
        reason = "changed while the stage ran; nothing is written"
        raise StudyError("the table, its folds or its sentences", reason, expected=AGAIN)
    # In an order in which every cut leaves what the next run takes, or makes anew.
    predictions = pd.concat([one.predictions for one in fitted], ignore_index=True)
    write_table(Path("data/predictions") / encoder / f"{task_name}.csv", predictions)
    incomplete = pd.concat([one.incomplete for one in fitted], ignore_index=True)
    write_table(INCOMPLETE / encoder / f"{task_name}.csv", incomplete)
    history = pd.DataFrame([row for one in fitted for row in one.history])
    history = history.reindex(columns=[*CURVE, *history.columns.difference(CURVE)])
    write_table(Path("plots/history") / encoder / f"{task_name}.csv", history, rounded=True)
    out_of_fold = [rows[rows["role"] == "oof"] for rows in (predictions, incomplete)]
    done = bool(recipe.inner_folds)
    calibration = fit_calibration(task, *out_of_fold, tempered_already=done)
    final.finish(calibration, Path("data/models") / encoder / task_name)
    finished.clear()


def _mark(encoder: str, task_name: str) -> dict:
    """What the model is made from, as it is now."""
    return made_from(of_model(encoder, task_name)) | {"sentences": fingerprint(PROMPTS)}


def _leave_out(encoder: str, task_name: str) -> None:
    """The outputs of an encoder that params.yaml leaves out: tables without a row, no model."""
    file = f"{encoder}/{task_name}.csv"
    write_table(Path("data/predictions") / file, pd.DataFrame(columns=COLUMNS))
    write_table(INCOMPLETE / file, pd.DataFrame(columns=INCOMPLETE_COLUMNS))
    write_table(Path("plots/history") / file, pd.DataFrame(columns=CURVE))
    reason = f"{encoder} is not among the encoders of params.yaml"
    write_text(Path("data/models") / encoder / task_name / LEFT_OUT, reason + "\n")
    logging.info("nothing to do: %s", reason)


if __name__ == "__main__":
    run_stage(main, *sys.argv[1:])
