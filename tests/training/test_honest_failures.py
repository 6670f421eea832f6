"""A training that cannot end well ends with one line that says where and why."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from training_cases import fold_of, task_data
from transformers import AutoConfig, AutoModel, set_seed

from llm4waam.baselines.folds import predict_jobs
from llm4waam.core.errors import StudyError
from llm4waam.core.files import JsonLines, write_jsonl
from llm4waam.decisions.target_scale import TargetScale
from llm4waam.encoders.load import load_tokenizer, load_trunk
from llm4waam.stacked.engine import engine_of
from llm4waam.training.data import TaskData
from llm4waam.training.fit import fit_folds
from stages import train

ENGINES = ("stacked", "loop", "trainer")
PROMPTS = Path("data/text/prompts.jsonl")


def fit(data: TaskData, folder: Path, fold: int = 3) -> None:
    fit_folds(data, [((0, fold), *fold_of(folder))], engine_of(data.recipe))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_loss_that_is_not_finite_is_named_with_its_epoch_and_fold(
    ready, monkeypatch, engine: str
) -> None:
    folder = ready()
    data = task_data(folder, "quality", engine=engine, epochs=3, batch_size=4, max_grad_norm=None)
    first_epoch, steps, step = -(-len(fold_of(folder)[0]) // 4), [], torch.optim.AdamW.step

    def overflow(optimizer, *args, **kwargs):
        step(optimizer, *args, **kwargs)
        steps.append(1)
        if len(steps) == first_epoch + 1:
            optimizer.param_groups[0]["params"][0].data.fill_(float("nan"))

    monkeypatch.setattr(torch.optim.AdamW, "step", overflow)
    with pytest.raises(StudyError) as caught:
        fit(data, folder)
    assert "the loss is not finite at epoch 2 of fold 3 (bert, quality)" in str(caught.value)
    assert "a learning rate below 0.001" in str(caught.value)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_last_step_is_looked_at_too(ready, monkeypatch, engine: str) -> None:
    folder = ready()
    data = task_data(folder, "heat_input", engine=engine, epochs=1, batch_size=100)
    step = torch.optim.AdamW.step

    def overflow(optimizer, *args, **kwargs):
        step(optimizer, *args, **kwargs)
        optimizer.param_groups[0]["params"][0].data.fill_(float("inf"))

    monkeypatch.setattr(torch.optim.AdamW, "step", overflow)
    learned, other = fold_of(folder)
    with pytest.raises(StudyError, match=r"the weights are not finite .* of the final model"):
        fit_folds(data, [((0, -1), learned, other)], engine_of(data.recipe))


@pytest.mark.parametrize("engine", ENGINES)
def test_targets_too_large_for_their_scale_are_named(ready, engine: str) -> None:
    folder = ready()
    data = task_data(folder, "heat_input", engine=engine, scale="raw")
    huge = {bead: values * 1e30 for bead, values in data.targets.items()}
    with pytest.raises(StudyError, match="the loss is not finite at epoch 1 of fold 3"):
        fit(replace(data, targets=huge), folder)
    with pytest.raises(StudyError, match="have no standard deviation; expected a smaller unit"):
        TargetScale.fit(np.array([1e200, -1e200]), "standardised")


@pytest.mark.parametrize("engine", ENGINES)
def test_targets_that_are_all_the_same_are_learned(ready, engine: str) -> None:
    folder = ready()
    data = task_data(folder, "heat_input", engine=engine)
    for value in (0.1, 656.112):  # the standard deviation of equal numbers is not always 0
        same = replace(data, targets=dict.fromkeys(data.targets, np.array([value])))
        [fold] = fit_folds(same, [((0, 0), *fold_of(folder))], engine_of(data.recipe))
        assert fold.predictions["score"].between(value / 9, value * 9).all()
        assert np.isfinite(fold.predictions["loss"]).all()
    assert TargetScale.fit(np.full(3, 0.1), "log").sd == 1.0


def test_a_baseline_whose_answer_is_not_finite_is_named(ready) -> None:
    folder = ready()
    data = task_data(folder, "heat_input")
    learned, other = fold_of(folder)

    models = {"mean": lambda _: np.full((len(other), 1), np.inf)}
    features, jobs = SimpleNamespace(of=lambda _: None), [((1, 2), learned, other)]
    with pytest.raises(StudyError) as caught:
        list(predict_jobs(data.task, features, data.targets, jobs, 1, 0, models))
    assert str(caught.value).startswith("mean for heat_input_j_mm, fold 2 of repeat 1: its predic")


def test_a_baseline_that_refuses_its_values_is_named(ready) -> None:
    folder = ready()
    data = task_data(folder, "heat_input")
    learned, other = fold_of(folder)

    def refuse(_: object) -> np.ndarray:
        raise ValueError("Input X contains infinity or a value too large for float32.\nMore of it.")

    features, jobs = SimpleNamespace(of=lambda _: None), [((0, 2), learned, other)]
    with pytest.raises(StudyError) as caught:
        list(predict_jobs(data.task, features, data.targets, jobs, 1, 0, {"trees": refuse}))
    assert str(caught.value).startswith("trees for heat_input, fold 2: Input X contains infinity")
    assert "More of it" not in str(caught.value)


def test_a_disk_that_takes_no_more_leaves_no_half_model(ready, monkeypatch) -> None:
    folder = ready()

    def full(*_: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device")

    monkeypatch.setattr("llm4waam.training.save.save_file", full)
    with pytest.raises(StudyError, match=r"the model cannot be written .*No space left on device"):
        train.main("bert", "quality")
    left = [file.name for file in (folder / "data").rglob("*model*")]
    assert not any("part" in name or name == "model" for name in left)
    assert not (folder / "data/models").exists()


def test_a_gpu_that_is_not_there_is_one_line(ready, monkeypatch) -> None:
    ready(device="cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(StudyError, match=r"train\.device: there is no GPU .* expected cpu"):
        train.main("bert", "quality")
    assert not Path("data/models").exists()


def test_weights_of_a_checkpoint_that_are_not_finite_are_named(ready) -> None:
    folder = ready()
    checkpoint = folder / "data/encoders/bert-mini"
    model = AutoModel.from_pretrained(checkpoint)
    model.encoder.layer[0].output.dense.bias.data.fill_(float("nan"))
    model.save_pretrained(checkpoint)
    with pytest.raises(StudyError, match=r"weights are not finite \(encoder\.layer\.0\.output\."):
        load_trunk(str(checkpoint), None, random_weights=False, seed=0)


@pytest.mark.parametrize("encoder", ["bert", "roberta"])
def test_prompts_end_where_the_positions_of_a_checkpoint_do(ready, caplog, encoder: str) -> None:
    """Its tokenizer says 512; beyond its positions, a stack would read those of the next fold."""
    folder = ready()
    checkpoint = folder / f"data/encoders/{encoder}-mini"
    config = AutoConfig.from_pretrained(checkpoint)
    few = 20 if encoder == "bert" else 20 + config.pad_token_id + 1
    config.max_position_embeddings = few
    set_seed(1)
    AutoModel.from_config(config).save_pretrained(checkpoint)
    rows = []
    for engine in ENGINES:
        data = task_data(folder, "quality", encoder, engine=engine)
        assert data.max_tokens == 20
        assert max(len(p) for some in data.prompts.values() for p in some) == 20
        fold = fit_folds(data, [((0, 0), *fold_of(folder))], engine_of(data.recipe))[0]
        rows.append(fold.predictions["score"].to_numpy())
    assert np.allclose(rows[1], rows[2])
    assert np.allclose(rows[0], rows[1], atol=0.2)  # other random numbers of dropout
    assert any("cut at 20 tokens (all that the encoder takes)" in line for line in caplog.messages)
    config.max_position_embeddings = 6
    AutoModel.from_config(config).save_pretrained(checkpoint)
    with pytest.raises(StudyError, match=r"has positions for . tokens; expected at least 8"):
        task_data(folder, "quality", encoder)


def test_a_tokenizer_with_numbers_beyond_the_embeddings_is_refused(ready) -> None:
    folder = ready()
    file = folder / "data/encoders/bert-mini/tokenizer.json"
    tokenizer = json.loads(file.read_text("utf-8"))
    last = max(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].get)
    tokenizer["model"]["vocab"][last] += 1000  # as many tokens as before
    file.write_text(json.dumps(tokenizer), "utf-8")
    with pytest.raises(StudyError, match=r"its tokenizer has \d+ tokens; expected \d+, as config"):
        task_data(folder, "quality")


def test_long_notes_that_are_cut_are_counted_and_said(ready, caplog) -> None:
    folder = ready()
    rows = list(JsonLines(PROMPTS))
    with caplog.at_level(logging.WARNING):
        task_data(folder, "quality")
    assert not any("are cut" in line for line in caplog.messages)
    long = [row["bead"] for row in rows[:3]]
    for row in rows:
        row["text"] += " The operator notes: spatter and smoke." * 99 * (row["bead"] in long)
    write_jsonl(PROMPTS, rows)
    with caplog.at_level(logging.WARNING):
        data = task_data(folder, "quality")
    beads, prompts = len(set(long)), sum(p.cut for some in data.prompts.values() for p in some)
    said = f"{prompts} of {sum(map(len, data.prompts.values()))} prompts, of {beads} beads, are cut"
    assert any(f"{said} at 320 tokens (train.max_tokens)" in line for line in caplog.messages)


def test_the_offline_variable_changes_no_byte_of_a_model(encoders, monkeypatch, tmp_path) -> None:
    found = []
    for offline in (False, True):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
        folder = tmp_path / str(offline)
        load_tokenizer(str(encoders / "bert-mini")).save_pretrained(folder)
        found.append({file.name: file.read_bytes() for file in folder.iterdir()})
    assert found[0] == found[1]
    assert b"local_files_only" not in found[0]["tokenizer_config.json"]
