"""The losses: what a task's logits cost and mean. A new loss is a formula and a line in `LOSSES`.

Trainer's own choice of a loss is not used. For its ForSequenceClassificationLoss, one logit with
`single_label_classification` is refused (set later, it is cross-entropy over one logit, which is 0
whatever the logit); two or more with it are cross-entropy, with `multi_label_classification`
binary cross-entropy; one without a problem type is MSE, and more are single- or multi-label by the
type of the labels.

Formulas take logits and targets of one shape, (beads, outputs), in one floating type and on one
device, and return the losses in that shape, each from logits and never from a rounded probability.
Targets are 0 or 1, or a value on the learning scale (see `llm4waam.decisions.target_scale`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch.nn import functional

from llm4waam.core.errors import StudyError

POSITIVE_WEIGHT_CAP = 5.0
FOCAL_GAMMA = 2.0
ASYMMETRIC_GAMMAS = (1, 4)  # of the positives and the negatives: the defaults of the authors' code
ASYMMETRIC_CLIP = 0.05
CLASS_BALANCED_BETA = 0.99  # at about 100 beads nearer to their number than to no weighting
FLOOR = math.log(1e-6)


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


def label_sets(targets: torch.Tensor) -> torch.Tensor:
    """The distinct rows of training targets (beads, labels), in sorted order, (sets, labels)."""
    return torch.unique(targets, dim=0)


def powerset(logits: torch.Tensor, targets: torch.Tensor, sets: torch.Tensor) -> torch.Tensor:
    """A bead's loss, once for each of its labels: logits (beads, sets), the rest (beads, labels).

    One softmax over the label sets that were seen in training (label powerset: Tsoumakas and
    Katakis 2007). A label that no other may join (Normal) shares no set with another, so that the
    two never add up to more than 1.

    For a set seen in training it is -log of the set's probability. Another set has no probability:
    its loss is -log of the product over the labels of the probability that the label is there, or
    is not there, as the target says, each at least 1e-6; it is finite, and only met off training.
    """
    log_p = torch.log_softmax(logits, dim=1)
    agrees = targets[:, None, :] == sets.to(logits)
    same = agrees.all(dim=2)
    seen = (log_p * same).sum(dim=1)
    labels = torch.where(agrees, log_p[:, :, None], -math.inf).logsumexp(dim=1)
    unseen = labels.clamp(min=FLOOR, max=0).sum(dim=1)
    return -torch.where(same.any(dim=1), seen, unseen)[:, None].expand(targets.shape)


def marginals(logits: torch.Tensor, sets: torch.Tensor) -> torch.Tensor:
    """Of each label the sum of the probabilities of the sets that hold it, (beads, labels)."""
    p = torch.softmax(logits, dim=1)
    # A matrix product would be rounded to TF32 where that is allowed; the sum may pass 1 by an ulp.
    return (p[:, :, None] * sets.to(logits)).sum(dim=1).clamp(max=1)


@dataclass(frozen=True)
class Objective:
    """How many logits a task needs, what they cost and what they say.

    `loss(logits, targets)` takes (beads, logits) and (beads, outputs) to losses (beads, outputs),
    whose mean is the mean over beads; `scores(logits)` gives probabilities or scaled values
    (beads, outputs). Both compute in float32 at least, on the device of the logits. `link` is the
    name under which `llm4waam.decisions.links` has `scores` without torch. `sets` are the label
    sets (sets, outputs) of a powerset, which it has from its training beads.
    """

    logits: int
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    scores: Callable[[torch.Tensor], torch.Tensor]
    link: str
    sets: torch.Tensor | None = None


def _unchanged(logits: torch.Tensor) -> torch.Tensor:
    return logits


def _second(logits: torch.Tensor) -> torch.Tensor:
    return torch.softmax(logits, dim=1)[:, 1:]


def _precise(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """The function on logits of at least float32, the targets in their type and on their device.

    That is enough under autocast as well: no loss has a matrix product.
    """

    def precise(logits: torch.Tensor, *targets: torch.Tensor) -> torch.Tensor:
        wide = logits.float() if logits.dtype.itemsize < 4 else logits
        return function(wide, *(target.to(wide) for target in targets))

    return precise


# A loss of training targets (beads, outputs), one row a bead, becomes an objective.
Maker = Callable[[torch.Tensor], Objective]


def by_label(formula: Callable[..., torch.Tensor]) -> Maker:
    """One logit an output, whose sigmoid is its probability."""
    scores = _precise(torch.sigmoid)
    return lambda targets: Objective(targets.shape[1], _precise(formula), scores, "sigmoid")


def by_weighted_label(weights: Callable[[torch.Tensor], torch.Tensor]) -> Maker:
    """`weighted_bce` with the weights of the training targets."""
    return lambda targets: by_label(partial(weighted_bce, weights=weights(targets)))(targets)


def by_value(formula: Callable[..., torch.Tensor]) -> Maker:
    """One logit an output, which is its value."""
    scores = _precise(_unchanged)
    return lambda targets: Objective(targets.shape[1], _precise(formula), scores, "identity")


def by_two_classes(_: torch.Tensor) -> Objective:
    """Two logits for one output, whose softmax is its probability."""
    return Objective(2, _precise(cross_entropy), _precise(_second), "second_class")


def by_label_set(targets: torch.Tensor) -> Objective:
    """A logit for each label set of the training targets."""
    sets = label_sets(targets)
    loss, scores = partial(powerset, sets=sets), partial(marginals, sets=sets)
    return Objective(len(sets), _precise(loss), _precise(scores), "marginals", sets)


def by_class(targets: torch.Tensor) -> Objective:
    """A logit for each class, whose softmax is its probability.

    Of a multi_class task each label set of the training targets is one class; a class without a
    training bead has the probability 0.
    """
    return by_two_classes(targets) if targets.shape[1] == 1 else by_label_set(targets)


LABELS, VALUES = ("binary", "multi_label"), ("regression",)
# name: the kinds of task that may have it, and its objective; the first of a kind is its default
LOSSES: dict[str, tuple[tuple[str, ...], Maker]] = {
    "bce": (LABELS, by_label(bce)),
    "weighted_bce": (LABELS, by_weighted_label(capped_weights)),
    "focal": (LABELS, by_label(focal)),
    "asymmetric": (LABELS, by_label(asymmetric)),
    "class_balanced": (LABELS, by_weighted_label(class_balanced_weights)),
    "cross_entropy": (("multi_class", "binary"), by_class),
    "powerset": (("multi_label",), by_label_set),
    "mse": (VALUES, by_value(squared)),
    "mae": (VALUES, by_value(absolute)),
    "huber": (VALUES, by_value(huber)),
    "log_cosh": (VALUES, by_value(log_cosh)),
}


def names_for(kind: str) -> tuple[str, ...]:
    """The losses a kind of task may have, the default first."""
    return tuple(name for name, (kinds, _) in LOSSES.items() if kind in kinds)


def check_loss(place: str, kind: str, name: str) -> None:
    """Raise StudyError, with the `place` in params.yaml, for a loss that no `kind` of task has."""
    if name not in names_for(kind):
        raise StudyError(
            "params.yaml",
            f"no loss of a {kind} task",
            column=place,
            value=name,
            expected=", ".join(names_for(kind)),
        )


def make_objective(kind: str, name: str, training_targets: torch.Tensor) -> Objective:
    """The objective of a kind of task; raises StudyError as `check_loss`.

    `training_targets` (beads, outputs) are one row a bead, and give the weights and label sets.
    """
    check_loss("target.TASK.loss", kind, name)
    return LOSSES[name][1](training_targets)
