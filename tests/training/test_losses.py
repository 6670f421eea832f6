"""Every loss against a value worked out by hand, and its gradient."""

import math

import pytest
import torch

from llm4waam.core.errors import StudyError
from llm4waam.decisions.links import LINKS
from llm4waam.training.losses import LOSSES, make_objective

TARGETS = torch.tensor([[1.0], [0.0], [0.0], [0.0]])
# Two labels and an exclusive third; sorted, the sets are {third}, {second}, {first, second}.
SETS = torch.tensor([[1.0, 1, 0], [0, 0, 1], [0, 1, 0], [0, 0, 1]])
# Of each loss one kind of task that may have it.
ALL = [(kinds[-1], name) for name, (kinds, _) in LOSSES.items()]
LN2, LN3 = math.log(2), math.log(3)


def training(kind: str) -> torch.Tensor:
    return SETS if kind == "multi_label" else TARGETS


@pytest.mark.parametrize(
    ("kind", "name", "logit", "target", "value"),
    [
        ("binary", "bce", 0.0, 1.0, LN2),
        ("binary", "bce", LN3, 0.0, math.log(4)),
        ("binary", "weighted_bce", 0.0, 1.0, 3 * LN2),
        ("binary", "weighted_bce", 0.0, 0.0, LN2),
        ("binary", "focal", 0.0, 1.0, 0.25 * LN2),
        ("multi_label", "focal", LN3, 1.0, (1 / 4) ** 2 * math.log(4 / 3)),
        ("binary", "focal", LN3, 0.0, (3 / 4) ** 2 * math.log(4)),
        ("binary", "asymmetric", LN3, 1.0, (1 / 4) * math.log(4 / 3)),
        ("binary", "asymmetric", LN3, 0.0, -(0.7**4) * math.log(0.3)),
        ("binary", "asymmetric", math.log(0.04 / 0.96), 0.0, 0.0),
        # 1 positive and 3 negatives: effective numbers 1 and 1 + 0.99 + 0.9801 = 2.9701
        ("binary", "class_balanced", 0.0, 1.0, 2 * 2.9701 / 3.9701 * LN2),
        ("binary", "class_balanced", 0.0, 0.0, 2 / 3.9701 * LN2),
        ("regression", "mse", 1.5, -0.5, 4.0),
        ("regression", "mae", 1.5, -0.5, 2.0),
        ("regression", "huber", 1.5, -0.5, 1.5),
        ("regression", "huber", 0.5, 0.0, 0.125),
        ("regression", "log_cosh", LN2, 0.0, math.log(1.25)),
        ("regression", "log_cosh", -LN2, LN2, math.log(17 / 8)),
        ("regression", "log_cosh", -1000.0, 0.0, 1000 - LN2),
    ],
)
def test_losses_have_their_closed_values(kind, name, logit, target, value) -> None:
    loss = make_objective(kind, name, TARGETS).loss
    found = loss(torch.tensor([[logit]]), torch.tensor([[target]]))
    assert found.shape == (1, 1)
    assert found.item() == pytest.approx(value, rel=1e-5, abs=1e-12)


def test_one_class_of_many_costs_the_logarithm_of_its_softmax() -> None:
    classes = torch.eye(3)[[0, 1, 1, 2]]
    objective = make_objective("multi_class", "cross_entropy", classes)
    # The sets in sorted order are the last class first.
    logits = torch.tensor([[0.0, LN2, LN3]])
    scores = objective.scores(logits)
    assert torch.allclose(scores, torch.tensor([[3.0, 2.0, 1.0]]) / 6)
    loss = objective.loss(logits, classes[:1])
    assert torch.allclose(loss, torch.full((1, 3), LN2))


def test_the_positive_weight_is_capped_and_balanced_classes_weigh_alike() -> None:
    rare = torch.zeros(100, 1)
    rare[0] = 1
    found = make_objective("binary", "weighted_bce", rare).loss(torch.zeros(1, 1), torch.ones(1, 1))
    assert found.item() == pytest.approx(5 * LN2, rel=1e-6)
    balanced = torch.tensor([[0.0], [1.0]] * 5)
    logits = torch.linspace(-3, 3, 10)[:, None]
    plain = make_objective("binary", "bce", balanced).loss(logits, balanced)
    for name in ("class_balanced", "weighted_bce"):
        found = make_objective("binary", name, balanced).loss(logits, balanced)
        assert torch.allclose(found, plain)


def test_cross_entropy_over_two_logits_is_bce_of_their_difference() -> None:
    two, one = (make_objective("binary", name, TARGETS) for name in ("cross_entropy", "bce"))
    assert (two.logits, one.logits) == (2, 1)
    logits = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 5
    difference = logits[:, 1:] - logits[:, :1]
    assert torch.allclose(two.loss(logits, TARGETS), one.loss(difference, TARGETS), rtol=1e-12)
    assert torch.allclose(two.scores(logits), one.scores(difference), rtol=1e-12)
    by_hand = two.loss(torch.tensor([[0.0, LN3]]), torch.tensor([[0.0]]))
    assert by_hand.item() == pytest.approx(math.log(4))


def test_a_powerset_is_a_softmax_over_the_sets_of_the_training_fold() -> None:
    objective = make_objective("multi_label", "powerset", SETS)
    assert objective.logits == 3
    logits = torch.tensor([[0.0, LN2, LN3]])  # probabilities 1/6, 2/6 and 3/6
    assert objective.scores(logits)[0].tolist() == pytest.approx([1 / 2, 5 / 6, 1 / 6])
    # The last set was not seen in training and costs the product of its marginals.
    unseen = ([1, 0, 0], 1 / 2 * 1 / 6 * 5 / 6)
    for labels, p in (([0, 0, 1], 1 / 6), ([0, 1, 0], 1 / 3), ([1, 1, 0], 1 / 2), unseen):
        found = objective.loss(logits, torch.tensor([labels]))
        assert found[0].tolist() == pytest.approx([-math.log(p)] * 3)
    narrow = make_objective("multi_label", "powerset", SETS[:1])
    impossible = narrow.loss(torch.tensor([[4.0]]), torch.tensor([[0.0, 0.0, 1.0]]))
    assert impossible[0].tolist() == pytest.approx([-3 * math.log(1e-6)] * 3)


def test_an_exclusive_label_never_stands_beside_another_in_a_powerset() -> None:
    objective = make_objective("multi_label", "powerset", SETS)
    logits = torch.randn(200, 3, generator=torch.Generator().manual_seed(1)) * 10
    scores = objective.scores(logits)
    assert scores.min() >= 0
    assert scores.max() <= 1
    assert (scores[:, :2] + scores[:, 2:] <= 1 + 1e-6).all()


def test_a_label_of_every_set_scores_1_and_its_absence_has_a_finite_gradient() -> None:
    sets = torch.tensor([[1.0, float(a), float(b)] for a in (0, 1) for b in (0, 1)])
    objective = make_objective("multi_label", "powerset", sets)
    logits = torch.randn(500, 4, generator=torch.Generator().manual_seed(4)).requires_grad_(True)
    scores = objective.scores(logits)[:, 0]
    assert scores.max() <= 1
    assert scores.min() > 1 - 1e-6
    objective.loss(logits, torch.zeros(500, 3)).mean().backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize(("kind", "name"), [*ALL, ("multi_label", "unseen sets")])
def test_gradients_are_right(kind: str, name: str) -> None:
    fitted = targets = training(kind).double()
    if name == "unseen sets":
        name, targets = "powerset", torch.tensor([[1.0, 0, 0], [0, 0, 0]] * 2).double()
    objective = make_objective(kind, name, fitted)
    draw = torch.Generator().manual_seed(2)
    logits = 2 * torch.randn(4, objective.logits, dtype=torch.float64, generator=draw)
    assert torch.autograd.gradcheck(
        lambda x: objective.loss(x, targets), [logits.requires_grad_(True)]
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize(("kind", "name"), ALL)
def test_far_logits_give_finite_losses_and_gradients_in_every_type(kind, name, dtype) -> None:
    fitted = training(kind)
    objective = make_objective(kind, name, fitted)
    ends = torch.cartesian_prod(*[torch.tensor([-100.0, 0.0, 100.0])] * objective.logits)
    ends = ends.reshape(-1, objective.logits)
    # All combinations of labels, and so every set that no training bead had.
    outputs = fitted.shape[1]
    truths = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * outputs).reshape(-1, outputs)
    logits = ends.repeat_interleave(len(truths), dim=0).to(dtype).requires_grad_(True)
    targets = truths.repeat(len(ends), 1)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        losses = objective.loss(logits, targets)
        scores = objective.scores(logits)
    losses.mean().backward()
    expected = torch.float64 if dtype == torch.float64 else torch.float32
    assert losses.shape == scores.shape == targets.shape
    assert losses.dtype == scores.dtype == expected
    assert losses.isfinite().all()
    assert scores.isfinite().all()
    assert logits.grad.isfinite().all()
    assert losses.min() >= -1e-6


@pytest.mark.parametrize("constant", [0.0, 1.0])
@pytest.mark.parametrize(("kind", "name"), [pair for pair in ALL if pair[0] != "regression"])
def test_a_label_that_is_constant_in_a_fold_still_costs_something(kind, name, constant) -> None:
    fitted = training(kind).clone()
    fitted[:, 0] = constant
    objective = make_objective(kind, name, fitted)
    logits = torch.zeros(2, objective.logits)
    other = torch.full((2, fitted.shape[1]), 1 - constant)
    losses = torch.cat([objective.loss(logits, fitted[:2]), objective.loss(logits, other)])
    assert losses.isfinite().all()
    assert (losses[:, 0] > 0).all()


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_a_batch_costs_the_mean_of_its_beads_on_the_device_of_the_logits(kind, name) -> None:
    targets = training(kind)
    objective = make_objective(kind, name, targets)
    draw = torch.Generator().manual_seed(3)
    logits = torch.randn(4, objective.logits, generator=draw)
    alone = [objective.loss(logits[i : i + 1], targets[i : i + 1]).mean() for i in range(4)]
    assert torch.allclose(objective.loss(logits, targets).mean(), torch.stack(alone).mean())
    assert objective.loss(logits[:0], targets[:0]).shape == (0, targets.shape[1])
    # The device `meta` takes no part of a sum from another device, as a GPU does not.
    assert objective.loss(logits.to("meta"), targets).is_meta
    assert objective.scores(logits.to("meta")).is_meta


def test_a_loss_that_the_task_does_not_have_is_named() -> None:
    for kind, name in (("binary", "mse"), ("binary", "powerset"), ("multi_label", "cross_entropy")):
        with pytest.raises(StudyError, match=f"'{name}': no loss of a {kind} task; expected bce"):
            make_objective(kind, name, TARGETS)
    with pytest.raises(StudyError, match="'bce': no loss of a regression task; expected mse"):
        make_objective("regression", "bce", TARGETS)


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_inference_scores_logits_as_training_does(kind, name) -> None:
    """`decisions.links` has every link without torch."""
    objective = make_objective(kind, name, training(kind))
    draw = torch.Generator().manual_seed(5)
    logits = 9 * torch.randn(50, objective.logits, dtype=torch.float64, generator=draw)
    sets = None if objective.sets is None else objective.sets.numpy()
    found = LINKS[objective.link](logits.numpy(), sets)
    assert found == pytest.approx(objective.scores(logits).numpy(), rel=1e-12, abs=1e-15)
