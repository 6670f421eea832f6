"""Work over the cores: each job in its own process, with its own few threads."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import pandas as pd

from stages.learning.fitting import Fitted, fit_fold
from stages.learning.folds import HOLD_OUT_FOLD
from stages.learning.material import Material
from stages.learning.predictions import members
from stages.learning.progress import Progress

LOOK_S = 2.0

Job, Result = TypeVar("Job"), TypeVar("Result")


@dataclass(frozen=True)
class Work:
    """What every worker needs; `save` takes the final model."""

    material: Material
    folds: pd.DataFrame
    progress: Progress
    save: Callable[[Fitted], None]

    def fit(self, place: tuple[int, int]) -> Fitted:
        """What a fold leaves, without its model; from the last run if it is done already."""
        done = self.progress.load(place)
        if done is not None:
            return done
        train, test = (
            [bead for bead in part if bead in self.material.targets]
            for part in members(self.folds, *place)
        )
        fitted = fit_fold(self.material, place, train, test, self.progress.bookmark(place))
        if place[1] == HOLD_OUT_FOLD:
            self.save(fitted)
        self.progress.store(place, fitted)
        fitted.members = []  # the weights stay in their process
        return fitted


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
