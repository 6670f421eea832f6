"""One fold of one task: fine-tune on its training beads, predict the others."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedModel

from stages.learning.batches import Examples, predict
from stages.learning.bookmark import Bookmark
from stages.learning.decisions import Decision
from stages.learning.encoders import load_encoder
from stages.learning.engine import engine_of
from stages.learning.inner import inner_folds, inner_hold_out, inner_strata
from stages.learning.losses import Objective, make_objective
from stages.learning.material import Material
from stages.learning.predictions import prediction_rows
from stages.learning.recipe import Recipe
from stages.learning.scaler import Scaler
from stages.learning.stopping import selection_value
from stages.learning.validation import Validation


@dataclass
class Fitted:
    """What a fold leaves: model, scaler (regression), decision, predictions, learning curve."""

    model: PreTrainedModel | None
    scaler: Scaler | None
    decision: Decision | None
    predictions: pd.DataFrame
    history: list[dict] = field(default_factory=list)


@dataclass(frozen=True)
class Judge:
    """A trained model's objective and target scale, to score the beads of its task."""

    material: Material
    objective: Objective
    scaler: Scaler | None

    def judge(self, logits: torch.Tensor, beads: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Scores and losses (beads, outputs) from the logits of all prompts of `beads`.

        A bead's prompts are averaged first. Scores are probabilities, or in physical units.
        """
        counts = [len(self.material.tokens[bead]) for bead in beads]
        if not beads:
            return np.empty((2, 0, len(self.material.task.outputs)))
        mean = torch.stack([part.mean(dim=0) for part in logits.split(counts)]).double()
        values = self.material.values(beads)
        truth = torch.tensor(self.scaler.scale(values) if self.scaler else values)
        scores = self.objective.scores(mean).numpy()
        losses = self.objective.loss(mean, truth).numpy()
        return self.scaler.restore(scores) if self.scaler else scores, losses

    def examples(self, beads: Sequence[str]) -> Examples:
        """The prompts of `beads` with their targets on the learning scale."""
        pairs = [(bead, tokens) for bead in beads for tokens in self.material.tokens[bead]]
        values = self.material.values([bead for bead, _ in pairs])
        values = self.scaler.scale(values) if self.scaler else values
        return Examples([t for _, t in pairs], torch.tensor(values, dtype=torch.float32))


def fit_fold(
    material: Material,
    place: tuple[int, int],
    train: list[str],
    test: list[str],
    bookmark: Bookmark | None = None,
) -> Fitted:
    """Fine-tune on the beads of `train` and predict those of `test`; `place` is (repeat, fold).

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
    watched = test
    if recipe.selection == "none" and fold < 0:
        # The hold-out is looked at once, by the final model, and never along the way.
        watched = []
    model, judge, history = fine_tune(material, recipe, train, watched, bookmark)
    logits = predict(model, judge.examples(test).tokens, recipe) if test else torch.empty(0, 1)
    scores, losses = judge.judge(logits, test)
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
    return Fitted(model, judge.scaler, decision, rows, [where | row for row in history])


def fine_tune(
    material: Material,
    recipe: Recipe,
    train: list[str],
    watched: list[str],
    bookmark: Bookmark | None = None,
) -> tuple[PreTrainedModel, Judge, list[dict]]:
    """One fine-tuning: the model, what judges it, and what was seen after each epoch.

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
    objective = make_objective(task.kind, recipe.loss, torch.tensor(values, dtype=torch.float32))
    judge, source = Judge(material, objective, scaler), material.source
    model = load_encoder(source.checkpoint, source.revision, objective.logits, recipe.seed)
    model.to(recipe.device)

    def seen(logits: torch.Tensor) -> dict[str, float | None]:
        scores, losses = judge.judge(logits, watched)
        found = {"val_loss": float(losses.mean())}
        if recipe.selection != "none" and recipe.select_by != "val_loss":
            cuts = None if scaler else np.array(Decision.default(task).thresholds)
            truth = material.values(watched)
            value = selection_value(task, recipe.select_by, truth, scores, losses, cuts)
            found[recipe.select_by] = value
        return found

    validation = Validation(judge.examples(watched), seen) if watched else None
    engine = engine_of(recipe)
    history = engine(model, judge.examples(train), recipe, objective, validation, bookmark)
    return model, judge, history


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
        model, judge, _ = fine_tune(material, inner, inside, [])
        logits = predict(model, judge.examples(outside).tokens, recipe)
        scores.append(judge.judge(logits, outside)[0])
        order += outside
    return Decision.fit(task, np.vstack(scores), material.values(order), recipe.support_floor)
