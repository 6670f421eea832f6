"""The work that is measured: folds of one encoder and task, fitted as the stage `train` does."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig

from benchmarks.apart import clock
from benchmarks.floor import moved_bytes, operations
from benchmarks.machine import cores
from benchmarks.table import Table
from llm4waam.core.processes import in_processes
from llm4waam.decisions.predictions import Job, fold_jobs, members
from llm4waam.encoders.model import build_reader
from llm4waam.encoders.settings import Source
from llm4waam.splits.tasks import make_task
from llm4waam.training.data import Material, make_material
from llm4waam.training.fit import Fitted, fit_fold
from llm4waam.training.resume import Progress
from llm4waam.training.workers import Work, shares


@dataclass(frozen=True)
class Way:
    """A way to do the same work: what it changes of the recipe.

    `alone` fits one fold at a time in one process with a thread for every core, and not by the
    workers of params.yaml. A way that takes long is measured `once`.
    """

    name: str
    says: str
    changes: dict[str, object] = field(default_factory=dict)
    alone: bool = False
    once: bool = False

    def workers(self, table: Table, device: str) -> tuple[int, int]:
        """Processes, and threads of each."""
        if self.alone or device == "cuda":
            return 1, cores()
        return table.params.train.workers, table.params.train.threads


def material_of(
    table: Table, source: Source, way: Way, task_name: str, epochs: int, device: str
) -> Material:
    """All that the fits share, tokenised anew."""
    params = table.params
    task = make_task(table.card, task_name, params.card_file)
    recipe = params.recipe(source.encoder, task_name)
    recipe = recipe.model_copy(update={"epochs": epochs, "device": device, **way.changes})
    threads = way.workers(table, device)[1]
    return make_material(source, task, recipe, table.card, table.beads, table.prompts, (), threads)[
        0
    ]


def jobs_of(table: Table, material: Material) -> list[Job]:
    """Every fold's job and the hold-out's, of the beads whose outcome is known."""
    return [
        (place, *([b for b in part if b in material.targets] for part in parts))
        for place in fold_jobs(table.folds)
        for parts in [members(table.folds, *place)]
    ]


def fit(
    table: Table, source: Source, way: Way, task: str, epochs: int, fits: int | None, device: str
) -> dict[str, Any]:
    """Fit the first `fits` folds (None: all, and the hold-out); call it apart.

    Returns seconds, cpu_seconds and `size`, and on a GPU the most memory that was used of it. Timed
    from the sentences to the predictions, with the bookmark of every epoch, after a first step of
    the same kind that is not.
    """
    workers, _ = way.workers(table, device)
    first = material_of(table, source, way, task, 1, device)
    jobs = jobs_of(table, first)[:fits]
    warm_up(first, jobs[0])
    with tempfile.TemporaryDirectory() as folder, clock() as took:
        material = material_of(table, source, way, task, epochs, device)
        progress = Progress(Path(folder), material, table.folds)
        parcels = shares([place for place, _, _ in jobs], material.recipe, workers)
        work = Work(material, table.folds, progress, _keep_nothing).fit
        for _ in in_processes(work, parcels, workers):
            pass
    found = took | size(material, jobs)
    if device == "cuda":
        found["gpu_bytes"] = torch.cuda.max_memory_allocated()
    return found


def size(material: Material, jobs: Sequence[Job]) -> dict[str, float]:
    """How much work the jobs are: steps (of a fold's optimizer), fits, operations, bytes."""
    source, steps = material.source, sum(steps_of(material, job) for job in jobs)
    config = AutoConfig.from_pretrained(source.checkpoint, revision=source.revision)
    return {
        "steps": steps,
        "fits": len(jobs),
        "operations": operations(material, config, jobs),
        "bytes": moved_bytes(weights_of(material), steps),
    }


def warm_up(material: Material, job: Job) -> None:
    """One step and one prediction: what a process pays once is paid."""
    place, train, test = job
    short = material.recipe.model_copy(update={"epochs": 1})
    fit_fold(material.with_recipe(short), place, train[: short.batch_size], test[:1])


def steps_of(material: Material, job: Job) -> int:
    """Optimizer steps of one fit."""
    recipe, (_, train, _) = material.recipe, job
    rows = sum(1 if recipe.prompts == "random" else len(material.prompts[b]) for b in train)
    batches = -(-rows // recipe.batch_size)
    return recipe.epochs * -(-batches // recipe.accumulation)


def weights_of(material: Material) -> int:
    """How many weights the model of one fold has."""
    outputs = len(material.task.outputs)
    reader = build_reader(material.source, material.recipe, len(material.names), outputs)
    return sum(weight.numel() for weight in reader.parameters())


def _keep_nothing(_: Fitted) -> None:
    """The final model of a measurement is not wanted."""
