"""Work over the cores: each job in its own process, with its own few threads."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import pandas as pd

from llm4waam.decisions.predictions import members
from llm4waam.splits.folds import HOLD_OUT_FOLD
from llm4waam.training.data import Material
from llm4waam.training.fit import Fitted, fit_folds
from llm4waam.training.recipe import Recipe
from llm4waam.training.resume import Progress

LOOK_S = 2.0
STACKED_ON_A_CPU = 6  # folds

Job, Result = TypeVar("Job"), TypeVar("Result")


@dataclass(frozen=True)
class Work:
    """What every worker needs; `save` takes the final model."""

    material: Material
    folds: pd.DataFrame
    progress: Progress
    save: Callable[[Fitted], None]

    def fit(self, places: Sequence[tuple[int, int]]) -> list[Fitted]:
        """What folds leave, without their models; from the last run where they are done already."""
        found = {place: self.progress.load(place) for place in places}
        jobs = [
            (place, *(self._known(part) for part in members(self.folds, *place)))
            for place, done in found.items()
            if done is None
        ]
        marks = [self.progress.bookmark(place) for place, _, _ in jobs]
        for (place, _, _), fitted in zip(jobs, fit_folds(self.material, jobs, marks), strict=True):
            if place[1] == HOLD_OUT_FOLD:
                self.save(fitted)
            self.progress.store(place, fitted)
            fitted.members = []  # the weights stay in their process
            found[place] = fitted
        return list(found.values())

    def _known(self, beads: Sequence[str]) -> list[str]:
        return [bead for bead in beads if bead in self.material.targets]


def shares(jobs: Sequence[Job], recipe: Recipe, workers: int) -> list[list[Job]]:
    """The jobs as parcels for `in_processes`: one to each worker where its engine stacks them.

    A processor gets no more at a time than its cache is good for (benchmarks/README.md).
    """
    size = -(-len(jobs) // workers) if recipe.engine == "stacked" else 1
    size = size if recipe.device == "cuda" else min(size, STACKED_ON_A_CPU)
    return [list(jobs[n : n + size]) for n in range(0, len(jobs), size)]


def in_processes(work: Callable[[Job], Result], jobs: list[Job], workers: int) -> Iterator[Result]:
    """`work` of every job, in their order, by that many processes (1: in this one).

    Results must not depend on `workers`: every job seeds itself and keeps to its threads.
    """
    if workers == 1:
        yield from map(work, jobs)
        return
    # fork spares every worker the import of torch; nothing has been computed with it yet.
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    with ProcessPoolExecutor(
        max_workers=workers,
        mp_context=multiprocessing.get_context(method),
        initializer=_leave_with,
        initargs=(os.getpid(),),
    ) as pool:
        yield from pool.map(work, jobs)


def _leave_with(parent: int) -> None:
    """End this worker when the parent is gone: a killed parent cannot tell it to."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
