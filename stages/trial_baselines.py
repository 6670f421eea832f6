"""Stage `trial-baselines` of sweeps/dvc.yaml: `python -m stages.trial_baselines SWEEP`."""

import sys
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from llm4waam.ablations.ground import Ground
from llm4waam.ablations.settings import Trials
from llm4waam.ablations.trial_tables import baseline_rows
from llm4waam.ablations.trials import tasks_of, trials_of
from llm4waam.baselines.models import Baselines
from llm4waam.card.card import read_card
from llm4waam.core.files import read_table, write_table
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
    baselines: Baselines
    split: Split
    trials: Trials


def main(sweep: str) -> None:
    """Predictions of every baseline in every trial of a sweep that concerns a baseline.

    One thread: it is the stages of the sweep that run side by side.
    """
    params = read_params(Params)
    card, beads, folds = read_card(params.card_file), read_table(BEADS), read_table(FOLDS)
    check_folds(folds, beads, card, FOLDS)
    tasks = tuple(make_task(card, name, params.card_file) for name in params.tasks)
    ground = Ground(card, beads, folds, tasks, params.text, params.trials, params.split.seed, BEADS)
    # A baseline has no epochs that could be chosen.
    trials = [
        trial
        for trial in trials_of(sweep, params.trials, params.train.epochs)
        if "selection" not in trial.train
    ]
    wanted, found = tasks_of(sweep, params.trials), []
    for trial in tqdm(trials, f"{sweep} baselines", unit="trial"):
        for task in tasks:
            if task.name in wanted:
                with threadpool_limits(1):
                    rows = baseline_rows(
                        ground, trial, task, params.baselines, params.baselines.pretrained
                    )
                    rows = pd.concat(rows, ignore_index=True)
                found.append(rows.assign(task=task.name, variant=trial.key))
    table = pd.concat(found, ignore_index=True)
    table = table.sort_values(["variant", "task", "model"], kind="stable")
    write_table(Path("data/trials") / sweep / "baselines.csv", table)


if __name__ == "__main__":
    run_stage(main, *sys.argv[1:])
