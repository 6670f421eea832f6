"""Folds of one task: fine-tune on the training beads of each, predict the others."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np
import pandas as pd

from stages.learning.bookmark import Bookmark
from stages.learning.decisions import Decision
from stages.learning.engine import settle
from stages.learning.inner import inner_folds, inner_strata
from stages.learning.material import Material
from stages.learning.member import Member, fine_tune
from stages.learning.predictions import Job, prediction_rows
from stages.learning.recipe import Recipe

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
