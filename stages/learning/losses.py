"""What a task's logits mean and what they cost, by name.

| kind                | loss         | logits | what                                              |
|---------------------|--------------|--------|---------------------------------------------------|
| multi_label, binary | bce          | labels | binary cross-entropy on each logit (the default)  |
| multi_label, binary | weighted_bce | labels | positives weighted by negatives / positives <= 5  |
| multi_label, binary | focal        | labels | bce times (1 - p of the truth)^2 (Lin et al. 2017)|
| regression          | mse          | 1      | squared error of the scaled target (the default)  |
| regression          | mae          | 1      | absolute error of the same                        |
| regression          | huber        | 1      | Huber's loss of the same, delta 1                 |

A binary task has one logit. (transformers itself takes one logit for a regression, whatever the
problem type says, so that its own loss is not used here.)
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

from stages.beads.errors import StudyError

CLASSIFICATION = ("bce", "weighted_bce", "focal")
REGRESSION = ("mse", "mae", "huber")
POSITIVE_WEIGHT_CAP = 5.0
FOCAL_GAMMA = 2.0


@dataclass(frozen=True)
class Objective:
    """How many logits a task needs, what they cost and what they say.

    `loss(logits, targets)` takes (beads, logits) and (beads, outputs) to losses (beads, outputs);
    `scores(logits)` to probabilities or scaled values (beads, outputs).
    """

    logits: int
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    scores: Callable[[torch.Tensor], torch.Tensor]


def names_for(kind: str) -> tuple[str, ...]:
    """The losses a kind of task may have, the default first."""
    return REGRESSION if kind == "regression" else CLASSIFICATION


def make_objective(kind: str, name: str, training_targets: torch.Tensor) -> Objective:
    """The objective of a kind of task; `training_targets` (beads, outputs) give any weights.

    Raises StudyError for a name that the kind of task does not have.
    """
    if name not in names_for(kind):
        expected = ", ".join(names_for(kind))
        raise StudyError("params.yaml", f"no loss of a {kind} task", value=name, expected=expected)
    outputs = training_targets.shape[1]
    if kind == "regression":
        loss = {"mse": _squared, "mae": _absolute, "huber": _huber}[name]
        return Objective(outputs, loss, lambda logits: logits)
    if name == "focal":
        return Objective(outputs, _focal, torch.sigmoid)
    weight = _positive_weight(training_targets) if name == "weighted_bce" else None

    def bce(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.binary_cross_entropy_with_logits(
            logits, targets, pos_weight=weight, reduction="none"
        )

    return Objective(outputs, bce, torch.sigmoid)


def _positive_weight(targets: torch.Tensor) -> torch.Tensor:
    positives = targets.sum(dim=0)
    ratio = (len(targets) - positives) / positives.clamp(min=1)
    return ratio.clamp(max=POSITIVE_WEIGHT_CAP)


def _focal(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    bce = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (1 - torch.exp(-bce)) ** FOCAL_GAMMA * bce


def _squared(values: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return functional.mse_loss(values, targets, reduction="none")


def _absolute(values: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return functional.l1_loss(values, targets, reduction="none")


def _huber(values: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return functional.huber_loss(values, targets, reduction="none")
