"""The stage `train` without most of its training: `python -m benchmarks.steps ENCODER TASK STEPS`.

The prompts are tokenised, all folds prepared by as many processes as there, and so many steps taken
of each. What a table needs of memory shows so in minutes, where an epoch would take hours. With 0
steps it ends when the prompts are tokenised.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pandas as pd

from llm4waam.card.card import read_card
from llm4waam.core.files import JsonLines, read_table
from llm4waam.core.processes import Work, share_out
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_command
from llm4waam.decisions.predictions import fold_jobs, members
from llm4waam.splits.folds import check_folds, with_cells_of
from llm4waam.splits.tasks import make_task
from llm4waam.stacked.engine import engine_of
from llm4waam.training.data import TaskData, make_task_data
from llm4waam.training.fit import STACKED_ON_A_CPU, Wanted, compute_alike, fine_tune
from llm4waam.training.loop import FineTuning
from llm4waam.training.recipe import TrainingParams
from stages.train import BEADS, FOLDS, PROMPTS


def main(encoder: str, task_name: str, steps: str) -> None:
    """Tokenise the prompts, prepare every fold and take so many steps of it."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the workers are forked after tokenising
    params = read_params(TrainingParams)
    card = read_card(params.card_file)
    task, recipe = make_task(card, task_name, params.card_file), params.recipe(encoder, task_name)
    beads, folds = card.read_beads(BEADS), read_table(FOLDS)
    check_folds(folds, beads, card, FOLDS)
    source, together = params.encoder.source(encoder), with_cells_of(beads, folds)
    data, _ = make_task_data(
        source, task, recipe, card, together, JsonLines(PROMPTS), params.train.threads
    )
    if steps == "0":
        return
    places, workers = fold_jobs(folds), params.train.workers
    size = min(-(-len(places) // workers), STACKED_ON_A_CPU)
    parcels = [places[n : n + size] for n in range(0, len(places), size)]
    work = Work(partial(_take_steps, data, folds, int(steps)), title=f"{steps} steps", units=len)
    list(share_out(work, parcels, workers))


def _take_steps(
    data: TaskData, folds: pd.DataFrame, steps: int, places: Sequence[tuple[int, int]]
) -> None:
    compute_alike(data.threads)
    wanted = []
    for repeat, fold in places:
        recipe = data.recipe.model_copy(update={"seed": data.recipe.seed + fold})
        train = data.known(members(folds, repeat, fold)[0])
        wanted.append(Wanted(recipe, train, [], "a benchmark"))
    engine = engine_of(data.recipe)
    fine_tune(data, wanted, lambda jobs: engine([_shortened(one, steps) for one in jobs]))


def _shortened(job: FineTuning, steps: int) -> FineTuning:
    """The same with the first examples alone, enough for so many steps."""
    whole = job.examples
    count = steps * job.recipe.batch_size * job.recipe.accumulation
    few = range(min(count, len(whole.choices)))
    parts = {"choices": whole.choices.pick(few), "targets": whole.targets[: len(few)]}
    examples = replace(whole, **parts, incomplete=(), again=0.0)
    return replace(job, examples=examples, recipe=job.recipe.model_copy(update={"epochs": 1}))


if __name__ == "__main__":
    run_command(main, *sys.argv[1:])
