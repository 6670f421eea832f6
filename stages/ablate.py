"""Stage `ablate` of ablations/dvc.yaml: `python -m stages.ablate KIND SOURCE`.

SOURCE is an encoder or "baselines"; a kind that does not concern it leaves a table without rows.
"""

import logging
import os
import sys
from collections.abc import Iterator
from operator import attrgetter, methodcaller
from pathlib import Path

import numpy as np
import pandas as pd

from llm4waam.ablations.note import check_card, population_study
from llm4waam.ablations.parity import Outcome, ParityRun, compare
from llm4waam.ablations.run import Study, baseline_fits, encoder_fits
from llm4waam.ablations.variations import Ablations, Variation, variations_of
from llm4waam.baselines.settings import Baselines
from llm4waam.card.card import read_card
from llm4waam.core.files import read_table, remove_folder, write_table
from llm4waam.core.processes import Work, share_out
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.core.unfinished import Start, Unfinished, code_hash
from llm4waam.decisions.predictions import COLUMNS as OF_A_STUDY
from llm4waam.decisions.predictions import members
from llm4waam.encoders.families import check_family
from llm4waam.sentences.prompts import TextStyle
from llm4waam.splits.folds import Split, check_folds, with_cells_of
from llm4waam.splits.tasks import Task, known_targets, make_task
from llm4waam.training.data import make_task_data
from llm4waam.training.recipe import TrainingParams
from llm4waam.training.resume import FinishedFolds

BEADS, FOLDS = Path("data/clean/beads.csv"), Path("data/split/folds.csv")
ROWS, UNFINISHED = Path("data/ablations"), Path("data/unfinished/ablations")
COLUMNS = [*OF_A_STUDY, "task", "variation"]
BASELINES, PARITY = "baselines", "parity"


class Params(TrainingParams):
    """The sections of params.yaml that this stage reads."""

    text: TextStyle
    split: Split
    baselines: Baselines
    ablations: Ablations


def main(kind: str, source: str) -> None:
    """Write the prediction rows of every variation of a kind; what is done already is kept."""
    if source != BASELINES:
        check_family(source, "stages.ablate")
    params, file = read_params(Params), ROWS / kind / f"{source}.csv"
    start = Start(params)
    if source not in (*params.trained, BASELINES):
        write_table(file, pd.DataFrame(columns=COLUMNS))
        logging.info("nothing to do: %s is not among the encoders of params.yaml", source)
        return
    study, jobs = fits_of(kind, source, params)
    if not jobs:
        logging.info("%s: no variation concerns %s", kind, source)
    found = list(run_fits(f"{kind} {source}", jobs, params))
    if kind == PARITY:
        outcomes = [one for run in found for one in run]
        rows = _compared(study, outcomes)
    else:
        rows = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=COLUMNS)
        rows = rows[COLUMNS]
    start.check()
    write_table(file, rows)
    remove_folder(UNFINISHED / kind / source)


def fits_of(kind: str, source: str, params: Params) -> tuple[Study, list]:
    """What a stage starts from, and all that is to be fitted for it: jobs that keep themselves."""
    card = read_card(params.card_file)
    beads, folds = card.read_beads(BEADS), read_table(FOLDS)
    check_folds(folds, beads, card, FOLDS)
    tasks = {name: make_task(card, name, params.card_file) for name in params.tasks}
    study = Study(
        card, with_cells_of(beads, folds), folds, tasks, params.text, read_params(TrainingParams),
        params.ablations, params.split, BEADS, params.card_file,
    )  # fmt: skip
    if kind == "note":
        check_card(card, params.card_file)
        study = population_study(study, params.card_file)
    folder = UNFINISHED / kind / source
    if kind == PARITY:
        return study, list(_parity_runs(study, source, folder))
    variations = variations_of(kind, params.ablations, tasks, card.named("group"))
    if source == BASELINES:
        return study, list(baseline_fits(study, kind, variations, params.baselines, folder))
    return study, list(encoder_fits(study, variations, source, folder))


def run_fits(title: str, jobs: list, params: Params) -> Iterator:
    """What every job finds, by the processes of params.yaml or the nodes of a cluster."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the workers are forked after tokenising
    # Without it, deterministic matrix products are refused on a GPU.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    work = Work(
        methodcaller("run"),
        title=title,
        found=methodcaller("found"),
        kept_in=attrgetter("folder"),
        reads=attrgetter("reads"),
        cpus=params.train.threads,
        gpus=int(params.train.device == "cuda"),
    )
    return share_out(work, jobs, params.train.workers)


def _parity_runs(study: Study, source: str, folder: Path) -> Iterator[ParityRun]:
    """For the first classification and the first regression, with every seed."""
    settings = study.settings.parity
    if source != settings.encoder:
        return
    change = {"epochs": settings.epochs, "learning_rate": settings.learning_rate}
    plain = Variation(PARITY, PARITY, ())  # tells its beads as the study does
    prompts = study.prompts(*study.telling(plain))
    for task in _parity_tasks(study):
        recipe = study.params.recipe(source, task.name).model_copy(update=change)
        checkpoint, threads = study.params.encoder.source(source), study.params.train.threads
        data, _ = make_task_data(
            checkpoint, task, recipe, study.card, study.beads, prompts, threads
        )
        train, test = (data.known(part) for part in members(study.folds, 0, 0))
        habits = {"code": code_hash(["ablations"])}
        kept = Unfinished(folder, FinishedFolds(folder, data, study.folds, habits).mark)
        for seed in range(settings.seeds):
            yield ParityRun(data, train, test, seed, kept)


def _parity_tasks(study: Study) -> list[Task]:
    first = {task.kind == "regression": task for task in reversed(study.tasks.values())}
    return sorted(first.values(), key=list(study.tasks.values()).index)


def _compared(study: Study, outcomes: list[Outcome]) -> pd.DataFrame:
    if not outcomes:
        return pd.DataFrame(columns=["task", "step", "seeds"])
    test = members(study.folds, 0, 0)[1]
    tables = []
    for task in _parity_tasks(study):
        targets = known_targets(study.card, task, study.beads)
        truth = np.array([targets[bead] for bead in test if bead in targets])
        own = [one for one in outcomes if one.task == task.name]
        tables.append(compare(own, task, truth))
    return pd.concat(tables, ignore_index=True)


if __name__ == "__main__":
    run_stage(main, *sys.argv[1:])
