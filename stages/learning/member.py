"""One trained model and what judges it; how it is made from beads to train on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from stages.learning.batches import predict
from stages.learning.bookmark import Bookmark
from stages.learning.building import build_reader
from stages.learning.course import Tuning
from stages.learning.decisions import Decision
from stages.learning.engine import carry_out
from stages.learning.inner import inner_hold_out, inner_strata
from stages.learning.joint import join
from stages.learning.judging import Judge, Reading
from stages.learning.losses import make_objective
from stages.learning.material import Material
from stages.learning.reader import Reader
from stages.learning.recipe import Recipe
from stages.learning.scaler import Scaler
from stages.learning.stopping import selection_value
from stages.learning.validation import Validation

if TYPE_CHECKING:
    from stages.learning.classical import Classical

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
        from stages.learning.classical import fit_classical

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
