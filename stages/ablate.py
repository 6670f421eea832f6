"""Stage `ablate` of ablations/dvc.yaml: `python -m stages.ablate KIND SOURCE`.

SOURCE is an encoder or "baselines"; a kind that does not concern it leaves a table without rows.
"""

import logging
import os
import sys
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from llm4waam.ablations.note import check_card, population_study
from llm4waam.ablations.parity import compare, run_steps
from llm4waam.ablations.run import Fit, Study, baseline_fits, encoder_fits
from llm4waam.ablations.variations import Ablations, variations_of
from llm4waam.baselines.settings import Baselines
from llm4waam.card.card import read_card
from llm4waam.core.files import read_table, remove_folder, write_table
from llm4waam.core.processes import call, in_processes
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.core.unfinished import Start
from llm4waam.decisions.predictions import COLUMNS, members
from llm4waam.encoders.families import check_family
from llm4waam.sentences.prompts import TextStyle
from llm4waam.splits.folds import Split, check_folds, with_cells_of
from llm4waam.splits.tasks import make_task
from llm4waam.training.data import make_task_data
from llm4waam.training.recipe import TrainingParams

BEADS, FOLDS = Path("data/clean/beads.csv"), Path("data/split/folds.csv")
ROWS = Path("data/ablations")


class Params(TrainingParams):
    """The sections of params.yaml that this stage reads."""

    text: TextStyle
    split: Split
    baselines: Baselines
    ablations: Ablations


def main(kind: str, source: str) -> None:
    """Write the prediction rows of every variation of a kind; what is done already is kept."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the workers are forked after tokenising
    # Without it, deterministic matrix products are refused on a GPU.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if source != "baselines":
        check_family(source, "stages.ablate")
    params, file = read_params(Params), ROWS / kind / f"{source}.csv"
    start = Start(params)
    if source not in (*params.trained, "baselines"):
        write_table(file, pd.DataFrame(columns=[*COLUMNS, "task", "variation"]))
        logging.info("nothing to do: %s is not among the encoders of params.yaml", source)
        return
    card = read_card(params.card_file)
    beads, folds = card.read_beads(BEADS), read_table(FOLDS)
    check_folds(folds, beads, card, FOLDS)
    tasks = {name: make_task(card, name, params.card_file) for name in params.tasks}
    study = Study(
        card, with_cells_of(beads, folds), folds, tasks, params.text, params, params.ablations,
        params.split, BEADS, params.card_file,
    )  # fmt: skip
    if kind == "note":
        check_card(card, params.card_file)
        study = population_study(study, params.card_file)
    unfinished = Path("data/unfinished/ablations") / kind
    if kind == "parity":
        rows = _parity(study, source, params.train.workers)
        start.check()
        write_table(file, rows)
        return
    variations = variations_of(kind, params.ablations, tasks, card.named("group"))
    if source == "baselines":
        work, jobs = call, list(baseline_fits(study, kind, variations, params.baselines))
    else:
        work, jobs = Fit.run, list(encoder_fits(study, variations, source, unfinished / source))
    bar = tqdm(
        in_processes(work, jobs, params.train.workers), f"{kind} {source}", len(jobs), unit="fit"
    )
    found = list(bar)
    columns = [*COLUMNS, "task", "variation"]
    if not found:
        logging.info("%s: no variation concerns %s", kind, source)
    rows = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)
    start.check()
    write_table(file, rows[[*columns[:3], "role", *columns[4:]]])
    remove_folder(unfinished / source)


def _parity(study: Study, source: str, workers: int) -> pd.DataFrame:
    """How far each step is from Trainer, for the first classification and the first regression."""
    settings = study.settings.parity
    if source != settings.encoder:
        return pd.DataFrame(columns=["task", "step", "seeds"])
    change = {"epochs": settings.epochs, "learning_rate": settings.learning_rate}
    first = {task.kind == "regression": task for task in reversed(study.tasks.values())}
    prompts = study.plain_prompts()
    jobs, truth = [], {}
    for task in sorted(first.values(), key=list(study.tasks.values()).index):
        recipe = study.params.recipe(source, task.name).model_copy(update=change)
        checkpoint, threads = study.params.encoder.source(source), study.params.train.threads
        data, _ = make_task_data(
            checkpoint, task, recipe, study.card, study.beads, prompts, threads
        )
        train, test = (data.known(part) for part in members(study.folds, 0, 0))
        truth[task.name] = task, data.values(test)
        jobs += [(data, train, test, seed) for seed in range(settings.seeds)]
    runs = in_processes(run_steps, jobs, workers)
    outcomes = [one for run in tqdm(runs, "parity", len(jobs), unit="run") for one in run]
    return pd.concat(
        [
            compare([one for one in outcomes if one.task == name], task, targets)
            for name, (task, targets) in truth.items()
        ],
        ignore_index=True,
    )


if __name__ == "__main__":
    run_stage(main, *sys.argv[1:])
