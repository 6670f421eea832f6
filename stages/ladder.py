"""Stage `ladder` of sweeps/dvc.yaml: what each idea is worth, out of fold."""

import logging
import os
import shutil
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from llm4waam.ablations.climbing import Climb, Fit, choose, fits
from llm4waam.ablations.ladder_figure import ladder_figure
from llm4waam.ablations.ladder_page import ladder_page
from llm4waam.ablations.ladder_scores import against_trees, score_rungs, summarise_ladder
from llm4waam.ablations.rungs import RUNGS
from llm4waam.ablations.settings import Ladder
from llm4waam.baselines.models import Baselines
from llm4waam.card.card import read_card
from llm4waam.core.files import read_table, write_json, write_table, write_text
from llm4waam.core.processes import in_processes
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.plotting.style import save
from llm4waam.sentences.prompts import TextStyle
from llm4waam.splits.folds import check_folds
from llm4waam.splits.tasks import make_task
from llm4waam.training.recipe import TrainingParams

BEADS, FOLDS = Path("data/clean/beads.csv"), Path("data/split/folds.csv")
METRICS, PLOTS = Path("metrics/ladder.json"), Path("plots")
UNFINISHED = Path("data/unfinished/ladder")


class Params(TrainingParams):
    """The sections of params.yaml that this stage reads."""

    text: TextStyle
    baselines: Baselines
    ladder: Ladder


def main() -> None:
    """Run every rung on every fold of the training beads; the hold-out is not looked at."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the workers are forked after tokenising
    params = read_params(Params)
    settings, card = params.ladder, read_card(params.card_file)
    beads, folds = read_table(BEADS), read_table(FOLDS)
    check_folds(folds, beads, card, FOLDS)
    tasks = {name: make_task(card, name, params.card_file) for name in settings.tasks}
    shared = settings.model_dump(include={"engine", "epochs"})
    recipes = {
        (encoder, name): params.recipe(encoder, name).model_copy(update=shared)
        for encoder in ("bert", "roberta")
        for name in tasks
    }
    threads, workers = params.train.threads, params.train.workers
    climb = Climb(
        card, beads, folds, params.text, recipes, list(tasks.values()), params.target, threads
    )
    jobs = [
        fit
        for rung in RUNGS
        for task in tasks.values()
        if rung.group != "craft" or task.name in settings.craft_tasks
        if not rung.tasks or task.name in rung.tasks
        for encoder in rung.encoders
        if rung.folder(encoder)
        for fit in fits(climb, rung, encoder, task, UNFINISHED)
        if fit.kind == "folds" or task.name in settings.choice_tasks
    ]
    runs = in_processes(Fit.run, jobs, workers)
    found = list(tqdm(runs, "ladder", len(jobs), unit="fit"))
    for tier in (0, 1, 2):
        found += climb.baselines(tier, params.baselines.trees, params.baselines.seed)
    rows = pd.concat(found, ignore_index=True)
    inner, rows = (rows[rows["role"] == role] for role in ("inner", "oof"))
    cells = beads.set_index("bead")["cell"]
    scores = score_rungs(rows, RUNGS, tasks, cells)
    differences = against_trees(rows, scores, RUNGS, tasks, cells)
    chosen = choose(inner, tasks)
    write_json(METRICS, summarise_ladder(scores, chosen))
    write_table(PLOTS / "ladder.csv", scores)
    page = ladder_page(scores, differences, RUNGS, chosen, settings, simulated=card.simulated)
    write_text(PLOTS / "ladder.md", page)
    save(PLOTS / "ladder.svg", ladder_figure(scores, RUNGS), simulated=card.simulated)
    shutil.rmtree(UNFINISHED, ignore_errors=True)
    logging.info("see %s", PLOTS / "ladder.md")


if __name__ == "__main__":
    run_stage(main)
