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
from llm4waam.encoders.model import build_reader
from llm4waam.encoders.number_embedding import FieldScale
from llm4waam.encoders.tokens import Prompt
from llm4waam.splits.tasks import make_task
from llm4waam.training.batches import pad
from llm4waam.training.classical import features_of
from llm4waam.training.data import Judge, Material, Reading, make_material
from llm4waam.training.fit import fit_fold
from llm4waam.training.losses import make_objective
from stages import train as stage
from stages.check_params import AllParams

NAN = math.nan
WIDTH = 32


def material_of(folder: Path, task: str, head: str, encoder: str = "bert", **changes) -> Material:
    params = read_params(AllParams, folder / "params.yaml")
    card = read_card(folder / params.card_file)
    return make_material(
        params.encoder.source(encoder),
        make_task(card, task, params.card_file),
        params.recipe(encoder, task).model_copy(update={"head": head, **changes}),
        card,
        read_table(folder / "data/clean/beads.csv"),
        read_jsonl(folder / "data/text/prompts.jsonl"),
    )[0]


def fold(folder: Path) -> tuple[list[str], list[str]]:
    return members(read_table(folder / "data/split/folds.csv"), 0, 0)


@pytest.mark.parametrize("encoder", ["bert", "roberta"])
@pytest.mark.parametrize("task", ["defects", "quality", "heat_input"])
@pytest.mark.parametrize("head", ["linear", "trees"])
def test_it_fits_and_predicts_every_kind_of_task(ready, encoder: str, task: str, head: str) -> None:
    folder = ready()
    train, test = fold(folder)
    material = material_of(folder, task, head, encoder)
    fitted = fit_fold(material, (0, 0), train, test)
    rows = fitted.predictions
    assert len(rows) == len(test) * len(material.task.outputs)
    assert np.isfinite(rows[["score", "loss"]]).all(axis=None)
    assert fitted.history == []
    again = fit_fold(material, (0, 0), train, test)
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
    rows = fit_fold(material_of(folder, "heat_input", "linear"), (0, 0), beads, beads).predictions
    target, score = np.log(rows["target"]), np.log(rows["score"])
    assert np.corrcoef(target, score)[0, 1] > 0.98
    assert ((score - target) ** 2).mean() < 0.1 * target.var()


@pytest.mark.parametrize("head", ["linear", "trees"])
def test_the_encoder_stays_frozen(ready, head: str) -> None:
    folder = ready()
    train, test = fold(folder)
    fitted = fit_fold(material_of(folder, "quality", head), (0, 0), train, test)
    [member] = fitted.members
    stored = AutoModel.from_pretrained(folder / "data/encoders/bert-mini").state_dict()
    for name, weight in member.reader.encoder.state_dict().items():
        assert torch.equal(weight, stored[name]), name
    assert member.classical.states.shape == (len(train), WIDTH + 2)
    assert member.classical.values.shape == (len(train), 1)


def judge_of(material: Material, asked: dict[str, list[Prompt]], **changes) -> Judge:
    """Two fields: a is (value - 2) / 0.5, b the logarithm."""
    scales = {
        "a": FieldScale(log=False, mean=2.0, sd=0.5),
        "b": FieldScale(log=True, mean=0.0, sd=1.0, floor=0.1),
    }
    recipe = material.recipe.model_copy(update=changes)
    material = replace(material, prompts=asked, names=["a", "b"], recipe=recipe)
    objective = make_objective("binary", "bce", torch.tensor([[0.0], [1.0]]))
    return Judge(material, recipe, objective, None, Reading(["a", "b"], scales, None))


@torch.no_grad()
def test_features_are_the_mean_state_the_scores_and_their_squares(ready) -> None:
    material = material_of(ready(), "quality", "linear")
    both = Prompt([2, 30, 31, 32, 3], [0, 1, 1, 2, 0], [NAN, 3.0, 3.0, math.e, NAN])
    turned = Prompt([2, 32, 30, 31, 33, 3], [0, 2, 1, 1, 0, 0], [NAN, math.e, 3.0, 3.0, NAN, NAN])
    middling = Prompt([2, 30, 3], [0, 1, 0], [NAN, 2.0, NAN])
    silent = Prompt([2, 33, 3], [0, 0, 0], [NAN] * 3)
    judge = judge_of(material, {"x": [both, turned], "y": [middling], "z": [silent]})
    reader = build_reader(material.source, judge.recipe, 2, 1)
    found = features_of(reader, judge, ["x", "y", "z"])
    assert found.shape == (3, WIDTH + 4)
    assert found.dtype == np.float64
    # z of a is 2, that of b is 1; what is not told counts as average: z = 0 and z^2 - 1 = 0.
    assert found[0, WIDTH:] == pytest.approx([2, 1, 3, 0])
    assert found[1, WIDTH:] == pytest.approx([0, 0, -1, 0])
    assert found[2, WIDTH:] == pytest.approx([0, 0, 0, 0])
    reader.eval()
    states = [
        reader.embed(**pad([judge.reading.of(prompt)], reader.encoder.config.pad_token_id))
        for prompt in (both, turned)
    ]
    assert found[0, :WIDTH] == pytest.approx(torch.cat(states).mean(dim=0).numpy(), abs=1e-6)
    alone = features_of(reader, judge_of(material, {"x": [both, turned]}, average=False), ["x"])
    assert alone[0, :WIDTH] == pytest.approx(states[0][0].numpy(), abs=1e-6)


def test_a_test_bead_changes_no_training_state(ready) -> None:
    """Law 2, planted: a value of the test beads is a thousand times too large."""
    folder = ready()
    train, test = fold(folder)
    before, after, other = (material_of(folder, "quality", "linear") for _ in range(3))
    for material, beads in ((after, test), (other, train[:1])):
        for bead in beads:
            for asked in material.prompts[bead]:
                asked.numbers[:] = [1000 * number for number in asked.numbers]
    first, second, third = (
        fit_fold(material, (0, 0), train, test) for material in (before, after, other)
    )
    states = [fitted.members[0].classical.states for fitted in (first, second, third)]
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
    assert set(head) - {"states", "values"} == {"channel.linear.weight", "channel.square.weight"}
    AutoModel.from_pretrained(model / "seed-1")
    rows = read_table(folder / f"data/predictions/bert/{task}.csv")
    assert len(rows) == len(folds)
    first = outputs(folder, "bert", task)
    stage.main("bert", task)
    assert outputs(folder, "bert", task) == first


def test_no_beads_have_no_scores(ready) -> None:
    folder = ready()
    train, _ = fold(folder)
    [member] = fit_fold(material_of(folder, "quality", "linear"), (0, 0), train, train).members
    scores, losses = member.score([])
    assert scores.shape == losses.shape == (0, 1)
