"""One encoder for all tasks: what the others cost, and that it is judged by its own."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from llm4waam.card.card import read_card
from llm4waam.core.files import read_jsonl, read_table
from llm4waam.core.settings import read_params
from llm4waam.decisions.predictions import members
from llm4waam.splits.tasks import Task, make_task
from llm4waam.training.data import Material, make_material, make_sides
from llm4waam.training.fit import fit_fold
from llm4waam.training.joint import Side, join
from llm4waam.training.losses import make_objective
from stages.check_params import AllParams

NAN = math.nan
BINARY = Task("q", "binary", ("Normal",), None, ("no", "yes"), "none", None, "?")
REGRESSION = Task("r", "regression", ("x",), None, ("no", "yes"), "log", "J", "?")
OWN = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
SIDES = [
    (Side(BINARY, {}, "cross_entropy", None), np.array([[1.0], [0.0], [NAN]])),
    (Side(REGRESSION, {}, "mse", "raw"), np.array([[2.0], [NAN], [-1.0]])),
]
ALL = torch.hstack([OWN, *(torch.tensor(v, dtype=torch.float32) for _, v in SIDES)])


def own(name: str = "bce"):
    return make_objective("multi_label", name, OWN)


def drawn(width: int) -> torch.Tensor:
    logits = torch.randn(3, width, generator=torch.Generator().manual_seed(1))
    return logits.requires_grad_(True)


def test_without_sides_it_is_the_own_objective() -> None:
    objective = own()
    assert join(objective, 2, []) is objective


def test_costs_stand_side_by_side_and_are_those_of_the_tasks_alone() -> None:
    objective, logits = join(own(), 2, SIDES), drawn(5)
    assert objective.logits == 2 + 2 + 1
    found = objective.loss(logits, ALL)
    assert found.shape == (3, 4)
    assert torch.equal(found[:, :2], own().loss(logits[:, :2], OWN))
    entropy = make_objective("binary", "cross_entropy", ALL[:2, 2:3])
    assert torch.equal(found[:2, 2:3], entropy.loss(logits[:2, 2:4], ALL[:2, 2:3]))
    assert found[0, 3].item() == pytest.approx((logits[0, 4].item() - 2) ** 2)
    assert found[2, 3].item() == pytest.approx((logits[2, 4].item() + 1) ** 2)


@pytest.mark.parametrize("name", ["bce", "weighted_bce", "powerset"])
def test_the_own_logits_learn_as_if_they_were_alone(name: str) -> None:
    objective = join(own(name), 2, SIDES)
    logits = drawn(objective.logits)
    objective.loss(logits, ALL).sum().backward()
    alone = logits.detach()[:, : own(name).logits].clone().requires_grad_(True)
    own(name).loss(alone, OWN).sum().backward()
    assert torch.equal(logits.grad[:, : own(name).logits], alone.grad)


def test_an_unknown_target_costs_nothing_and_teaches_nothing() -> None:
    objective, logits = join(own(), 2, SIDES), drawn(5)
    found = objective.loss(logits, ALL)
    assert found.isfinite().all()
    assert found[2, 2] == found[1, 3] == 0
    found.sum().backward()
    assert logits.grad.isfinite().all()
    assert not logits.grad[2, 2:4].any()
    assert not logits.grad[1, 4].any()
    assert logits.grad[0, 2:].all()


def test_a_side_s_weights_come_from_the_targets_that_are_known() -> None:
    side = Side(BINARY, {}, "weighted_bce", None)
    values = np.array([[1.0], [0.0], [0.0], [0.0], [NAN], [NAN]])
    objective = join(make_objective("regression", "mse", torch.zeros(6, 1)), 1, [(side, values)])
    found = objective.loss(torch.zeros(1, 2), torch.tensor([[0.0, 1.0]]))
    assert found[0, 1].item() == pytest.approx(3 * math.log(2))


def test_it_is_judged_by_its_own_task_alone() -> None:
    objective, logits = join(own(), 2, SIDES), drawn(5)
    assert torch.equal(objective.scores(logits), torch.sigmoid(logits[:, :2]))
    assert torch.equal(objective.loss(logits, OWN), own().loss(logits[:, :2], OWN))
    other = torch.cat([logits[:, :2], logits[:, 2:] + 9], dim=1)
    assert torch.equal(objective.scores(other), objective.scores(logits))
    assert torch.equal(objective.loss(other, OWN), objective.loss(logits, OWN))


def test_a_side_is_scaled_by_the_beads_it_is_asked_for() -> None:
    """Law 2, planted: what another bead has changes nothing."""
    targets = {"a": np.array([1.0]), "b": np.array([math.e**2]), "c": np.array([50.0])}
    side = Side(REGRESSION, targets, "mse", None)
    found = side.values(["a", "unknown", "b"])
    assert found[:, 0] == pytest.approx([-1, NAN, 1], nan_ok=True)
    planted = Side(REGRESSION, targets | {"c": np.array([1e9])}, "mse", None)
    assert np.array_equal(planted.values(["a", "unknown", "b"]), found, equal_nan=True)
    assert not np.array_equal(planted.values(["a", "b", "c"]), side.values(["a", "b", "c"]))
    raw = Side(REGRESSION, targets, "mse", "raw")
    assert raw.values(["a", "c"])[:, 0].tolist() == [1, 50]
    labels = Side(BINARY, {"a": np.array([1.0])}, "bce", None)
    assert np.array_equal(labels.values(["b", "a"]), [[NAN], [1]], equal_nan=True)


def material_of(folder: Path, joint: bool, engine: str) -> Material:
    params = read_params(AllParams, folder / "params.yaml")
    card = read_card(folder / params.card_file)
    beads = read_table(folder / "data/clean/beads.csv")
    tasks = [make_task(card, name, params.card_file) for name in params.tasks]
    own = tasks[1]
    change = {"joint": joint, "engine": engine, "learning_rate": 0.003}
    sides = make_sides(tasks, own, card, beads, params.target) if joint else []
    assert [side.task.name for side in sides] == ["defects", "heat_input"] * joint
    prompts = read_jsonl(folder / "data/text/prompts.jsonl")
    recipe = params.recipe("bert", own.name).model_copy(update=change)
    return make_material(params.encoder.source("bert"), own, recipe, card, beads, prompts, sides)[0]


def test_both_engines_learn_all_tasks_and_predict_their_own(ready) -> None:
    folder = ready(epochs=2, batch_size=4)
    train, test = members(read_table(folder / "data/split/folds.csv"), 0, 0)
    found = {}
    for joint, engine in ((False, "loop"), (True, "loop"), (True, "trainer")):
        material = material_of(folder, joint, engine)
        fitted = fit_fold(material, (0, 0), train, test)
        [member] = fitted.members
        assert member.reader.output.out_features == (1 + 4 + 1 if joint else 1)
        assert fitted.predictions["label"].unique().tolist() == ["Normal"]
        assert len(fitted.predictions) == len(test)
        found[joint, engine] = fitted
    ours, theirs = found[True, "loop"], found[True, "trainer"]
    assert ours.predictions.equals(theirs.predictions)
    assert ours.history == theirs.history
    assert not ours.predictions["score"].equals(found[False, "loop"].predictions["score"])


def test_a_test_bead_s_other_targets_change_no_model(ready) -> None:
    """Law 2, planted: the heat input of test beads is seven times too large."""
    folder = ready(epochs=2, batch_size=4)
    train, test = members(read_table(folder / "data/split/folds.csv"), 0, 0)
    material = material_of(folder, True, "loop")
    before = fit_fold(material, (0, 0), train, test).predictions
    for bead in test:
        material.sides[1].targets[bead] *= 7
    assert fit_fold(material, (0, 0), train, test).predictions.equals(before)
    material.sides[1].targets[train[0]] *= 7
    assert not fit_fold(material, (0, 0), train, test).predictions.equals(before)
