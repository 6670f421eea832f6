"""What every sweep stands on: the beads of the study, and who learns from whom in a trial."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from llm4waam.ablations.plans import (
    Job,
    fold_plan,
    group_plan,
    pair_plan,
    row_name,
    row_plan,
    some,
    with_noise,
)
from llm4waam.ablations.settings import Trials
from llm4waam.ablations.trials import Trial
from llm4waam.card.card import Card
from llm4waam.sentences.prompts import TextStyle, make_prompts
from llm4waam.splits.folds import make_folds, strata_of
from llm4waam.splits.tasks import Task

SEEDS_APART = 100  # between the folds, when beads are drawn or spoiled


@dataclass(frozen=True)
class Ground:
    """Beads, folds and tasks of the study; `seed` is that of its split, `file` the clean table."""

    card: Card
    beads: pd.DataFrame
    folds: pd.DataFrame
    tasks: tuple[Task, ...]
    style: TextStyle
    settings: Trials
    seed: int
    file: Path

    def prompts(self, trial: Trial) -> list[dict]:
        """The sentences of a trial."""
        style = self.style.model_copy(update=trial.text)
        return list(make_prompts(self.beads, self.card, style, [task.name for task in self.tasks]))

    def jobs(self, trial: Trial, targets: Mapping[str, np.ndarray], texts: dict) -> list[Job]:
        """The jobs of a trial, for beads whose outcome is in `targets`.

        `texts` maps a bead to its prompts of the task; with plan "rows" every one of them is a row
        of its own.
        """
        found = []
        for place, train, test in self._plan(trial, texts):
            known = {name for name in (*train, *test) if self._bead(trial, name) in targets}
            train = [name for name in train if name in known]
            if trial.beads:
                seed = self.settings.seed + SEEDS_APART * place[1]
                train = some(train, trial.beads, seed)
            found.append((place, train, [name for name in test if name in known]))
        return found

    def targets(
        self, trial: Trial, targets: Mapping[str, np.ndarray], job: Job
    ) -> dict[str, np.ndarray]:
        """The targets that a job learns from: with noise, some of them wrong."""
        place, train, _ = job
        seed = self.settings.seed + SEEDS_APART * place[1]
        return with_noise(targets, train, trial.noise, seed) if trial.noise else dict(targets)

    def _plan(self, trial: Trial, texts: dict) -> list[Job]:
        count = int(self.folds["fold"].max()) + 1
        if trial.plan == "pairs":
            return pair_plan(self.folds)
        if trial.plan == "groups":
            return group_plan(self.folds, self.beads, self.settings.leave_out, self.file)
        if trial.plan == "rows":
            train = self.folds.loc[self.folds["role"] == "train", "bead"].unique()
            rows = [row_name(bead, n) for bead in train for n in range(len(texts[bead]))]
            return row_plan(rows, count, self.seed)
        if trial.plan == "everyone":
            strata = strata_of(self.card, list(self.tasks), self.beads)
            options = {"folds": count, "repeats": 1, "hold_out": 0, "seed": self.seed}
            return fold_plan(make_folds(self.beads, strata, **options, file=self.file))
        return fold_plan(self.folds)

    @staticmethod
    def _bead(trial: Trial, name: str) -> str:
        return name.rpartition("/")[0] if trial.plan == "rows" else name
