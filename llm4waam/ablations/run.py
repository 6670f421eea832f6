"""Runs the variations of a kind: prediction rows of one encoder, or of all baselines.

Every fit that is done is kept, so that an interrupted run goes on where it stopped.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from llm4waam.ablations.plans import (
    Job,
    bead_of,
    fold_plan,
    group_plan,
    pair_plan,
    row_name,
    row_plan,
    some,
    split_plan,
    with_noise,
)
from llm4waam.ablations.variations import LADDER_BASELINES, Ablations, Variation
from llm4waam.baselines.features import Features, make_features
from llm4waam.baselines.folds import predict_jobs
from llm4waam.baselines.models import affordable, baselines_of
from llm4waam.baselines.settings import Baselines
from llm4waam.card.card import Card
from llm4waam.encoders.settings import Source
from llm4waam.sentences.incomplete import study_prompts
from llm4waam.sentences.prompts import TextStyle, constant_fields
from llm4waam.splits.folds import Split, beads_of, check_folds, make_folds, strata_of
from llm4waam.splits.tasks import Task, known_targets
from llm4waam.stacked.engine import engine_of
from llm4waam.training.data import TaskData, make_task_data
from llm4waam.training.early_stopping import PUBLISHED
from llm4waam.training.fit import STACKED_ON_A_CPU, fit_folds
from llm4waam.training.recipe import TrainingParams
from llm4waam.training.resume import FinishedFolds

SEEDS_APART = 100  # between the folds, when beads are drawn or outcomes spoiled


@dataclass(frozen=True)
class Study:
    """What every variation starts from; `file` is the clean table, `card_file` the card's."""

    card: Card
    beads: pd.DataFrame
    folds: pd.DataFrame
    tasks: Mapping[str, Task]
    style: TextStyle
    params: TrainingParams
    settings: Ablations
    split: Split
    file: Path
    card_file: Path

    def prompts(self, variation: Variation) -> list[dict]:
        """The prompts of a variation."""
        style = self.style.model_copy(update=variation.text)
        return self._prompts(style, self._folds(variation))

    def plain_prompts(self) -> list[dict]:
        """The study's own prompts."""
        return self._prompts(self.style, self.folds)

    def _prompts(self, style: TextStyle, folds: pd.DataFrame) -> list[dict]:
        left_out = constant_fields(beads_of("train", self.beads, folds), self.card, style)
        return list(study_prompts(self.beads, self.card, style, list(self.tasks), left_out))

    def jobs(
        self, variation: Variation, targets: Mapping[str, np.ndarray], texts: Mapping[str, Sequence]
    ) -> list[Job]:
        """The jobs of a variation, for beads whose outcome is in `targets`.

        `texts` maps a bead to its prompts of the task; with plan "rows" every one of them is a row
        of its own.
        """
        return [
            (place, *([row for row in part if bead_of(row) in targets] for part in parts))
            for place, *parts in self._plan(variation, texts)
        ]

    def repeated(self, variation: Variation, jobs: Sequence[Job], seed: int) -> list[Job]:
        """The jobs of a variation with another seed: more repeats, with other draws of beads."""
        found, repeats = [], max((place[0] for place, _, _ in jobs), default=0) + 1
        for (repeat, fold), train, test in jobs:
            place = (repeat + seed * repeats, fold)
            if variation.beads:
                train = some(train, variation.beads, self._seed(place))
            found.append((place, train, test))
        return found

    def spoiled(
        self, variation: Variation, targets: Mapping[str, np.ndarray], job: Job
    ) -> dict[str, np.ndarray]:
        """The targets that a job learns from: with noise, some of them wrong."""
        place, train, _ = job
        if not variation.noise:
            return dict(targets)
        return with_noise(targets, train, variation.noise, self._seed(place))

    def _seed(self, place: tuple[int, int]) -> int:
        repeat, fold = place
        return self.settings.seed + SEEDS_APART * fold + repeat

    def _plan(self, variation: Variation, texts: Mapping[str, Sequence]) -> list[Job]:
        count = int(self.folds["fold"].max()) + 1
        if variation.plan == "pairs":
            return pair_plan(self.folds)
        if variation.plan == "groups":
            return group_plan(self.folds, self.beads, variation.leave_out, self.file)
        if variation.plan == "rows":
            train = self.folds.loc[self.folds["role"] == "train", "bead"].unique()
            rows = [row_name(bead, n) for bead in train for n in range(len(texts[bead]))]
            return row_plan(rows, count, self.split.seed)
        plan = split_plan if variation.plan == "redrawn" else fold_plan
        return plan(self._folds(variation))

    def _folds(self, variation: Variation) -> pd.DataFrame:
        """The study's folds, or those that a variation draws anew."""
        changes = {"everyone": {"hold_out": 0}, "redrawn": variation.split}.get(variation.plan)
        if changes is None:
            return self.folds
        split = self.split.model_copy(update=changes)
        strata = strata_of(self.card, self.beads, self.card_file)
        folds = make_folds(self.beads, strata, **split.options(), file=self.file)
        check_folds(folds, self.beads, self.card, self.file)
        return folds


@dataclass(frozen=True)
class Fit:
    """Some fine-tunings of a variation, carried out together."""

    variation: str
    data: TaskData
    finished: FinishedFolds
    jobs: Sequence[Job]

    def run(self) -> pd.DataFrame:
        """The prediction rows, from the last run where they are there already."""
        places = [place for place, _, _ in self.jobs]
        found = self.finished.load(places)
        if found is None:
            found = fit_folds(self.data, self.jobs, engine_of(self.data.recipe), watch=False)
            self.finished.store(places, found)
        rows = pd.concat([one.predictions for one in found], ignore_index=True)
        return rows.assign(variation=self.variation, task=self.data.task.name)


def encoder_fits(
    study: Study, variations: Sequence[Variation], encoder: str, folder: Path
) -> Iterator[Fit]:
    """All fine-tunings of one encoder; what is done is kept under `folder`.

    Folds that learn from the same outcomes are stacked, where the engine stacks. A variation whose
    checkpoint is not installed has none.
    """
    for variation in variations:
        if encoder not in variation.sources:
            continue
        source = study.params.encoder.source(encoder)
        if variation.checkpoint is not None:
            place = variation.folder(encoder)
            if place is None:
                continue
            source = Source(encoder=encoder, checkpoint=place, revision=None)
        prompts = study.prompts(variation)
        for name in variation.tasks:
            data = _data(study, variation, source, study.tasks[name], prompts)
            jobs = study.jobs(variation, data.targets, data.prompts)
            if variation.plan == "rows":
                data = as_rows(data)
            part = folder / f"{variation.key}_{study.settings.seed}" / name
            together = data.recipe.engine == "stacked" and not variation.noise
            parcels = -(-len(jobs) // STACKED_ON_A_CPU)  # as even as they can be
            size = -(-len(jobs) // parcels) if together and jobs else 1
            for seed in range(variation.seeds):
                recipe = data.recipe.model_copy(update={"seed": data.recipe.seed + seed})
                again = replace(data, recipe=recipe)
                finished = FinishedFolds(part / f"seed_{seed}", again, study.folds)
                drawn = study.repeated(variation, jobs, seed)
                for start in range(0, len(drawn), size):
                    parcel = drawn[start : start + size]
                    spoiled = study.spoiled(variation, data.targets, parcel[0])
                    learned = replace(again, targets=spoiled)
                    yield Fit(variation.key, learned, finished, parcel)


def _data(
    study: Study, variation: Variation, source: Source, task: Task, prompts: list[dict]
) -> TaskData:
    """The data of a variation for one encoder and task."""
    changes = {"engine": study.settings.engine} | variation.recipe
    recipe = study.params.recipe(source.encoder, task.name).model_copy(update=changes)
    epochs = max(1, round(recipe.epochs * variation.epochs_times))
    recipe = recipe.model_copy(update={"epochs": epochs})
    if recipe.selection == "published":
        recipe = recipe.model_copy(update={"select_by": PUBLISHED[task.kind]})
    threads = study.params.train.threads
    data, _ = make_task_data(source, task, recipe, study.card, study.beads, prompts, threads)
    if not variation.shuffled:
        return data
    known = sorted(data.targets)
    others = np.random.default_rng(recipe.seed).permutation(known)
    return replace(data, targets={a: data.targets[b] for a, b in zip(known, others, strict=True)})


def as_rows(data: TaskData) -> TaskData:
    """Every prompt as if it were a bead of its own, the way the published protocol takes it."""
    owners = {
        row_name(bead, n): (bead, prompt)
        for bead, prompts in data.prompts.items()
        for n, prompt in enumerate(prompts)
    }
    targets = data.targets
    return replace(
        data,
        prompts={row: [prompt] for row, (_, prompt) in owners.items()},
        incomplete={},
        targets={row: targets[bead] for row, (bead, _) in owners.items() if bead in targets},
        cells={row: row for row in owners},
    )


def baseline_fits(
    study: Study, kind: str, variations: Sequence[Variation], settings: Baselines
) -> Iterator[partial]:
    """For every variation and task that concerns a baseline: a call that gives its rows."""
    for variation in variations:
        for name in variation.tasks if "baselines" in variation.sources else ():
            names = LADDER_BASELINES if kind == "ladder" else None
            yield partial(baseline_rows, study, variation, study.tasks[name], settings, names)


def baseline_rows(
    study: Study,
    variation: Variation,
    task: Task,
    settings: Baselines,
    names: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Prediction rows of the baselines `names` (None: all) in every job of a variation."""
    prompts, style = study.prompts(variation), study.style.model_copy(update=variation.text)
    features = make_features(study.beads, prompts, study.card, task.name, style)
    targets = known_targets(study.card, task, study.beads)
    texts: dict[str, list[str]] = {bead: [] for bead in study.beads["bead"]}
    for row in prompts:
        if row["task"] in (None, task.name) and not row["without"]:
            texts[row["bead"]].append(row["text"])
    jobs = study.jobs(variation, targets, texts)
    if variation.plan == "rows":
        features, targets = features_as_rows(features, targets, texts)
    models = affordable(baselines_of(task, settings.pretrained, names), len(targets), settings)
    found = []
    # A hundred beads are too few to share out, and the sums of one thread are always the same.
    with threadpool_limits(1):
        for seed in range(variation.seeds):
            for job in study.repeated(variation, jobs, seed):
                spoiled = study.spoiled(variation, targets, job)
                drawn = settings.seed + seed
                found += predict_jobs(task, features, spoiled, [job], settings.trees, drawn, models)
    rows = pd.concat(found, ignore_index=True).assign(task=task.name, variation=variation.key)
    return rows.sort_values("model", kind="stable")


def features_as_rows(
    features: Features, targets: Mapping[str, np.ndarray], texts: Mapping[str, Sequence[str]]
) -> tuple[Features, dict[str, np.ndarray]]:
    """Features and targets with every prompt as if it were a bead of its own."""
    owners = [(bead, n) for bead, said in texts.items() for n in range(len(said))]
    rows = [row_name(bead, n) for bead, n in owners]
    beads = [bead for bead, _ in owners]
    made = Features(
        features.table.loc[beads].set_axis(rows),
        pd.Series([texts[bead][n] for bead, n in owners], rows, dtype=object),
        features.formulas.loc[beads].set_axis(rows),
    )
    known = {row: targets[bead] for row, bead in zip(rows, beads, strict=True) if bead in targets}
    return made, known
