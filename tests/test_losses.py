import math

import pytest
import torch

from stages.beads.errors import StudyError
from stages.learning.losses import CLASSIFICATION, REGRESSION, make_objective

TARGETS = torch.tensor([[1.0], [0.0], [0.0], [0.0]])


@pytest.mark.parametrize(
    ("kind", "name", "logit", "target", "value"),
    [
        ("binary", "bce", 0.0, 1.0, math.log(2)),
        ("binary", "bce", math.log(3), 0.0, math.log(4)),
        ("binary", "weighted_bce", 0.0, 1.0, 3 * math.log(2)),
        ("binary", "weighted_bce", 0.0, 0.0, math.log(2)),
        ("binary", "focal", 0.0, 1.0, 0.25 * math.log(2)),
        ("multi_label", "focal", math.log(3), 1.0, (1 / 4) ** 2 * math.log(4 / 3)),
        ("regression", "mse", 1.5, -0.5, 4.0),
        ("regression", "mae", 1.5, -0.5, 2.0),
        ("regression", "huber", 1.5, -0.5, 1.5),
        ("regression", "huber", 0.5, 0.0, 0.125),
    ],
)
def test_losses_have_their_closed_values(kind, name, logit, target, value) -> None:
    loss = make_objective(kind, name, TARGETS).loss
    found = loss(torch.tensor([[logit]]), torch.tensor([[target]]))
    assert found.shape == (1, 1)
    assert found.item() == pytest.approx(value, rel=1e-6)


def test_the_positive_weight_is_capped() -> None:
    rare = torch.zeros(100, 1)
    rare[0] = 1
    found = make_objective("binary", "weighted_bce", rare).loss(torch.zeros(1, 1), torch.ones(1, 1))
    assert found.item() == pytest.approx(5 * math.log(2), rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "name"),
    [*(("multi_label", n) for n in CLASSIFICATION), *(("regression", n) for n in REGRESSION)],
)
def test_gradients_are_right(kind: str, name: str) -> None:
    logits = torch.tensor([[0.3], [-1.2], [2.0], [0.7]], dtype=torch.float64, requires_grad=True)
    loss = make_objective(kind, name, TARGETS.double()).loss
    assert torch.autograd.gradcheck(lambda x: loss(x, TARGETS.double()), [logits])


def test_a_loss_that_the_task_does_not_have_is_named() -> None:
    with pytest.raises(StudyError, match="'mse': no loss of a binary task; expected bce"):
        make_objective("binary", "mse", TARGETS)
