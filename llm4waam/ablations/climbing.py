"""Runs the rungs of the ladder: each on every fold, the candidates on inner hold-outs as well.

Every fit that is done is kept, so that an interrupted climb goes on where it stopped.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from llm4waam.ablations.rungs import CANDIDATES, Rung
from llm4waam.baselines.features import make_features
from llm4waam.baselines.folds import predict_folds
from llm4waam.card.card import Card
from llm4waam.decisions.predictions import fold_jobs, members
from llm4waam.encoders.settings import Source
from llm4waam.evaluation.metrics import HEADLINES, task_metrics
from llm4waam.sentences.prompts import TextStyle, make_prompts
from llm4waam.splits.folds import HOLD_OUT_FOLD, inner_hold_out, inner_strata
from llm4waam.splits.tasks import Task, known_targets
from llm4waam.training.data import Material, make_material, make_sides
from llm4waam.training.fit import fit_fold
from llm4waam.training.recipe import Recipe
from llm4waam.training.resume import Progress


@dataclass(frozen=True)
class Climb:
    """What all rungs share; `recipes` by encoder and task, `tasks` in the order of the study."""

    card: Card
    beads: pd.DataFrame
    folds: pd.DataFrame
    style: TextStyle
    recipes: Mapping[tuple[str, str], Recipe]
    tasks: Sequence[Task]
    losses: Mapping[str, object]
    threads: int

    def prompts(self, rung: Rung) -> list[dict]:
        """The sentences of a rung."""
        plain = {"templates": ["statement", "question"], "derived": 0}
        style = self.style.model_copy(update=plain | rung.text)
        return list(make_prompts(self.beads, self.card, style, [task.name for task in self.tasks]))

    def material(self, rung: Rung, encoder: str, task: Task, prompts: list[dict]) -> Material:
        """The material of a rung for one encoder and task."""
        source = Source(encoder=encoder, checkpoint=rung.folder(encoder), revision=None)
        recipe = self.recipes[encoder, task.name].model_copy(update=rung.train)
        sides = ()
        if recipe.joint:
            sides = make_sides(self.tasks, task, self.card, self.beads, self.losses)
        made, _ = make_material(
            source, task, recipe, self.card, self.beads, prompts, sides, self.threads
        )
        if not rung.shuffled:
            return made
        known = sorted(made.targets)
        others = np.random.default_rng(recipe.seed).permutation(known)
        return replace(
            made, targets={a: made.targets[b] for a, b in zip(known, others, strict=True)}
        )

    def baselines(self, tier: int, trees: int, seed: int) -> Iterator[pd.DataFrame]:
        """Out-of-fold rows of all baselines that are given the physics fields of a tier."""
        style = self.style.model_copy(update={"derived": tier})
        prompts = list(make_prompts(self.beads, self.card, style, [t.name for t in self.tasks]))
        for task in self.tasks:
            features = make_features(self.beads, prompts, self.card, task.name, style)
            targets = known_targets(self.card, task, self.beads)
            for rows in predict_folds(task, features, targets, self.folds, trees, seed):
                yield rows.assign(task=task.name, rung=f"baseline_tier{tier}")


@dataclass(frozen=True)
class Fit:
    """One fit of a rung; with `kind` inner, `test` is a grouped hold-out of the training beads."""

    rung: str
    material: Material
    progress: Progress
    place: tuple[int, int]
    train: list[str]
    test: list[str]
    kind: str

    def run(self) -> pd.DataFrame:
        """The prediction rows, from the last run if they are there already."""
        fitted = self.progress.load(self.place)
        if fitted is None:
            fitted = fit_fold(self.material, self.place, self.train, self.test, watch=False)
            self.progress.store(self.place, fitted)
        role = "oof" if self.kind == "folds" else "inner"
        return fitted.predictions.assign(rung=self.rung, task=self.material.task.name, role=role)


def fits(climb: Climb, rung: Rung, encoder: str, task: Task, folder: Path) -> Iterator[Fit]:
    """All fits of a rung for one encoder and task: the folds, and inner ones of a candidate."""
    material = climb.material(rung, encoder, task, climb.prompts(rung))
    known = material.targets
    for kind in ("folds", "inner"):
        if kind == "inner" and rung.key not in CANDIDATES:
            continue
        progress = Progress(folder / kind / rung.key / encoder / task.name, material, climb.folds)
        for place in fold_jobs(climb.folds):
            if place[1] == HOLD_OUT_FOLD:
                continue
            train, test = ([b for b in part if b in known] for part in members(climb.folds, *place))
            if kind == "inner":
                strata = inner_strata(task, material.values(train))
                train, test = inner_hold_out(train, material.cells, strata, material.recipe.seed)
            yield Fit(rung.key, material, progress, place, train, test, kind)


def choose(rows: pd.DataFrame, tasks: Mapping[str, Task]) -> dict:
    """The candidate with the best mean headline score over encoders and tasks, and all scores.

    `rows` are the inner predictions; a fold's are scored together, folds are averaged.
    """
    found: dict[str, dict[str, dict[str, float]]] = {}
    for (rung, model, name), some in rows.groupby(["rung", "model", "task"], sort=False):
        task = tasks[name]
        values = []
        for _, part in some.groupby(["repeat", "fold"]):
            shape = (part["bead"].nunique(), len(task.outputs))
            columns = ("target", "score", "loss", "threshold")
            target, score, cost, cut = (part[c].to_numpy(float).reshape(shape) for c in columns)
            cuts = None if task.kind == "regression" else cut
            value = task_metrics(task, target, score, cost, cuts)[0][HEADLINES[task.kind]]
            values += [] if value is None else [value]
        found.setdefault(rung, {}).setdefault(model, {})[name] = float(np.mean(values))
    scores = {
        rung: {model: float(np.mean(list(values.values()))) for model, values in by.items()}
        for rung, by in found.items()
    }
    best = max(scores, key=lambda rung: np.mean(list(scores[rung].values())))
    return {"by": "inner hold-outs", "scores": scores, "default": best}
