"""How much there is to do: the fits of the study and of the ablations, counted, not carried out.

Every job of the real lists is fitted by an engine that counts and learns nothing.
"""

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import cloudpickle
import pandas as pd

from benchmarks.base_size import steps_in
from llm4waam.ablations.parity import STACKED, STEPS, TRAINER, ParityRun
from llm4waam.ablations.run import Fit
from llm4waam.ablations.variations import KINDS
from llm4waam.card.card import read_card
from llm4waam.core.files import JsonLines
from llm4waam.core.settings import read_params
from llm4waam.decisions.predictions import Job, fold_jobs, members
from llm4waam.splits.folds import HOLD_OUT_FOLD, make_folds, strata_of, with_cells_of
from llm4waam.splits.tasks import make_task
from llm4waam.training.data import TaskData, make_task_data
from llm4waam.training.fit import FittedFold, fit_folds
from llm4waam.training.loop import FineTuning
from stages.ablate import Params, fits_of
from stages.train import BEADS, PROMPTS

REPEATS = 10  # of the folds, in the larger of the two studies that are counted


class Fitted(NamedTuple):
    """One fine-tuning: optimizer steps, prompts of a step, prompts that it reads, epochs."""

    steps: int
    batch_size: int
    prompts: int
    epochs: int


@dataclass(frozen=True)
class JobKind:
    """Jobs that take as long as each other: what one is.

    `together` fine-tunings are one stack (1: one after the other); each of `fits` has `steps`
    optimizer steps on batches of `batch_size` prompts. `epochs` are those after which the study
    looks at other beads (0: none), `final` says that a model is saved.
    """

    together: int
    fits: int
    steps: int
    batch_size: int
    epochs: int = 0
    final: bool = False


@dataclass
class Stage:
    """A stage of a pipeline: its jobs, in the order in which they are handed out, by kind.

    `prompts` are those that all of them read. `job_bytes` are those of a job as it travels, on
    average, `shared_bytes` what is sent once, `result_bytes` what comes back of all folds beside
    models, `checkpoints` the folders that are sent. The driver takes `prepare_s` CPU seconds to
    make the jobs, and `pickle_s` to pack each.
    """

    name: str
    jobs: list[tuple[int, JobKind]]  # how many of a kind
    prompts: int
    job_bytes: float
    shared_bytes: float
    result_bytes: int
    checkpoints: list[str]
    prepare_s: float
    pickle_s: float

    def to_json(self) -> dict:
        """As scale.json holds it."""
        return asdict(self) | {"jobs": [{"jobs": n} | asdict(kind) for n, kind in self.jobs]}

    @classmethod
    def from_json(cls, found: dict) -> "Stage":
        """Back again."""
        jobs = [
            (row["jobs"], JobKind(**{k: v for k, v in row.items() if k != "jobs"}))
            for row in found["jobs"]
        ]
        return cls(**found | {"jobs": jobs})


@dataclass
class CountingEngine:
    """An engine that learns nothing and keeps what it should have done."""

    seen: list[Fitted] = field(default_factory=list)

    def __call__(self, jobs: Sequence[FineTuning]) -> list[list[dict]]:
        """The histories of fine-tunings without an epoch."""
        for job in jobs:
            recipe = job.recipe
            prompts = recipe.epochs * len(job.examples)
            batch = recipe.batch_size * recipe.accumulation
            self.seen.append(Fitted(steps_in(job), batch, prompts, recipe.epochs))
        return [[] for _ in jobs]


def count_fold(data: TaskData, job: Job, *, study: bool = False) -> tuple[list[Fitted], FittedFold]:
    """The fine-tunings of a fold, and what it would leave: of a model that learned nothing.

    With `study` it leaves what a fold of the study leaves, else what one of an ablation does.
    """
    engine = CountingEngine()
    [left] = fit_folds(data, [job], engine, watch=False, incomplete=study)
    left.models = []
    return engine.seen, left


def count_study(repeats: int) -> Iterator[Stage]:
    """The trainings of the study with so many repeats of its folds, one fold a job."""
    params = read_params(Params)
    card = read_card(params.card_file)
    beads, prompts = card.read_beads(BEADS), JsonLines(PROMPTS)
    split = params.split.model_copy(update={"repeats": repeats})
    strata = strata_of(card, beads, params.card_file)
    folds = make_folds(beads, strata, **split.options(), file=BEADS)
    beads = with_cells_of(beads, folds)
    for encoder in params.trained:
        for name in params.tasks:
            task = make_task(card, name, params.card_file)
            recipe = params.recipe(encoder, name).model_copy(update={"engine": "loop"})
            source = params.encoder.source(encoder)
            start = time.process_time()
            data, _ = make_task_data(source, task, recipe, card, beads, prompts)
            prepare_s = time.process_time() - start
            yield count_training(f"{encoder} {name}", data, folds, prepare_s)


def count_training(name: str, data: TaskData, folds: pd.DataFrame, prepare_s: float) -> Stage:
    """A training of the study, each fold of `folds` a job."""
    counts, known, result, prompts = Counter(), {}, 0, 0
    for place in fold_jobs(folds):
        train, test = (data.known(part) for part in members(folds, *place))
        if len(train) not in known:
            known[len(train)], left = count_fold(data, (place, train, test), study=not known)
            result = result or _result_bytes(left)  # of the first fold; others are much alike
        seen = known[len(train)]
        prompts += sum(one.prompts for one in seen)
        final = place[1] == HOLD_OUT_FOLD
        counts[_job_kind(seen, stacked=False, study=True, final=final)] += 1
    job, shared = (len(cloudpickle.dumps(sent)) for sent in ([(0, 0)], data))
    checkpoints = _sent([Path(data.source.checkpoint)])
    sizes = job, shared, result * sum(counts.values())
    return Stage(name, _of_each(counts), prompts, *sizes, checkpoints, prepare_s, pickle_s=0.0)


def ablation_stages() -> list[tuple[str, str]]:
    """Kind and encoder of each stage of the ablations."""
    return [(kind, encoder) for kind in KINDS for encoder in read_params(Params).trained]


def count_ablation(kind: str, encoder: str) -> Stage | None:
    """A stage of the ablations; None for a kind that does not concern the encoder."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    start = time.process_time()
    _, jobs = fits_of(kind, encoder, read_params(Params))
    prepare_s = time.process_time() - start
    return count_jobs(f"{kind} {encoder}", jobs, prepare_s) if jobs else None


def count_jobs(name: str, jobs: Sequence[Fit | ParityRun], prepare_s: float) -> Stage:
    """A stage of these jobs.

    Of the folds of a variation and task that have as many beads one is counted for all.
    """
    counts, known, packed, result, prompts = Counter(), {}, {}, 0, 0
    for job in jobs:
        data = job.data
        if isinstance(job, ParityRun):
            key, times = ("", data.task.name), len([*STEPS, STACKED, TRAINER])
            folds = [((0, 0), job.train, job.test)]
        else:
            key, times, folds = (job.variation, data.task.name), 1, job.jobs
        if key not in packed:
            start = time.process_time()
            size = len(cloudpickle.dumps(job))
            packed[key] = size, time.process_time() - start
        seen = []
        for fold in folds:
            place = *key, len(fold[1])
            if place not in known:
                fitted, left = count_fold(data, fold)
                known[place] = fitted, _result_bytes(left)
            seen += known[place][0] * times
            result += known[place][1]
        prompts += sum(one.prompts for one in seen)
        counts[_job_kind(seen, stacked=data.recipe.engine == "stacked")] += 1
    sizes, seconds = zip(*packed.values(), strict=True)
    checkpoints = _sent({folder for job in jobs for folder in job.reads})
    sent = mean(sizes), 0.0, result, checkpoints
    return Stage(name, _of_each(counts), prompts, *sent, prepare_s, mean(seconds))


def _sent(folders: Iterable[Path]) -> list[str]:
    """The folders that are brought to a node: not those of an installed package."""
    return sorted(folder.as_posix() for folder in folders if not folder.is_absolute())


def _job_kind(
    seen: Sequence[Fitted], *, stacked: bool, study: bool = False, final: bool = False
) -> JobKind:
    """What a job of these fine-tunings is; a classical model makes no step."""
    fits, steps = max(1, len(seen)), max((one.steps for one in seen), default=0)
    batch = max((one.batch_size for one in seen), default=1)
    epochs = max((one.epochs for one in seen), default=0) if study else 0
    return JobKind(fits if stacked else 1, fits, steps, batch, epochs, final)


def _of_each(counts: Counter) -> list[tuple[int, JobKind]]:
    return [(count, kind) for kind, count in counts.items()]


def _result_bytes(left: FittedFold) -> int:
    """What a fold sends back: its rows as tables, and again as the text that is kept."""
    tables = [table for table in (left.predictions, left.incomplete) if table is not None]
    kept = sum(len(table.to_csv(index=False)) for table in tables)
    return len(cloudpickle.dumps(left)) + kept
