"""Training as a stage: what it writes, that it repeats, and what it refuses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import outputs
from safetensors.torch import load_file
from training_cases import fit_fold, fold_of, task_data
from transformers import AutoModel, AutoTokenizer

from llm4waam.core.errors import StudyError
from llm4waam.core.files import JsonLines, read_table, write_jsonl
from llm4waam.core.settings import read_params
from llm4waam.decisions.target_scale import TargetScale
from llm4waam.encoders.model import BeadModel
from llm4waam.encoders.number_embedding import NumberEmbedding
from llm4waam.encoders.number_scales import FieldScale, NumberScales
from llm4waam.encoders.number_skip import NumberSkip
from llm4waam.encoders.tokens import tokenise
from llm4waam.training.fit import SEEDS_APART, FittedFold
from llm4waam.training.loop import predict
from stages import split, train
from stages.check_params import AllParams


@pytest.fixture
def study(ready):
    """Steps enough to learn something: in the first one the rate is 0."""
    return lambda **changes: ready(**({"epochs": 2, "batch_size": 4} | changes))


@pytest.mark.parametrize(
    ("encoder", "task", "labels"),
    [("bert", "defects", 4), ("roberta", "quality", 1), ("bert", "heat_input", 1)],
)
def test_a_task_leaves_predictions_a_curve_and_a_model(
    study, encoder: str, task: str, labels: int
) -> None:
    folder = study()
    train.main(encoder, task)
    folds = read_table(folder / "data/split/folds.csv")
    rows = read_table(folder / f"data/predictions/{encoder}/{task}.csv")
    assert not rows.duplicated(["bead", "label"]).any()
    assert len(rows) == len(folds) * labels
    assert np.isfinite(rows[["score", "loss"]]).all(axis=None)
    curve = read_table(folder / f"plots/history/{encoder}/{task}.csv")
    assert len(curve) == 4 * 2
    assert curve.loc[curve["fold"] == -1, "val_loss"].isna().all()
    assert curve.loc[curve["fold"] >= 0, "val_loss"].notna().all()
    model = folder / f"data/models/{encoder}/{task}"
    assert {file.suffix for file in model.rglob("*") if file.is_file()} <= {
        *(".json", ".md", ".onnx", ".safetensors", ".txt")
    }
    assert AutoModel.from_pretrained(model / "seed-1").config.model_type == encoder
    head = load_file(model / "seed-1/head.safetensors")
    channel = {"number_embedding.linear.weight", "number_embedding.square.weight"}
    layers = {f"{layer}.{part}" for layer in ("dense", "output") for part in ("weight", "bias")}
    assert set(head) == channel | layers | {"number_skip.linear.weight"}
    assert head["output.weight"].shape == (labels, 32)
    assert AutoTokenizer.from_pretrained(model)("speed 4.5")["input_ids"]
    fitted = json.loads((model / "fitted.json").read_text(encoding="utf-8"))
    assert (fitted["target_scale"] is None) is (task != "heat_input")
    if task == "heat_input":
        beads = read_table(folder / "data/clean/beads.csv").set_index("bead")
        training = beads.loc[folds.loc[folds["role"] == "train", "bead"], "heat_input_j_mm"]
        scale = TargetScale(**fitted["target_scale"])
        assert scale == TargetScale.fit(training.to_numpy(), "log")
    assert (fitted["decision"] is None) is (task == "heat_input")
    assert fitted["fields"] == list(fitted["scales"]) == ["travel_speed_mm_s"]
    recipe = json.loads((model / "recipe.json").read_text(encoding="utf-8"))
    assert recipe == read_params(AllParams).recipe(encoder, task).model_dump()


def load_model(folder: Path) -> BeadModel:
    """A model from its folder alone, by stock classes."""
    encoder = AutoModel.from_pretrained(folder, add_pooling_layer=False)
    head = load_file(folder / "head.safetensors")
    channel = NumberEmbedding(len(head["number_embedding.linear.weight"]) - 1, 32, 0.02)
    outputs, fields = len(head["output.bias"]), head["number_skip.linear.weight"].shape[1] // 2
    reader = BeadModel(encoder, channel, "mean", outputs)
    reader.number_skip = NumberSkip(fields, outputs, read_params(AllParams).train.gain)
    reader.load_state_dict({f"encoder.{n}": p for n, p in encoder.state_dict().items()} | head)
    return reader


def test_the_folder_is_all_that_a_prediction_needs(study) -> None:
    """Two seeds with low-rank additions."""
    folder = study(seeds=2, lora_rank=2)
    train.main("bert", "quality")
    rows = read_table(folder / "data/predictions/bert/quality.csv")
    rows = rows[rows["fold"] == -1].set_index("bead")
    model = folder / "data/models/bert/quality"
    assert {path.name for path in model.iterdir() if path.is_dir()} == {"seed-1", "seed-2"}
    shutil.rmtree(folder / "data/encoders")
    tokenizer = AutoTokenizer.from_pretrained(model)
    stored = json.loads((model / "fitted.json").read_text(encoding="utf-8"))
    names = stored["fields"]
    scales = {name: FieldScale(**scale) for name, scale in stored["scales"].items()}
    numbers = NumberScales(names, scales)
    readers = [load_model(model / f"seed-{number}") for number in (1, 2)]
    assert not torch.equal(readers[0].output.weight, readers[1].output.weight)
    recipe = read_params(AllParams).recipe("bert", "quality")
    prompts = list(JsonLines(folder / "data/text/prompts.jsonl"))
    prompts = [prompt for prompt in prompts if prompt["task"] in (None, "quality")]
    assert len(rows) > 2
    for bead, row in rows.iterrows():
        texts = [p for p in prompts if p["bead"] == bead and not p["without"]]
        room, mask_id = recipe.max_tokens, None if recipe.digits else tokenizer.mask_token_id
        read = tokenise(tokenizer.backend_tokenizer, texts, names, room, mask_id=mask_id)
        ready = numbers.apply(read)
        logits = torch.stack([predict(r, ready, recipe).mean(dim=0) for r in readers])
        assert torch.sigmoid(logits).mean().item() == pytest.approx(row["score"], abs=1e-5)


def test_two_runs_are_equal_byte_for_byte_and_another_seed_is_not(study) -> None:
    first = study()
    train.main("bert", "quality")
    before = outputs(first, "bert", "quality")
    train.main("bert", "quality")
    assert outputs(first, "bert", "quality") == before
    study(workers=2)
    train.main("bert", "quality")
    assert outputs(first, "bert", "quality") == before
    study(seed=43)
    train.main("bert", "quality")
    after = outputs(first, "bert", "quality")
    for name in ("predictions/bert/quality.csv", "models/bert/quality/seed-1/model.safetensors"):
        assert after[f"data/{name}"] != before[f"data/{name}"]


def scores(folder: Path, task: str) -> pd.DataFrame:
    """The scores after a training, by bead and fold."""
    train.main("bert", task)
    return read_table(folder / f"data/predictions/bert/{task}.csv")[["bead", "fold", "score"]]


def test_no_target_outside_the_training_fold_moves_a_fold_s_model(study) -> None:
    """Other targets in one fold change all other folds' predictions, and not its own."""
    folder = study()
    before = scores(folder, "heat_input")
    beads = read_table(folder / "data/clean/beads.csv")
    folds = read_table(folder / "data/split/folds.csv")
    inside = folds.loc[(folds["role"] == "train") & (folds["fold"] == 0), "bead"]
    beads.loc[beads["bead"].isin(inside), "heat_input_j_mm"] *= 7
    beads.to_csv(folder / "data/clean/beads.csv", index=False)
    after, here = scores(folder, "heat_input"), before["fold"] == 0
    assert after[here].equals(before[here])
    assert not np.isclose(after.loc[~here, "score"], before.loc[~here, "score"]).any()


def test_no_number_outside_the_training_fold_moves_a_fold_s_model(study) -> None:
    """Another number of one bead changes no other prediction in its fold, and all elsewhere."""
    folder = study()
    before = scores(folder, "quality")
    planted = before.loc[before["fold"] == 0, "bead"].iloc[0]
    prompts = list(JsonLines(folder / "data/text/prompts.jsonl"))
    for row in prompts:
        for value in row["values"]:
            if row["bead"] == planted and value[0] == "travel_speed_mm_s":
                value[3] *= 1000
    write_jsonl(folder / "data/text/prompts.jsonl", prompts)
    after = scores(folder, "quality")
    same = (before["fold"] == 0) & (before["bead"] != planted)
    assert after[same].equals(before[same])
    assert (after.loc[~same, "score"] != before.loc[~same, "score"]).all()


def fit(folder: Path, task: str = "quality", **changes: object) -> FittedFold:
    return fit_fold(task_data(folder, task, **changes), *fold_of(folder))


@pytest.mark.parametrize("task", ["quality", "heat_input"])
def test_the_scores_of_two_seeds_are_the_mean_of_both(study, task: str) -> None:
    folder = study()
    both, first = fit(folder, task, seeds=2), fit(folder, task)
    second = fit(folder, task, seed=read_params(AllParams).train.seed + SEEDS_APART)
    alone = [one.predictions for one in (first, second)]
    assert not np.isclose(alone[0]["score"], alone[1]["score"], rtol=1e-9).any()
    for column in ("score", "loss"):
        assert np.array_equal(both.predictions[column], (alone[0][column] + alone[1][column]) / 2)
    assert [trained.scorer.recipe.seed for trained in both.models] == [
        one.models[0].scorer.recipe.seed for one in (first, second)
    ]
    assert both.history == first.history


def test_a_bead_is_scored_by_the_mean_of_its_prompts_or_by_the_first(study) -> None:
    folder = study()
    mean, first = fit(folder), fit(folder, average=False)
    [ours], [theirs] = mean.models, first.models
    for name, weight in ours.model.state_dict().items():
        assert torch.equal(weight, theirs.model.state_dict()[name])
    beads = first.predictions["bead"].tolist()
    prompts = [ours.scorer.prompts([bead])[0] for bead in beads]
    assert {len(both) for both in prompts} == {2}
    recipe = ours.scorer.recipe
    by_prompt = predict(ours.model, [p for both in prompts for p in both], recipe)
    by_prompt = by_prompt.double().reshape(len(beads), 2)
    averaged = torch.sigmoid(by_prompt.mean(dim=1))
    assert np.allclose(mean.predictions["score"], averaged, rtol=0, atol=1e-6)
    alone = torch.sigmoid(by_prompt[:, 0])
    assert np.allclose(first.predictions["score"], alone, rtol=0, atol=1e-6)
    assert not np.allclose(averaged, alone, rtol=0, atol=1e-4)


def test_an_epoch_takes_one_prompt_of_a_bead_or_every_one(study) -> None:
    folder = study()
    drawn, whole = fit(folder), fit(folder, prompts="all")
    beads = sorted(drawn.models[0].scorer.data.targets)[:10]
    targets = np.arange(10.0)[:, None]
    some, every = (f.models[0].scorer.training_examples(beads, targets) for f in (drawn, whole))
    assert (len(some), len(every)) == (10, 20)
    assert {len(choices) for choices in some.choices} == {2}
    every_ids = [choices[0].ids.tolist() for choices in every.choices]
    drawn_from = [prompt.ids.tolist() for choices in some.choices for prompt in choices]
    assert drawn_from == every_ids
    assert every.targets[:, 0].tolist() == [n // 2 for n in range(20)]
    assert not drawn.predictions["score"].equals(whole.predictions["score"])
    epochs = [
        [some.prompt(row, epoch).ids.tolist() for row in range(10)] for epoch in (1, 2, 3, 4, 5, 6)
    ]
    assert any(epoch != epochs[0] for epoch in epochs)


def test_without_a_hold_out_there_is_a_model_but_no_score_for_it(study, params) -> None:
    params["split"]["hold_out"] = 0.0
    folder = study(epochs=1)
    split.main()
    train.main("bert", "quality")
    rows = read_table(folder / "data/predictions/bert/quality.csv")
    assert set(rows["role"]) == {"oof"}
    assert (folder / "data/models/bert/quality/seed-1").is_dir()


def test_a_leak_in_the_folds_stops_the_training(study) -> None:
    folder = study()
    file = folder / "data/split/folds.csv"
    folds = read_table(file)
    folds.loc[folds.index[folds["role"] == "train"][0], ["role", "fold"]] = "test", -1
    folds.to_csv(file, index=False)
    with pytest.raises(StudyError, match="leak"):
        train.main("bert", "quality")


def test_folds_together_leave_the_same_however_many_processes_share_them(study) -> None:
    """Stacked, with two seeds and inner folds: the bytes repeat, and rounding alone differs."""
    changes = {"engine": "stacked", "seeds": 2, "inner_folds": 2}
    folder = study(**changes)
    train.main("roberta", "quality")
    before = outputs(folder, "roberta", "quality")
    rows = read_table(folder / "data/predictions/roberta/quality.csv")
    assert set(rows["fold"]) == {-1, 0, 1, 2}
    assert rows["threshold"].notna().all()
    train.main("roberta", "quality")
    assert outputs(folder, "roberta", "quality") == before
    study(**changes, workers=2)
    train.main("roberta", "quality")
    shared = read_table(folder / "data/predictions/roberta/quality.csv")
    assert shared["score"].to_numpy() == pytest.approx(rows["score"].to_numpy(), abs=1e-4)
    assert outputs(folder, "roberta", "quality").keys() == before.keys()
