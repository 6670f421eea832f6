"""Runs the variations of a kind: prediction rows of one encoder, or of all baselines.

Every fit that is done is kept, so that an interrupted run goes on where it stopped.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from io import StringIO
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
from llm4waam.core.files import parse_table
from llm4waam.core.unfinished import Unfinished, code_hash
from llm4waam.encoders.settings import Source
from llm4waam.sentences.incomplete import study_prompts
from llm4waam.sentences.prompts import TextStyle, constant_fields
from llm4waam.splits.folds import Split, beads_of, check_folds, make_folds, strata_of
from llm4waam.splits.tasks import Task, known_targets
from llm4waam.stacked.engine import engine_of
from llm4waam.training.data import TaskData, make_task_data
from llm4waam.training.early_stopping import PUBLISHED
from llm4waam.training.fit import STACKED_ON_A_CPU, FittedFold, fit_folds
from llm4waam.training.recipe import Recipe, TrainingParams
from llm4waam.training.resume import FinishedFolds

TOKENS = ("max_tokens", "digits", "random_weights")  # what in a recipe tokens depend on
SEEDS_APART = 100  # between the folds, when beads are drawn or outcomes spoiled
ROWS = "rows"  # what is kept of baselines
# What decides the rows of baselines, beside the study.
ROOMS = ("ablations", "baselines", "card", "core", "decisions", "sentences", "splits")
LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy", "catboost")


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

    def mark(self) -> str:
        """A hash of the study, and of the code and libraries that baselines are made with."""
        facts = [
            *(table.to_csv(index=False) for table in (self.beads, self.folds)),
            self.card_file.read_text(encoding="utf-8"),
            *map(repr, (self.tasks, self.style, self.settings, self.split)),
            code_hash(ROOMS),
            *map(version, LIBRARIES),
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def telling(self, variation: Variation) -> tuple[TextStyle, dict]:
        """How a variation tells its beads: the style, and the fields that are never said."""
        style = self.style.model_copy(update=variation.text)
        training = beads_of("train", self.beads, self._folds(variation))
        return style, constant_fields(training, self.card, style)

    def prompts(self, style: TextStyle, left_out: dict) -> list[dict]:
        """The prompts of all beads, told in this way."""
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

    def found(self) -> pd.DataFrame | None:
        """The prediction rows, if an earlier run has made them."""
        found = self.finished.load(self._places)
        return None if found is None else self._rows(found)

    def run(self) -> pd.DataFrame:
        """The prediction rows, which are kept."""
        found = fit_folds(self.data, self.jobs, engine_of(self.data.recipe), watch=False)
        self.finished.store(self._places, found)
        return self._rows(found)

    @property
    def folder(self) -> Path:
        """Where the rows are kept."""
        return self.finished.folder

    @property
    def reads(self) -> list[Path]:
        """The folders that a fit reads."""
        return [Path(self.data.source.checkpoint)]

    @property
    def _places(self) -> list[tuple[int, int]]:
        return [place for place, _, _ in self.jobs]

    def _rows(self, found: Sequence[FittedFold]) -> pd.DataFrame:
        rows = pd.concat([one.predictions for one in found], ignore_index=True)
        return rows.assign(variation=self.variation, task=self.data.task.name)


def encoder_fits(
    study: Study, variations: Sequence[Variation], encoder: str, folder: Path
) -> Iterator[Fit]:
    """All fine-tunings of one encoder; what is done is kept under `folder`.

    Folds that learn from the same outcomes are stacked, where the engine stacks. A variation whose
    checkpoint is not installed has none.
    """
    told: dict[str, list[dict]] = {}  # most variations tell their beads as the study does,
    made: dict[str, TaskData] = {}  # and share the tokens
    for variation in variations:
        if encoder not in variation.sources:
            continue
        source = study.params.encoder.source(encoder)
        if variation.checkpoint is not None:
            place = variation.folder(encoder)
            if place is None:
                continue
            source = Source(encoder=encoder, checkpoint=place, revision=None)
        way = study.telling(variation)
        if repr(way) not in told:
            told[repr(way)] = study.prompts(*way)
        prompts = told[repr(way)]
        for name in variation.tasks:
            task, recipe = study.tasks[name], _recipe(study, variation, encoder, name)
            read = [getattr(recipe, one) for one in TOKENS]
            key = repr([way, source, name, read])
            if key not in made:
                threads = study.params.train.threads
                given = source, task, recipe, study.card, study.beads, prompts, threads
                made[key] = make_task_data(*given)[0]
            data = made[key].with_recipe(recipe)
            data = _shuffled(data) if variation.shuffled else data
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


def _recipe(study: Study, variation: Variation, encoder: str, task: str) -> Recipe:
    """The recipe of a variation for one encoder and task."""
    changes = {"engine": study.settings.engine} | variation.recipe
    recipe = study.params.recipe(encoder, task).model_copy(update=changes)
    epochs = max(1, round(recipe.epochs * variation.epochs_times))
    recipe = recipe.model_copy(update={"epochs": epochs})
    if recipe.selection == "published":
        published = PUBLISHED[study.tasks[task].kind]
        recipe = recipe.model_copy(update={"select_by": published})
    return recipe


def _shuffled(data: TaskData) -> TaskData:
    """The same with the outcomes of other beads."""
    known = sorted(data.targets)
    others = np.random.default_rng(data.recipe.seed).permutation(known)
    return replace(data, targets={a: data.targets[b] for a, b in zip(known, others, strict=True)})


def as_rows(data: TaskData) -> TaskData:
    """Every prompt as if it were a bead of its own, the way the published protocol takes it."""
    owners = {row_name(b, n): b for b, some in data.prompts.items() for n in range(len(some))}
    targets = data.targets
    return replace(
        data,
        prompts=data.prompts.singly(row_name),
        targets={row: targets[bead] for row, bead in owners.items() if bead in targets},
        cells={row: row for row in owners},
    )


def baseline_fits(
    study: Study, kind: str, variations: Sequence[Variation], settings: Baselines, folder: Path
) -> Iterator["BaselineFit"]:
    """One for every variation and task that concerns a baseline; what is done is kept."""
    names, mark = LADDER_BASELINES if kind == "ladder" else None, study.mark()
    for variation in variations:
        for name in variation.tasks if "baselines" in variation.sources else ():
            decides = [mark, repr(variation), name, repr(names), repr(settings)]
            own = hashlib.sha256(json.dumps(decides).encode()).hexdigest()
            place = f"{variation.key}_{study.settings.seed}"
            kept = Unfinished(folder / place / name, own)
            yield BaselineFit(study, variation, study.tasks[name], settings, names, kept)


@dataclass(frozen=True)
class BaselineFit:
    """The baselines `names` (None: all) in every job of a variation, for one task."""

    study: Study
    variation: Variation
    task: Task
    settings: Baselines
    names: Sequence[str] | None
    kept: Unfinished

    reads = ()

    def found(self) -> pd.DataFrame | None:
        """The prediction rows, if an earlier run has made them."""
        text = self.kept.load(ROWS)
        return None if text is None else self._named(parse_table(StringIO(text)))

    def run(self) -> pd.DataFrame:
        """The prediction rows, which are kept."""
        rows = self._predict()
        self.kept.store(ROWS, rows.to_csv(index=False))
        return self._named(rows)

    @property
    def folder(self) -> Path:
        """Where the rows are kept."""
        return self.kept.folder

    def _named(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(task=self.task.name, variation=self.variation.key)

    def _predict(self) -> pd.DataFrame:
        study, variation, task, settings = self.study, self.variation, self.task, self.settings
        style, left_out = study.telling(variation)
        prompts = study.prompts(style, left_out)
        features = make_features(study.beads, prompts, study.card, task.name, style)
        targets = known_targets(study.card, task, study.beads)
        texts: dict[str, list[str]] = {bead: [] for bead in study.beads["bead"]}
        for row in prompts:
            if row["task"] in (None, task.name) and not row["without"]:
                texts[row["bead"]].append(row["text"])
        jobs = study.jobs(variation, targets, texts)
        if variation.plan == "rows":
            features, targets = features_as_rows(features, targets, texts)
        known = baselines_of(task, settings.pretrained, self.names)
        models = affordable(known, len(targets), settings)
        found = []
        # A hundred beads are too few to share out, and the sums of one thread are always the same.
        with threadpool_limits(1):
            for seed in range(variation.seeds):
                for job in study.repeated(variation, jobs, seed):
                    spoiled, drawn = study.spoiled(variation, targets, job), settings.seed + seed
                    given = task, features, spoiled, [job], settings.trees, drawn, models
                    found += predict_jobs(*given)
        return pd.concat(found, ignore_index=True).sort_values("model", kind="stable")


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
