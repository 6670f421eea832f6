"""The formulas of the losses, each from logits and never from a rounded probability.

All take logits and targets of one shape, (beads, outputs), in the same floating type and on the
same device, and return the losses in that shape. Targets are 0 or 1, or a scaled value.
"""

import math

import torch
from torch.nn import functional

POSITIVE_WEIGHT_CAP = 5.0
FOCAL_GAMMA = 2.0
ASYMMETRIC_GAMMAS = (1, 4)  # of the positives and the negatives: the defaults of the authors' code
ASYMMETRIC_CLIP = 0.05
CLASS_BALANCED_BETA = 0.99  # at about 100 beads nearer to their number than to no weighting


def bce(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy: -log p for a target of 1, -log(1 - p) for 0."""
    return functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")


def weighted_bce(
    logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """`bce` times weights[1] where the target is 1 and weights[0] where it is 0.

    `weights` has shape (2, outputs), any floating type and device.
    """
    negative, positive = weights.to(logits)
    return (targets * positive + (1 - targets) * negative) * bce(logits, targets)


def capped_weights(targets: torch.Tensor) -> torch.Tensor:
    """Weights (2, outputs) of training targets: 1, and negatives / positives but at most 5."""
    negatives, positives = _counts(targets)
    return torch.stack(
        [torch.ones_like(positives), (negatives / positives).clamp(max=POSITIVE_WEIGHT_CAP)]
    )


def class_balanced_weights(targets: torch.Tensor) -> torch.Tensor:
    """Weights (2, outputs): for each output 1 / effective number of its class, summing to 2.

    Effective number of n beads: (1 - beta^n) / (1 - beta) (Cui et al. 2019, equation 2), here
    for the two classes of each output.
    """
    effective = (1 - CLASS_BALANCED_BETA ** _counts(targets)) / (1 - CLASS_BALANCED_BETA)
    inverse = 1 / effective
    return 2 * inverse / inverse.sum(dim=0)


def focal(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """(1 - p of the truth)^2 times `bce` (Lin et al. 2017, equation 4)."""
    entropy = bce(logits, targets)
    return (-torch.expm1(-entropy)) ** FOCAL_GAMMA * entropy


def asymmetric(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Targets of 1: -(1 - p) log p; of 0: -q^4 log(1 - q), q = max(p - 0.05, 0).

    Ridnik et al. 2021, equations 6 and 7; the gradient goes through the factors as well.
    """
    positive, negative = ASYMMETRIC_GAMMAS
    present = torch.sigmoid(-logits) ** positive * functional.logsigmoid(logits)
    # 1 - q never falls below the clip, so this logarithm needs no other guard.
    shifted = (torch.sigmoid(logits) - ASYMMETRIC_CLIP).clamp(min=0)
    absent = shifted**negative * torch.log1p(-shifted)
    return -(targets * present + (1 - targets) * absent)


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """-log softmax of the logit of the truth: logits (beads, 2), targets and losses (beads, 1)."""
    classes = torch.cat([1 - targets, targets], dim=1)
    return -(torch.log_softmax(logits, dim=1) * classes).sum(dim=1, keepdim=True)


def squared(values: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """(value - target)^2."""
    return functional.mse_loss(values, targets, reduction="none")


def absolute(values: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """|value - target|."""
    return functional.l1_loss(values, targets, reduction="none")


def huber(values: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """e^2 / 2 up to an error e of 1 on the scale of the targets, |e| - 1/2 beyond (Huber 1964)."""
    return functional.huber_loss(values, targets, reduction="none")


def log_cosh(values: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """log cosh of the error e, as e + softplus(-2 e) - log 2, which cannot overflow."""
    error = values - targets
    # -logsigmoid(2 e) is softplus(-2 e) without torch's threshold at 20.
    return error - functional.logsigmoid(2 * error) - math.log(2)


def _counts(targets: torch.Tensor) -> torch.Tensor:
    """Negatives and positives (2, outputs), in double.

    None is below 1: a label that is constant in a fold has neither weight zero nor infinite.
    """
    positives = targets.double().sum(dim=0)
    return torch.stack([len(targets) - positives, positives]).clamp(min=1)
