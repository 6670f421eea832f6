"""The folds of one task: fine-tune on the training beads of each, predict the others.

`fit_task` spreads the folds over the cores, `fit_folds` fits some of them in this process,
`fine_tune` makes trained models from lists of beads.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import torch

from llm4waam.core.errors import StudyError
from llm4waam.core.processes import Work, share_out
from llm4waam.decisions.decisions import Decision
from llm4waam.decisions.predictions import (
    Job,
    fold_jobs,
    incomplete_rows,
    members,
    place_name,
    prediction_rows,
)
from llm4waam.decisions.target_scale import TargetScale
from llm4waam.encoders.model import BeadModel, build_model
from llm4waam.splits.folds import HOLD_OUT_FOLD, inner_folds, inner_hold_out, inner_strata
from llm4waam.training.data import Scorer, TaskData, fit_numbers
from llm4waam.training.early_stopping import selection_value
from llm4waam.training.loop import FineTuning, Validation, check_weights, predict
from llm4waam.training.losses import make_objective
from llm4waam.training.recipe import Recipe

if TYPE_CHECKING:
    from llm4waam.training.classical import Classical
    from llm4waam.training.resume import FinishedFolds

# Carries out fine-tunings whose recipes differ in their seeds at most; a history for each.
Engine = Callable[[Sequence[FineTuning]], list[list[dict]]]

SEEDS_APART = 100_000  # between the models whose scores are averaged
TOGETHER = 32  # prompts that are scored at a time
STACKED_ON_A_CPU = 6  # folds: more at a time than the cache of a processor is good for


@dataclass
class TrainedModel:
    """A fine-tuned model and what turns its logits into scores.

    A `classical` model stands on the frozen encoder instead of the head.
    """

    model: BeadModel
    scorer: Scorer
    history: list[dict] = field(default_factory=list)
    classical: "Classical | None" = None

    def score(self, beads: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Scores and losses (beads, outputs)."""
        if self.classical:
            return self.classical.score(self.model, beads)
        if not beads:
            return self.scorer.scores(torch.empty(0, 1), beads)
        prompts = self.scorer.flat_prompts(beads)
        return self.scorer.scores(predict(self.model, prompts, self.scorer.recipe), beads)

    def score_incomplete(self, beads: list[str]) -> tuple[list[tuple[str, str]], np.ndarray]:
        """(bead, fields left out) of each telling, and its scores (tellings, outputs).

        Empty for a classical model, which cannot be asked about a user's beads.
        """
        scorer = self.scorer
        told = {
            (bead, without): some if scorer.recipe.average else some[:1]
            for bead in beads
            for without, some in scorer.incomplete_prompts(bead).items()
        }
        if self.classical or not told:
            return [], np.empty((0, len(scorer.data.task.outputs)))
        prompts = [prompt for some in told.values() for prompt in some]
        order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
        recipe = scorer.recipe.model_copy(update={"batch_size": TOGETHER})
        logits = predict(self.model, [prompts[place] for place in order], recipe)
        logits = logits[torch.tensor(order).argsort()]
        return list(told), scorer.mean_scores(logits, [len(some) for some in told.values()])[0]


@dataclass
class FittedFold:
    """What a fold leaves: models, decision, prediction rows and learning curve (of the first).

    `incomplete` are the rows of its beads with fields left out, see `INCOMPLETE`; None where they
    were not asked for.
    """

    models: list[TrainedModel]
    decision: Decision | None
    predictions: pd.DataFrame
    history: list[dict] = field(default_factory=list)
    incomplete: pd.DataFrame | None = None


def fit_task(
    data: TaskData,
    folds: pd.DataFrame,
    finished: "FinishedFolds",
    save: Callable[[FittedFold], None],
    engine: Engine,
    workers: int,
) -> Iterator[FittedFold]:
    """Every fold, then the final model for the hold-out, by `workers` processes; models dropped.

    Folds that are `finished` are taken from there; `save` is given the final model. A worker gets
    several folds at a time where the engine stacks them, else one: on a cluster too, so that the
    numbers are the same.
    """
    places, device = fold_jobs(folds), data.recipe.device
    size = -(-len(places) // workers) if data.recipe.engine == "stacked" else 1
    size = size if device == "cuda" else min(size, STACKED_ON_A_CPU)
    parcels = [places[n : n + size] for n in range(0, len(places), size)]
    work = Work(
        partial(_fit_places, data, folds, finished, save, engine),
        title=f"{data.source.encoder} {data.task.name}",
        units=len,
        found=finished.load,
        kept_in=lambda _: finished.folder,
        reads=lambda _: [Path(data.source.checkpoint)],
        cpus=data.threads,
        gpus=int(device == "cuda"),
    )
    return chain.from_iterable(share_out(work, parcels, workers))


def _fit_places(
    data: TaskData,
    folds: pd.DataFrame,
    finished: "FinishedFolds",
    save: Callable[[FittedFold], None],
    engine: Engine,
    places: Sequence[tuple[int, int]],
) -> list[FittedFold]:
    """What some folds leave, without their models, which stay in this process.

    They are fitted together or not at all: beside other folds a fold differs in its last digits.
    """
    jobs = [(place, *(data.known(part) for part in members(folds, *place))) for place in places]
    found = fit_folds(data, jobs, engine, incomplete=True)
    for (_, fold), fitted in zip(places, found, strict=True):
        if fold == HOLD_OUT_FOLD:
            save(fitted)
    finished.store(places, found)
    for fitted in found:
        fitted.models = []
    return found


def fit_folds(
    data: TaskData,
    jobs: Sequence[Job],
    engine: Engine,
    *,
    watch: bool = True,
    incomplete: bool = False,
) -> list[FittedFold]:
    """Fine-tune on the training beads of every job and predict its others.

    A job is ((repeat, fold), training beads, others); what a fold leaves does not depend on the
    other jobs. Without `watch` there is no learning curve, which changes nothing but the time it
    takes. With `incomplete` the beads are also predicted with fields left out.

    Scales, weights, decision and the number of steps come from a fold's training beads alone, and
    the epoch as well unless the recipe selects as published. The seed is the recipe's plus
    1,000 x repeat + fold + 1, so that no two fits share their noise.
    """
    compute_alike(data.threads)
    recipes = [
        data.recipe.model_copy(update={"seed": data.recipe.seed + 1000 * repeat + fold + 1})
        for (repeat, fold), _, _ in jobs
    ]
    decisions = fit_decisions(data, recipes, jobs, engine)
    wanted = []
    for (place, train, test), recipe in zip(jobs, recipes, strict=True):
        # The hold-out is looked at once, by the final model, and never along the way.
        unseen = place[1] == HOLD_OUT_FOLD or not watch
        watched = [] if recipe.selection == "none" and unseen else test
        for number in range(recipe.seeds):
            seed = recipe.seed + SEEDS_APART * number
            again = recipe.model_copy(update={"seed": seed})
            wanted.append(Wanted(again, train, watched, _where(data, place)))
    models = iter(fine_tune(data, wanted, engine))
    found = []
    for job, decision in zip(jobs, decisions, strict=True):
        own = [next(models) for _ in range(data.recipe.seeds)]
        found.append(_predict_fold(data, job, own, decision))
        if incomplete:
            found[-1].incomplete = _predict_incomplete(data, job, own, decision)
    return found


def compute_alike(threads: int) -> None:
    """Make torch compute the same on every run, with so many threads."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # Else every new tensor is filled first, an eighth of the time; nothing reads what is not set.
    torch.utils.deterministic.fill_uninitialized_memory = False


class Wanted(NamedTuple):
    """A model that is wanted; `watched` are the beads of its learning curve.

    They choose nothing unless the recipe selects as published; with selection `inner`, a grouped
    hold-out of the training beads takes their place. `where` is what an error calls it.
    """

    recipe: Recipe
    train: list[str]
    watched: list[str]
    where: str


def _where(data: TaskData, place: tuple[int, int]) -> str:
    return f"{place_name(place)} ({data.source.encoder}, {data.task.name})"


def fine_tune(data: TaskData, wanted: Sequence[Wanted], engine: Engine) -> list[TrainedModel]:
    """A trained model for each that is wanted; their recipes differ in their seeds at most.

    Raises StudyError for one whose loss or weights are not finite, and where there is no such
    device: here, as who hands out the work of a cluster need not have one.
    """
    if any(one.recipe.device == "cuda" for one in wanted) and not torch.cuda.is_available():
        reason = "train.device: there is no GPU that torch can use"
        raise StudyError("params.yaml", reason, value="cuda", expected="cpu")
    models, jobs = [], []
    for one in wanted:
        model, job = _prepare(data, one)
        models.append(model)
        jobs += [job] if job else []
    histories = engine(jobs) if jobs else []
    for job in jobs:
        check_weights(job)
    for model, history in zip(models, histories, strict=False):
        model.history = history
    return models


def _prepare(data: TaskData, wanted: Wanted) -> tuple[TrainedModel, FineTuning | None]:
    """A model that has not learned yet, and what is to be done; a classical head has learned."""
    task, (recipe, train, watched, where) = data.task, wanted
    if recipe.selection == "inner":
        strata = inner_strata(task, data.values(train))
        train, watched = inner_hold_out(train, data.cells, strata, recipe.seed)
    values, scale = data.values(train), None
    if task.kind == "regression":
        scale = TargetScale.fit(values[:, 0], recipe.scale or task.transform)
        values = scale.scale(values)
    objective = make_objective(task.kind, recipe.loss, torch.tensor(values, dtype=torch.float32))
    scorer = Scorer(data, recipe, objective, scale, fit_numbers(data, recipe, train))
    outputs, fields = objective.logits, len(data.fields)
    model = build_model(
        data.source, recipe, fields, outputs, recipe.seed, plain=task.kind == "regression"
    )
    model.to(recipe.device)
    if recipe.head != "neural":
        # Only now: scikit-learn's trees take a while to import.
        from llm4waam.training.classical import fit_classical

        return TrainedModel(model, scorer, classical=fit_classical(model, scorer, train)), None

    def metrics(logits: torch.Tensor) -> dict[str, float | None]:
        scores, losses = scorer.scores(logits, watched)
        found = {"val_loss": float(losses.mean())}
        if recipe.selection != "none" and recipe.select_by != "val_loss":
            thresholds = None if scale else np.array(Decision.default(task).thresholds)
            truth = data.values(watched)
            value = selection_value(task, recipe.select_by, truth, scores, losses, thresholds)
            found[recipe.select_by] = value
        return found

    validation = Validation(scorer.validation_examples(watched), metrics) if watched else None
    examples = scorer.training_examples(train, values)
    job = FineTuning(model, examples, recipe, objective, validation, where)
    return TrainedModel(model, scorer), job


def _predict_fold(
    data: TaskData, job: Job, models: list[TrainedModel], decision: Decision | None
) -> FittedFold:
    (repeat, fold), _, test = job
    scores, losses = np.mean([model.score(test) for model in models], axis=0)
    thresholds = None
    if decision:
        scores, thresholds = decision.apply(scores), np.array(decision.thresholds)
    rows = prediction_rows(
        data.source.encoder,
        (repeat, fold),
        test,
        data.task.outputs,
        data.values(test),
        scores,
        losses,
        thresholds,
    )
    where = {"repeat": repeat, "fold": fold}
    return FittedFold(models, decision, rows, [where | row for row in models[0].history])


def _predict_incomplete(
    data: TaskData, job: Job, models: list[TrainedModel], decision: Decision | None
) -> pd.DataFrame:
    (repeat, fold), _, test = job
    parts = [model.score_incomplete(test) for model in models]
    told, scores = parts[0][0], np.mean([found for _, found in parts], axis=0)
    beads = [bead for bead, _ in told]
    return incomplete_rows(
        (repeat, fold),
        told,
        data.task.outputs,
        data.values(beads),
        decision.apply(scores) if decision else scores,
    )


def fit_decisions(
    data: TaskData, recipes: Sequence[Recipe], jobs: Sequence[Job], engine: Engine
) -> list[Decision | None]:
    """Thresholds and temperature of every fold, from inner folds of its training beads.

    The default where there are no inner folds; None for a regression.
    """
    task = data.task
    if task.kind == "regression":
        return [None] * len(recipes)
    if not data.recipe.inner_folds:
        return [Decision.default(task)] * len(recipes)
    parts = []
    for recipe, (_, train, _) in zip(recipes, jobs, strict=True):
        strata = inner_strata(task, data.values(train))
        parts.append(inner_folds(train, data.cells, strata, recipe.inner_folds, recipe.seed))
    changes = {"selection": "none"} if data.recipe.selection == "published" else {}
    wanted = [
        Wanted(recipe.model_copy(update=changes), inside, [], f"inside {_where(data, place)}")
        for recipe, (place, _, _), pairs in zip(recipes, jobs, parts, strict=True)
        for inside, _ in pairs
    ]
    models, decisions = iter(fine_tune(data, wanted, engine)), []
    for pairs in parts:
        scores = np.vstack([next(models).score(outside)[0] for _, outside in pairs])
        order = [bead for _, outside in pairs for bead in outside]
        floor = data.recipe.support_floor
        decisions.append(Decision.fit(task, scores, data.values(order), floor))
    return decisions
