"""Stages `train-bert` and `train-roberta`: `python -m stages.train ENCODER TASK`."""

import os
import sys
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from stages.beads.card import read_card
from stages.beads.files import read_jsonl, read_table, write_table
from stages.beads.stage import run_stage
from stages.learning.encoders import check_checkpoint, load_tokenizer, tokenize
from stages.learning.fitting import Material
from stages.learning.folds import check_folds
from stages.learning.model_folder import ModelFolder
from stages.learning.predictions import fold_jobs
from stages.learning.tasks import known_targets, make_task
from stages.learning.workers import fit_all
from stages.params import read_params

BEADS, PROMPTS = Path("data/clean/beads.csv"), Path("data/text/prompts.jsonl")
FOLDS = Path("data/split/folds.csv")


def main(encoder: str, task_name: str) -> None:
    """Fine-tune one encoder for one task on every fold, then on all training beads."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the workers are forked after tokenising
    params = read_params()
    card = read_card(params.card_file)
    task = make_task(card, task_name, params.card_file)
    recipe = params.recipe(encoder, task_name)
    beads, folds = read_table(BEADS), read_table(FOLDS)
    check_folds(folds, beads, card, FOLDS)
    source = getattr(params.encoder, encoder)
    check_checkpoint(encoder, source.checkpoint, source.revision)
    tokenizer = load_tokenizer(source.checkpoint, source.revision)
    prompts = [row for row in read_jsonl(PROMPTS) if row["task"] in (None, task_name)]
    tokens: dict[str, list[list[int]]] = {bead: [] for bead in beads["bead"]}
    ids = tokenize(tokenizer, [row["text"] for row in prompts], recipe.max_tokens)
    for row, prompt in zip(prompts, ids, strict=True):
        tokens[row["bead"]].append(prompt)
    material = Material(
        encoder=encoder,
        checkpoint=source.checkpoint,
        revision=source.revision,
        task=task,
        recipe=recipe,
        targets=known_targets(card, task, beads),
        tokens=tokens,
        threads=params.train.threads,
    )
    jobs = fold_jobs(folds)
    final = ModelFolder(Path("data/models") / encoder / task_name, tokenizer, card, material)
    fits = fit_all(material, folds, jobs, params.train.workers, final.save)
    fitted = list(tqdm(fits, f"{encoder} {task_name}", len(jobs), unit="fit"))
    write_table(
        Path("data/predictions") / encoder / f"{task_name}.csv",
        pd.concat([one.predictions for one in fitted], ignore_index=True),
    )
    history = pd.DataFrame([row for one in fitted for row in one.history])
    write_table(Path("plots/history") / encoder / f"{task_name}.csv", history.round(6))


if __name__ == "__main__":
    run_stage(main, *sys.argv[1:])
