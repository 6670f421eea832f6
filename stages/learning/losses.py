"""What a task's logits mean and what they cost: the table of losses.

| logits, problem type | original      | transformers 5    | here: kind and `loss`, default first  |
|----------------------|---------------|-------------------|---------------------------------------|
| 1, single_label      | BCEWithLogits | refused (1)       | binary: bce, weighted_bce, focal,     |
|                      |               |                   | asymmetric, class_balanced            |
| 2, single_label      | CrossEntropy  | CrossEntropy      | binary: cross_entropy                 |
| 2+, multi_label      | BCEWithLogits | BCEWithLogits     | multi_label: bce, weighted_bce,       |
|                      |               |                   | focal, asymmetric, class_balanced     |
| sets, single_label   | none          | CrossEntropy      | multi_label: powerset                 |
| 1, regression        | MSE           | MSE               | regression: mse, mae, huber, log_cosh |
| 1, not given         | none          | MSE (2)           | none                                  |

(1) By its configuration; set later, it is CrossEntropy over one logit, which is 0 whatever the
logit. (2) Without a problem type, more logits are single_label if the labels are integers, else
multi_label (ForSequenceClassificationLoss). Its own loss is therefore not used here. The formulas
are in `loss_functions` and `powerset`; the scale of a regression's targets is the scaler's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from stages.beads.errors import StudyError
from stages.learning import loss_functions as functions
from stages.learning.powerset import label_sets, marginals, powerset

PLAIN = {
    "bce": functions.bce,
    "focal": functions.focal,
    "asymmetric": functions.asymmetric,
    "mse": functions.squared,
    "mae": functions.absolute,
    "huber": functions.huber,
    "log_cosh": functions.log_cosh,
}
WEIGHTS = {
    "weighted_bce": functions.capped_weights,
    "class_balanced": functions.class_balanced_weights,
}
BY_LABEL = ("bce", "weighted_bce", "focal", "asymmetric", "class_balanced")
LOSSES = {
    "binary": (*BY_LABEL, "cross_entropy"),
    "multi_label": (*BY_LABEL, "powerset"),
    "regression": ("mse", "mae", "huber", "log_cosh"),
}


@dataclass(frozen=True)
class Objective:
    """How many logits a task needs, what they cost and what they say.

    `loss(logits, targets)` takes (beads, logits) and (beads, outputs) to losses (beads, outputs),
    whose mean is the mean over beads; `scores(logits)` gives probabilities or scaled values
    (beads, outputs). Both compute in float32 at least, on the device of the logits. `sets` are the
    label sets (sets, outputs) of a powerset, which it has from its training beads.
    """

    logits: int
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    scores: Callable[[torch.Tensor], torch.Tensor]
    sets: torch.Tensor | None = None


def names_for(kind: str) -> tuple[str, ...]:
    """The losses a kind of task may have, the default first."""
    return LOSSES[kind]


def original_rule(num_labels: int, problem_type: str) -> str:
    """Our name of the loss that the original study gives to a number of labels and problem type.

    `problem_type` may carry transformers' suffix `_classification`. Raises StudyError where the
    original has no rule.
    """
    several = num_labels > 1
    rules = {
        "single_label": "cross_entropy" if several else "bce",
        "multi_label": "bce" if several else None,
        "regression": None if several else "mse",
    }
    rule = rules.get(problem_type.removesuffix("_classification")) if num_labels > 0 else None
    if rule is None:
        reason = f"the original study has no loss for num_labels {num_labels}"
        expected = "single_label with 1 or more, multi_label with 2 or more, regression with 1"
        raise StudyError("problem_type", reason, value=problem_type, expected=expected)
    return rule


def make_objective(kind: str, name: str, training_targets: torch.Tensor) -> Objective:
    """The objective of a kind of task.

    `training_targets` (beads, outputs) are one row a bead, and give the weights and label sets.
    Raises StudyError for a name that the kind of task does not have.
    """
    if name not in names_for(kind):
        expected = ", ".join(names_for(kind))
        raise StudyError("params.yaml", f"no loss of a {kind} task", value=name, expected=expected)
    logits = training_targets.shape[1]
    scores, sets = _unchanged if kind == "regression" else torch.sigmoid, None
    if name == "cross_entropy":
        logits, loss, scores = 2, functions.cross_entropy, _second
    elif name == "powerset":
        sets = label_sets(training_targets)
        logits, loss = len(sets), partial(powerset, sets=sets)
        scores = partial(marginals, sets=sets)
    elif name in WEIGHTS:
        loss = partial(functions.weighted_bce, weights=WEIGHTS[name](training_targets))
    else:
        loss = PLAIN[name]
    return Objective(logits, _precise(loss), _precise(scores), sets)


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
