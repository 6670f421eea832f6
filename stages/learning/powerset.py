"""One softmax over the label sets that were seen in training, for a task of many labels.

A label that no other may join (Normal) shares no set with another, so that the two never add up
to more than 1. (Label powerset: Tsoumakas and Katakis 2007.)
"""

import math

import torch

FLOOR = math.log(1e-6)


def label_sets(targets: torch.Tensor) -> torch.Tensor:
    """The distinct rows of training targets (beads, labels), in sorted order, (sets, labels)."""
    return torch.unique(targets, dim=0)


def powerset(logits: torch.Tensor, targets: torch.Tensor, sets: torch.Tensor) -> torch.Tensor:
    """A bead's loss, once for each of its labels: logits (beads, sets), the rest (beads, labels).

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
