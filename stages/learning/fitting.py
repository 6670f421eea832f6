"""One fold of one task: fine-tune on its training beads, predict the others."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedModel

from stages.learning.encoders import load_encoder
from stages.learning.loop import Examples, fine_tune, predict
from stages.learning.losses import Objective, make_objective
from stages.learning.predictions import prediction_rows
from stages.learning.recipe import Recipe
from stages.learning.scaler import Scaler
from stages.learning.tasks import Task


@dataclass(frozen=True)
class Material:
    """All that the folds of one task share.

    `targets[bead]` has shape (outputs,) in physical units; `tokens[bead]` are its prompts' ids.
    """

    encoder: str
    checkpoint: str
    revision: str | None
    task: Task
    recipe: Recipe
    targets: dict[str, np.ndarray]
    tokens: dict[str, list[list[int]]]
    threads: int = 1


@dataclass
class Fitted:
    """What a fold leaves: the model, the scaler (regression), predictions and learning curve."""

    model: PreTrainedModel | None
    scaler: Scaler | None
    predictions: pd.DataFrame
    history: list[dict] = field(default_factory=list)


def fit_fold(
    material: Material, place: tuple[int, int], train: list[str], test: list[str]
) -> Fitted:
    """Fine-tune on the beads of `train` and predict those of `test`; `place` is (repeat, fold).

    The scaler, the positive weights and the number of steps come from `train` alone. The seed is
    the recipe's plus 1,000 x repeat + fold + 1, so that no two fittings share their noise.
    """
    torch.set_num_threads(material.threads)
    torch.use_deterministic_algorithms(True)
    task, (repeat, fold) = material.task, place
    seed = material.recipe.seed + 1000 * repeat + fold + 1
    recipe = material.recipe.model_copy(update={"seed": seed})
    truth = {bead: material.targets[bead] for bead in [*train, *test]}
    scaler = None
    if task.kind == "regression":
        scaler = Scaler.fit(np.array([truth[bead][0] for bead in train]), task.transform)
        truth = {bead: scaler.scale(values) for bead, values in truth.items()}
    objective = make_objective(task.kind, recipe.loss, _stack(truth, train))
    model = load_encoder(material.checkpoint, material.revision, objective.logits, seed)
    prompts = [(bead, tokens) for bead in train for tokens in material.tokens[bead]]
    examples = Examples([t for _, t in prompts], _stack(truth, [bead for bead, _ in prompts]))
    history = []

    def after_epoch(epoch: int, train_loss: float) -> None:
        # The hold-out is looked at once, by the final model, and never along the way.
        value = (
            None if fold < 0 else _losses(model, material, truth, test, objective)[1].mean().item()
        )
        where = {"repeat": repeat, "fold": fold, "epoch": epoch + 1}
        history.append({**where, "train_loss": train_loss, "val_loss": value})

    fine_tune(model, examples, recipe, objective, after_epoch)
    logits, losses = _losses(model, material, truth, test, objective)
    scores = objective.scores(logits).numpy()
    if scaler:
        scores = scaler.restore(scores)
    raw = np.array([material.targets[bead] for bead in test]).reshape(len(test), -1)
    rows = prediction_rows(material.encoder, place, test, task.outputs, raw, scores, losses.numpy())
    return Fitted(model, scaler, rows, history)


def _losses(
    model: PreTrainedModel,
    material: Material,
    truth: dict[str, np.ndarray],
    beads: list[str],
    objective: Objective,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (beads, logits) and losses (beads, outputs), a bead's prompts averaged first."""
    if not beads:
        empty = torch.empty(0, objective.logits, dtype=torch.float64)
        return empty, empty[:, : len(material.task.outputs)]
    tokens = [t for bead in beads for t in material.tokens[bead]]
    counts = [len(material.tokens[bead]) for bead in beads]
    logits = predict(model, tokens, material.recipe.batch_size)
    mean = torch.stack([part.mean(dim=0) for part in logits.split(counts)]).double()
    return mean, objective.loss(mean, _stack(truth, beads).double())


def _stack(truth: dict[str, np.ndarray], beads: list[str]) -> torch.Tensor:
    return torch.tensor(np.array([truth[bead] for bead in beads]), dtype=torch.float32)
