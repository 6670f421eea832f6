"""Folds of one task: fine-tune on the training beads of each, predict the others.

One trained model and what judges it; how it is made from beads to train on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from llm4waam.decisions.decisions import Decision
from llm4waam.decisions.predictions import Job, prediction_rows
from llm4waam.decisions.target_scale import Scaler
from llm4waam.encoders.model import Reader, build_reader
from llm4waam.splits.folds import inner_folds, inner_hold_out, inner_strata
from llm4waam.training.batches import predict
from llm4waam.training.bookmark import Bookmark
from llm4waam.training.course import Tuning, Validation
from llm4waam.training.data import Judge, Material, Reading
from llm4waam.training.early_stopping import selection_value
from llm4waam.training.engine import carry_out, settle
from llm4waam.training.joint import join
from llm4waam.training.losses import make_objective
from llm4waam.training.recipe import Recipe

if TYPE_CHECKING:
    from llm4waam.training.classical import Classical


# recipe, beads to train on, beads of the learning curve, bookmark
Asked = tuple[Recipe, list[str], list[str], Bookmark | None]


@dataclass
class Member:
    """A trained model and what judges it; a `classical` one stands on a frozen reader."""

    reader: Reader
    judge: Judge
    history: list[dict]
    classical: "Classical | None" = None

    def score(self, beads: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Scores and losses (beads, outputs)."""
        if self.classical:
            return self.classical.score(self.reader, beads)
        if not beads:
            return self.judge.judge(torch.empty(0, 1), beads)
        return self.judge.judge(
            predict(self.reader, self.judge.asked(beads), self.judge.recipe), beads
        )


def fine_tune(material: Material, asked: Sequence[Asked]) -> list[Member]:
    """Fine-tunings of one material; a member's history says what was seen after each epoch.

    Each is asked as (recipe, training beads, watched beads, bookmark), and the recipes differ in
    their seeds at most. The watched beads are those of the learning curve, which choose nothing
    unless the protocol is `published`; with selection `inner`, a grouped hold-out of the training
    beads takes their place.
    """
    members, tunings = [], []
    for one in asked:
        member, tuning = _prepare(material, *one)
        members.append(member)
        tunings += [tuning] if tuning else []
    for member, history in zip(members, carry_out(tunings), strict=False):
        member.history = history
    return members


def _prepare(
    material: Material,
    recipe: Recipe,
    train: list[str],
    watched: list[str],
    bookmark: Bookmark | None,
) -> tuple[Member, Tuning | None]:
    """A member that has not learned yet, and what is to be done; a classical head has learned."""
    task = material.task
    if recipe.selection == "inner":
        strata = inner_strata(task, material.values(train))
        train, watched = inner_hold_out(train, material.cells, strata, recipe.seed)
    values, scaler = material.values(train), None
    if task.kind == "regression":
        scaler = Scaler.fit(values[:, 0], recipe.scale or task.transform)
        values = scaler.scale(values)
    own = make_objective(task.kind, recipe.loss, torch.tensor(values, dtype=torch.float32))
    sides = [(side, side.values(train)) for side in material.sides]
    objective = join(own, values.shape[1], sides)
    judge = Judge(material, recipe, objective, scaler, Reading.fit(material, recipe, train))
    fields, plain = len(material.names), task.kind == "regression"
    reader = build_reader(material.source, recipe, fields, objective.logits, plain=plain)
    reader.to(recipe.device)
    if recipe.head != "neural":
        # Only now: scikit-learn's trees take a while to import.
        from llm4waam.training.classical import fit_classical

        return Member(reader, judge, [], fit_classical(reader, judge, train)), None

    def seen(logits: torch.Tensor) -> dict[str, float | None]:
        scores, losses = judge.judge(logits, watched)
        found = {"val_loss": float(losses.mean())}
        if recipe.selection != "none" and recipe.select_by != "val_loss":
            cuts = None if scaler else np.array(Decision.default(task).thresholds)
            truth = material.values(watched)
            value = selection_value(task, recipe.select_by, truth, scores, losses, cuts)
            found[recipe.select_by] = value
        return found

    validation = Validation(judge.examined(watched), seen) if watched else None
    examples = judge.learned(train, np.hstack([values, *(targets for _, targets in sides)]))
    tuning = Tuning(reader, examples, recipe, objective, validation, bookmark)
    return Member(reader, judge, []), tuning


SEEDS_APART = 100_000  # between the models whose scores are averaged


@dataclass
class Fitted:
    """What a fold leaves: its models, decision, predictions and learning curve (of the first)."""

    members: list[Member]
    decision: Decision | None
    predictions: pd.DataFrame
    history: list[dict] = field(default_factory=list)


def fit_fold(
    material: Material,
    place: tuple[int, int],
    train: list[str],
    test: list[str],
    bookmark: Bookmark | None = None,
    *,
    watch: bool = True,
) -> Fitted:
    """`fit_folds` of one fold."""
    return fit_folds(material, [(place, train, test)], [bookmark], watch=watch)[0]


def fit_folds(
    material: Material,
    jobs: Sequence[Job],
    bookmarks: Sequence[Bookmark | None] = (),
    *,
    watch: bool = True,
) -> list[Fitted]:
    """Fine-tune on the training beads of every job and predict its others.

    A job is ((repeat, fold), training beads, others); what a fold leaves does not depend on the
    other jobs. Without `watch` there is no learning curve, which changes nothing but the time it
    takes.

    Scaler, weights, decision and the number of steps come from a fold's training beads alone, and
    the epoch as well unless the protocol is `published`. The seed is the recipe's plus
    1,000 x repeat + fold + 1, so that no two fittings share their noise.
    """
    settle(material.threads)
    recipes = [
        material.recipe.model_copy(update={"seed": material.recipe.seed + 1000 * repeat + fold + 1})
        for (repeat, fold), _, _ in jobs
    ]
    decisions = fit_decisions(material, recipes, [train for _, train, _ in jobs])
    asked = []
    for job, recipe, mark in zip_longest(jobs, recipes, bookmarks):
        (_, fold), train, test = job
        # The hold-out is looked at once, by the final model, and never along the way.
        unseen = fold < 0 or not watch
        watched = [] if recipe.selection == "none" and unseen else test
        for number in range(recipe.seeds):
            seeded = recipe.model_copy(update={"seed": recipe.seed + SEEDS_APART * number})
            asked.append((seeded, train, watched, mark.of_member(number) if mark else None))
    members = fine_tune(material, asked)
    seeds = material.recipe.seeds
    return [
        _fitted(material, job, members[n * seeds : (n + 1) * seeds], decision)
        for n, (job, decision) in enumerate(zip(jobs, decisions, strict=True))
    ]


def _fitted(
    material: Material, job: Job, members: list[Member], decision: Decision | None
) -> Fitted:
    (repeat, fold), _, test = job
    scores, losses = np.mean([member.score(test) for member in members], axis=0)
    thresholds = None
    if decision:
        scores, thresholds = decision.apply(scores), np.array(decision.thresholds)
    rows = prediction_rows(
        material.source.encoder,
        (repeat, fold),
        test,
        material.task.outputs,
        material.values(test),
        scores,
        losses,
        thresholds,
    )
    where = {"repeat": repeat, "fold": fold}
    return Fitted(members, decision, rows, [where | row for row in members[0].history])


def fit_decisions(
    material: Material, recipes: Sequence[Recipe], trains: Sequence[list[str]]
) -> list[Decision | None]:
    """Thresholds and temperature of every fold, from inner folds of its training beads.

    The default where there are no inner folds; None for a regression.
    """
    task = material.task
    if task.kind == "regression":
        return [None] * len(recipes)
    if not material.recipe.inner_folds:
        return [Decision.default(task)] * len(recipes)
    parts = []
    for recipe, train in zip(recipes, trains, strict=True):
        strata = inner_strata(task, material.values(train))
        parts.append(inner_folds(train, material.cells, strata, recipe.inner_folds, recipe.seed))
    changes = {"selection": "none"} if material.recipe.selection == "published" else {}
    asked = [
        (recipe.model_copy(update=changes), inside, [], None)
        for recipe, pairs in zip(recipes, parts, strict=True)
        for inside, _ in pairs
    ]
    members, decisions = iter(fine_tune(material, asked)), []
    for pairs in parts:
        scores = np.vstack([next(members).score(outside)[0] for _, outside in pairs])
        order = [bead for _, outside in pairs for bead in outside]
        floor = material.recipe.support_floor
        decisions.append(Decision.fit(task, scores, material.values(order), floor))
    return decisions
