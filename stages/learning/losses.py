"""The loss of a task, by name.

| kind                | name         | what                                                       |
|---------------------|--------------|------------------------------------------------------------|
| multi_label, binary | bce          | binary cross-entropy on each logit (the default)           |
| multi_label, binary | weighted_bce | the same, positives weighted by negatives / positives <= 5 |
| multi_label, binary | focal        | bce times (1 - p of the truth)^2 (Lin et al. 2017)         |
| regression          | mse          | squared error of the standardised target (the default)     |
| regression          | mae          | absolute error of the same                                 |
| regression          | huber        | Huber's loss of the same, delta 1                          |

A binary task has one logit. (transformers itself takes one logit for a regression, whatever the
problem type says, so that its own loss is not used here.)
"""

from collections.abc import Callable

import torch
from torch.nn import functional

from stages.beads.errors import StudyError

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

CLASSIFICATION = ("bce", "weighted_bce", "focal")
REGRESSION = ("mse", "mae", "huber")
POSITIVE_WEIGHT_CAP = 5.0
FOCAL_GAMMA = 2.0


def names_for(kind: str) -> tuple[str, ...]:
    """The losses a kind of task may have, the default first."""
    return REGRESSION if kind == "regression" else CLASSIFICATION


def make_loss(kind: str, name: str, training_targets: torch.Tensor) -> Loss:
    """A function (logits, targets), both (beads, outputs), to losses of the same shape.

    `training_targets` (beads, outputs) of the training fold give the positive weights. Raises
    StudyError for a name that the kind of task does not have.
    """
    if name not in names_for(kind):
        expected = ", ".join(names_for(kind))
        raise StudyError("params.yaml", f"no loss of a {kind} task", value=name, expected=expected)
    if name in ("bce", "weighted_bce"):
        weight = None
        if name == "weighted_bce":
            positives = training_targets.sum(dim=0)
            ratio = (len(training_targets) - positives) / positives.clamp(min=1)
            weight = ratio.clamp(max=POSITIVE_WEIGHT_CAP)
        return lambda logits, targets: functional.binary_cross_entropy_with_logits(
            logits, targets, pos_weight=weight, reduction="none"
        )
    if name == "focal":
        return _focal
    regression = {
        "mse": functional.mse_loss,
        "mae": functional.l1_loss,
        "huber": functional.huber_loss,
    }[name]
    return lambda predicted, targets: regression(predicted, targets, reduction="none")


def _focal(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    bce = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (1 - torch.exp(-bce)) ** FOCAL_GAMMA * bce
