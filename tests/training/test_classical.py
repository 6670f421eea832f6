"""A classical model on a frozen encoder: what it is told, what it may know, what is stored."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import outputs
from safetensors.torch import load_file
from transformers import AutoModel

from llm4waam.card.card import read_card
from llm4waam.core.files import read_jsonl, read_table
from llm4waam.core.settings import read_params
from llm4waam.decisions.predictions import members
from llm4waam.encoders.model import build_model
from llm4waam.encoders.number_embedding import FieldScale
from llm4waam.encoders.tokens import TokenisedPrompt, pad
from llm4waam.splits.tasks import make_task
from llm4waam.stacked.engine import engine_of
from llm4waam.training.classical import features_of
from llm4waam.training.data import NumberScales, Scorer, TaskData, make_task_data
from llm4waam.training.fit import FittedFold, fit_folds
from llm4waam.training.losses import make_objective
from stages import train as stage
from stages.check_params import AllParams

NAN = math.nan
WIDTH = 32


def data_of(folder: Path, task: str, head: str, encoder: str = "bert", **changes) -> TaskData:
    params = read_params(AllParams, folder / "params.yaml")
    card = read_card(folder / params.card_file)
    return make_task_data(
        params.encoder.source(encoder),
        make_task(card, task, params.card_file),
        params.recipe(encoder, task).model_copy(update={"head": head, **changes}),
        card,
        read_table(folder / "data/clean/beads.csv"),
        read_jsonl(folder / "data/text/prompts.jsonl"),
    )[0]


def fit_one(data: TaskData, place: tuple[int, int], train: list, test: list) -> FittedFold:
    return fit_folds(data, [(place, train, test)], engine_of(data.recipe))[0]


def fold(folder: Path) -> tuple[list[str], list[str]]:
    return members(read_table(folder / "data/split/folds.csv"), 0, 0)


@pytest.mark.parametrize("task", ["defects", "quality", "heat_input"])
@pytest.mark.parametrize("head", ["linear", "trees"])
def test_it_fits_and_predicts_every_kind_of_task(ready, task: str, head: str) -> None:
    folder = ready()
    train, test = fold(folder)
    data = data_of(folder, task, head)
    fitted = fit_one(data, (0, 0), train, test)
    rows = fitted.predictions
    assert len(rows) == len(test) * len(data.task.outputs)
    assert np.isfinite(rows[["score", "loss"]]).all(axis=None)
    assert fitted.history == []
    again = fit_one(data, (0, 0), train, test)
    assert again.predictions.equals(rows)
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
    train, test = fold(folder)
    beads = train + test
    rows = fit_one(data_of(folder, "heat_input", "linear"), (0, 0), beads, beads).predictions
    target, score = np.log(rows["target"]), np.log(rows["score"])
    assert np.corrcoef(target, score)[0, 1] > 0.98
    assert ((score - target) ** 2).mean() < 0.1 * target.var()


@pytest.mark.parametrize("head", ["linear", "trees"])
def test_the_encoder_stays_frozen(ready, head: str) -> None:
    folder = ready()
    train, test = fold(folder)
    fitted = fit_one(data_of(folder, "quality", head), (0, 0), train, test)
    [trained] = fitted.models
    stored = AutoModel.from_pretrained(folder / "data/encoders/bert-mini").state_dict()
    for name, weight in trained.model.encoder.state_dict().items():
        assert torch.equal(weight, stored[name]), name
    assert trained.classical.states.shape == (len(train), WIDTH + 2)
    assert trained.classical.values.shape == (len(train), 1)


def scorer_of(data: TaskData, asked: dict[str, list[TokenisedPrompt]], **changes) -> Scorer:
    """Two fields: a is (value - 2) / 0.5, b the logarithm."""
    scales = {
        "a": FieldScale(log=False, mean=2.0, sd=0.5),
        "b": FieldScale(log=True, mean=0.0, sd=1.0, floor=0.1),
    }
    recipe = data.recipe.model_copy(update=changes)
    data = replace(data, prompts=asked, fields=["a", "b"], recipe=recipe)
    objective = make_objective("binary", "bce", torch.tensor([[0.0], [1.0]]))
    return Scorer(data, recipe, objective, None, NumberScales(["a", "b"], scales))


@torch.no_grad()
def test_features_are_the_mean_state_the_scores_and_their_squares(ready) -> None:
    data = data_of(ready(), "quality", "linear")
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
    # z of a is 2, that of b is 1; what is not told counts as average: z = 0 and z^2 - 1 = 0.
    assert found[0, WIDTH:] == pytest.approx([2, 1, 3, 0])
    assert found[1, WIDTH:] == pytest.approx([0, 0, -1, 0])
    assert found[2, WIDTH:] == pytest.approx([0, 0, 0, 0])
    model.eval()
    states = [
        model.embed(**pad([scorer.numbers.apply(prompt)], model.encoder.config.pad_token_id))
        for prompt in (both, turned)
    ]
    assert found[0, :WIDTH] == pytest.approx(torch.cat(states).mean(dim=0).numpy(), abs=1e-6)
    alone = features_of(model, scorer_of(data, {"x": [both, turned]}, average=False), ["x"])
    assert alone[0, :WIDTH] == pytest.approx(states[0][0].numpy(), abs=1e-6)


def test_a_test_bead_changes_no_training_state(ready) -> None:
    """Planted: a value of the test beads is a thousand times too large."""
    folder = ready()
    train, test = fold(folder)
    before, after, other = (data_of(folder, "quality", "linear") for _ in range(3))
    for data, beads in ((after, test), (other, train[:1])):
        for bead in beads:
            for asked in data.prompts[bead]:
                asked.numbers[:] = [1000 * number for number in asked.numbers]
    first, second, third = (fit_one(data, (0, 0), train, test) for data in (before, after, other))
    states = [fitted.models[0].classical.states for fitted in (first, second, third)]
    assert np.array_equal(states[0], states[1])
    assert not np.array_equal(states[0], states[2])
    assert not first.predictions["score"].equals(second.predictions["score"])


@pytest.mark.parametrize("task", ["quality", "heat_input"])
def test_the_folder_holds_what_the_model_is_fitted_on_and_no_pickle(ready, task: str) -> None:
    folder = ready(head="linear")
    stage.main("bert", task)
    model = folder / f"data/models/bert/{task}"
    files = [file for file in model.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".json", ".md", ".safetensors"}
    head = load_file(model / "seed-1/head.safetensors")
    folds = read_table(folder / "data/split/folds.csv")
    beads = (folds["role"] == "train").sum()
    assert head["states"].shape == (beads, WIDTH + 2)
    assert head["values"].shape == (beads, 1)
    assert set(head) - {"states", "values"} == {
        "number_embedding.linear.weight",
        "number_embedding.square.weight",
    }
    AutoModel.from_pretrained(model / "seed-1")
    rows = read_table(folder / f"data/predictions/bert/{task}.csv")
    assert len(rows) == len(folds)
    first = outputs(folder, "bert", task)
    stage.main("bert", task)
    assert outputs(folder, "bert", task) == first


def test_no_beads_have_no_scores(ready) -> None:
    folder = ready()
    train, _ = fold(folder)
    [trained] = fit_one(data_of(folder, "quality", "linear"), (0, 0), train, train).models
    scores, losses = trained.score([])
    assert scores.shape == losses.shape == (0, 1)
