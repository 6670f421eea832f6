"""One fold of one task: fine-tune on its training beads, predict the others."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from stages.learning.batches import predict
from stages.learning.bookmark import Bookmark
from stages.learning.building import build_reader
from stages.learning.classical import Classical, fit_classical
from stages.learning.decisions import Decision
from stages.learning.engine import engine_of
from stages.learning.inner import inner_folds, inner_hold_out, inner_strata
from stages.learning.joint import join
from stages.learning.judging import Judge, Reading
from stages.learning.losses import make_objective
from stages.learning.material import Material
from stages.learning.predictions import prediction_rows
from stages.learning.reader import Reader
from stages.learning.recipe import Recipe
from stages.learning.scaler import Scaler
from stages.learning.stopping import selection_value
from stages.learning.validation import Validation

SEEDS_APART = 100_000  # between the models whose scores are averaged


@dataclass
class Member:
    """A trained model and what judges it; a `classical` one stands on a frozen reader."""

    reader: Reader
    judge: Judge
    history: list[dict]
    classical: Classical | None = None

    def score(self, beads: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Scores and losses (beads, outputs)."""
        if self.classical:
            return self.classical.score(self.reader, beads)
        if not beads:
            return self.judge.judge(torch.empty(0, 1), beads)
        return self.judge.judge(
            predict(self.reader, self.judge.asked(beads), self.judge.recipe), beads
        )


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
    """Fine-tune on the beads of `train` and predict those of `test`; `place` is (repeat, fold).

    Without `watch` there is no learning curve, which changes nothing but the time it takes.

    Scaler, weights, decision and the number of steps come from `train` alone, and the epoch as
    well unless the protocol is `published`. The seed is the recipe's plus 1,000 x repeat + fold
    + 1, so that no two fittings share their noise.
    """
    torch.set_num_threads(material.threads)
    torch.use_deterministic_algorithms(True)
    task, (repeat, fold) = material.task, place
    seed = material.recipe.seed + 1000 * repeat + fold + 1
    recipe = material.recipe.model_copy(update={"seed": seed})
    decision = None if task.kind == "regression" else fit_decision(material, recipe, train)
    # The hold-out is looked at once, by the final model, and never along the way.
    unseen = fold < 0 or not watch
    watched = [] if recipe.selection == "none" and unseen else test
    members = []
    for number in range(recipe.seeds):
        seeded = recipe.model_copy(update={"seed": seed + SEEDS_APART * number})
        mark = bookmark.of_member(number) if bookmark else None
        members.append(fine_tune(material, seeded, train, watched, mark))
    scores, losses = np.mean([member.score(test) for member in members], axis=0)
    thresholds = None
    if decision:
        scores, thresholds = decision.apply(scores), np.array(decision.thresholds)
    rows = prediction_rows(
        material.source.encoder,
        place,
        test,
        task.outputs,
        material.values(test),
        scores,
        losses,
        thresholds,
    )
    where = {"repeat": repeat, "fold": fold}
    return Fitted(members, decision, rows, [where | row for row in members[0].history])


def fine_tune(
    material: Material,
    recipe: Recipe,
    train: list[str],
    watched: list[str],
    bookmark: Bookmark | None = None,
) -> Member:
    """One fine-tuning; the member's history says what was seen after each epoch.

    `watched` are the beads of the learning curve, which choose nothing unless the protocol is
    `published`; with selection `inner`, a grouped hold-out of `train` takes their place.
    """
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
        return Member(reader, judge, [], fit_classical(reader, judge, train))

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
    engine = engine_of(recipe)
    history = engine(reader, examples, recipe, objective, validation, bookmark)
    return Member(reader, judge, history)


def fit_decision(material: Material, recipe: Recipe, train: list[str]) -> Decision:
    """Thresholds and temperature from inner folds of `train`; the default where there are none."""
    task = material.task
    if not recipe.inner_folds:
        return Decision.default(task)
    strata = inner_strata(task, material.values(train))
    parts = inner_folds(train, material.cells, strata, recipe.inner_folds, recipe.seed)
    scores, order = [], []
    for inside, outside in parts:
        inner = recipe.model_copy(
            update={"selection": "none"} if recipe.selection == "published" else {}
        )
        scores.append(fine_tune(material, inner, inside, []).score(outside)[0])
        order += outside
    return Decision.fit(task, np.vstack(scores), material.values(order), recipe.support_floor)
