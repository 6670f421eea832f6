"""A classical model on a frozen encoder: its features, what it may know, what is stored."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import outputs
from safetensors.torch import load_file
from training_cases import fit_fold, fold_of, prompts_of, task_data
from transformers import AutoModel

from llm4waam.core.files import read_table
from llm4waam.encoders.model import batch_of, build_model
from llm4waam.encoders.number_scales import FieldScale, NumberScales
from llm4waam.encoders.tokens import TokenisedPrompt
from llm4waam.training.bead_prompts import BeadPrompts, by_bead
from llm4waam.training.classical import features_of
from llm4waam.training.data import Scorer, TaskData
from llm4waam.training.losses import make_objective
from stages import train as stage

NAN = math.nan
WIDTH = 32


@pytest.mark.parametrize("task", ["defects", "quality", "heat_input"])
@pytest.mark.parametrize("head", ["linear", "trees"])
def test_it_fits_and_predicts_every_kind_of_task(ready, task: str, head: str) -> None:
    folder = ready()
    train, test = fold_of(folder)
    data = task_data(folder, task, head=head)
    fitted = fit_fold(data, train, test)
    rows = fitted.predictions
    assert len(rows) == len(test) * len(data.task.outputs)
    assert np.isfinite(rows[["score", "loss"]]).all(axis=None)
    assert fitted.history == []
    assert fit_fold(data, train, test).predictions.equals(rows)
    assert (fitted.decision is None) is (task == "heat_input")
    if task == "heat_input":
        assert (rows["score"] > 0).all()
    else:
        assert rows["score"].between(0, 1).all()
        expected = np.where(rows["target"] == 1, rows["score"], 1 - rows["score"])
        assert np.allclose(rows["loss"], -np.log(np.clip(expected, 1e-6, 1 - 1e-6)))


def test_a_linear_model_of_the_logarithms_finds_the_heat_input(ready) -> None:
    """The small table's heat input is nearly a constant over the travel speed."""
    folder = ready()
    train, test = fold_of(folder)
    beads = train + test
    rows = fit_fold(task_data(folder, "heat_input", head="linear"), beads, beads).predictions
    target, score = np.log(rows["target"]), np.log(rows["score"])
    assert np.corrcoef(target, score)[0, 1] > 0.97
    assert ((score - target) ** 2).mean() < 0.1 * target.var()


def test_the_encoder_stays_frozen_and_no_beads_have_no_scores(ready) -> None:
    folder = ready()
    train, test = fold_of(folder)
    [trained] = fit_fold(task_data(folder, "quality", head="linear"), train, test).models
    stored = AutoModel.from_pretrained(folder / "data/encoders/bert-mini").state_dict()
    for name, weight in trained.model.encoder.state_dict().items():
        assert torch.equal(weight, stored[name]), name
    assert trained.classical.states.shape == (len(train), WIDTH + 2)
    assert trained.classical.values.shape == (len(train), 1)
    scores, losses = trained.score([])
    assert scores.shape == losses.shape == (0, 1)


def told(prompts: dict[str, list[TokenisedPrompt]]) -> BeadPrompts:
    """Two fields."""
    all_of_them = prompts_of([one for some in prompts.values() for one in some], 2)
    owners = np.repeat(range(len(prompts)), [len(some) for some in prompts.values()])
    return by_bead(all_of_them, [*prompts], owners, np.zeros(len(owners), int), [""])


def scorer_of(data: TaskData, prompts: dict[str, list[TokenisedPrompt]], **changes) -> Scorer:
    """Two fields: a is (value - 2) / 0.5, b the logarithm."""
    scales = {
        "a": FieldScale(log=False, mean=2.0, sd=0.5),
        "b": FieldScale(log=True, mean=0.0, sd=1.0, floor=0.1),
    }
    recipe = data.recipe.model_copy(update=changes)
    data = replace(data, prompts=told(prompts), fields=["a", "b"], recipe=recipe)
    objective = make_objective("binary", "bce", torch.tensor([[0.0], [1.0]]))
    return Scorer(data, recipe, objective, None, NumberScales(["a", "b"], scales))


@torch.no_grad()
def test_features_are_the_mean_state_the_scores_and_their_squares(ready) -> None:
    data = task_data(ready(), "quality", head="linear")
    both = TokenisedPrompt([2, 30, 31, 32, 3], [0, 1, 1, 2, 0], [NAN, 3.0, 3.0, math.e, NAN])
    turned = TokenisedPrompt(
        [2, 32, 30, 31, 33, 3], [0, 2, 1, 1, 0, 0], [NAN, math.e, 3.0, 3.0, NAN, NAN]
    )
    middling = TokenisedPrompt([2, 30, 3], [0, 1, 0], [NAN, 2.0, NAN])
    silent = TokenisedPrompt([2, 33, 3], [0, 0, 0], [NAN] * 3)
    scorer = scorer_of(data, {"x": [both, turned], "y": [middling], "z": [silent]})
    model = build_model(data.source, scorer.recipe, 2, 1, 0)
    found = features_of(model, scorer, ["x", "y", "z"])
    assert found.shape == (3, WIDTH + 4)
    assert found.dtype == np.float64
    # z of a is 2, that of b is 1; what no sentence says counts as average: z = 0 and z^2 - 1 = 0.
    assert found[0, WIDTH:] == pytest.approx([2, 1, 3, 0])
    assert found[1, WIDTH:] == pytest.approx([0, 0, -1, 0])
    assert found[2, WIDTH:] == pytest.approx([0, 0, 0, 0])
    model.eval()
    pad_id = model.encoder.config.pad_token_id
    states = [
        model.embed(**batch_of(scorer.flat_prompts(["x"])[n : n + 1], pad_id)) for n in range(2)
    ]
    assert found[0, :WIDTH] == pytest.approx(torch.cat(states).mean(dim=0).numpy(), abs=1e-6)
    alone = features_of(model, scorer_of(data, {"x": [both, turned]}, average=False), ["x"])
    assert alone[0, :WIDTH] == pytest.approx(states[0][0].numpy(), abs=1e-6)


def test_a_test_bead_changes_no_training_state(ready) -> None:
    """Planted: a value of the test beads is a thousand times too large."""
    folder = ready()
    train, test = fold_of(folder)
    before, after, other = (task_data(folder, "quality", head="linear") for _ in range(3))
    for data, beads in ((after, test), (other, train[:1])):
        for bead in beads:
            prompts = data.prompts[bead]
            prompts.tokens.values[:, prompts.rows] *= 1000
    first, second, third = (fit_fold(data, train, test) for data in (before, after, other))
    states = [fitted.models[0].classical.states for fitted in (first, second, third)]
    assert np.array_equal(states[0], states[1])
    assert not np.array_equal(states[0], states[2])
    assert not first.predictions["score"].equals(second.predictions["score"])


def test_the_folder_holds_what_the_model_is_fitted_on_and_no_pickle(ready) -> None:
    folder = ready(head="linear")
    stage.main("bert", "quality")
    model = folder / "data/models/bert/quality"
    suffixes = {file.suffix for file in model.rglob("*") if file.is_file()}
    assert suffixes == {".json", ".md", ".safetensors"}
    head = load_file(model / "seed-1/head.safetensors")
    folds = read_table(folder / "data/split/folds.csv")
    beads = (folds["role"] == "train").sum()
    assert {name: head.pop(name).shape for name in ("states", "values")} == {
        "states": (beads, WIDTH + 2),
        "values": (beads, 1),
    }
    assert set(head) == {"number_embedding.linear.weight", "number_embedding.square.weight"}
    AutoModel.from_pretrained(model / "seed-1")
    assert len(read_table(folder / "data/predictions/bert/quality.csv")) == len(folds)
    first = outputs(folder, "bert", "quality")
    stage.main("bert", "quality")
    assert outputs(folder, "bert", "quality") == first
