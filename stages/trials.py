"""Stage `trials` of sweeps/dvc.yaml: `python -m stages.trials SWEEP ENCODER`."""

import os
import shutil
import sys
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from llm4waam.ablations.climbing import Fit
from llm4waam.ablations.ground import Ground
from llm4waam.ablations.settings import Trials
from llm4waam.ablations.trial_fits import fits_of
from llm4waam.ablations.trials import tasks_of, trials_of
from llm4waam.card.card import read_card
from llm4waam.core.files import read_table, write_table
from llm4waam.core.processes import in_processes
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.sentences.prompts import TextStyle
from llm4waam.splits.folds import Split, check_folds
from llm4waam.splits.tasks import make_task
from llm4waam.training.recipe import TrainingParams

BEADS, FOLDS = Path("data/clean/beads.csv"), Path("data/split/folds.csv")


class Params(TrainingParams):
    """The sections of params.yaml that this stage reads."""

    text: TextStyle
    split: Split
    trials: Trials


def main(sweep: str, encoder: str) -> None:
    """Predictions of one encoder in every trial of a sweep.

    One process: it is the stages of the sweep that run side by side.
    """
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    params = read_params(Params)
    card, beads, folds = read_card(params.card_file), read_table(BEADS), read_table(FOLDS)
    check_folds(folds, beads, card, FOLDS)
    tasks = tuple(make_task(card, name, params.card_file) for name in params.tasks)
    ground = Ground(card, beads, folds, tasks, params.text, params.trials, params.split.seed, BEADS)
    wanted, unfinished = tasks_of(sweep, params.trials), Path("data/unfinished/trials")
    folder, source = unfinished / sweep / encoder, params.encoder.source(encoder)
    fits = [
        fit
        for trial in trials_of(sweep, params.trials, params.train.epochs)
        for task in tasks
        if task.name in wanted
        for fit in fits_of(
            ground,
            trial,
            task,
            params.recipe(encoder, task.name),
            source,
            folder,
        )
    ]
    done = tqdm(in_processes(Fit.run, fits, 1), f"{sweep} {encoder}", len(fits), unit="fit")
    rows = pd.concat(done, ignore_index=True).rename(columns={"rung": "variant"})
    write_table(Path("data/trials") / sweep / f"{encoder}.csv", rows)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    run_stage(main, *sys.argv[1:])
