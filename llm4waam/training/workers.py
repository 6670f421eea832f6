"""The folds of a task, shared out over the cores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pandas as pd

from llm4waam.decisions.predictions import members
from llm4waam.splits.folds import HOLD_OUT_FOLD
from llm4waam.training.data import Material
from llm4waam.training.fit import Fitted, fit_folds
from llm4waam.training.recipe import Recipe
from llm4waam.training.resume import Progress

STACKED_ON_A_CPU = 6  # folds

Job = TypeVar("Job")


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
