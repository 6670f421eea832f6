"""Training as a stage: what it writes, that it repeats, and what it refuses."""

import json

import numpy as np
import pytest
import yaml
from conftest import outputs
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from stages import train
from stages.beads.errors import StudyError
from stages.beads.files import read_table
from stages.learning.scaler import Scaler


@pytest.fixture
def study(ready):
    return ready


@pytest.mark.parametrize(
    ("encoder", "task", "labels"),
    [("bert", "defects", 4), ("roberta", "quality", 1), ("bert", "heat_input", 1)],
)
def test_a_task_leaves_predictions_a_curve_and_a_model(
    study, encoder: str, task: str, labels: int
) -> None:
    folder = study(epochs=2)
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
    assert not [f.name for f in model.iterdir() if f.suffix in (".bin", ".pkl", ".pt")]
    loaded = AutoModelForSequenceClassification.from_pretrained(model)
    assert loaded.config.num_labels == labels
    assert AutoTokenizer.from_pretrained(model)("speed 4.5")["input_ids"]
    assert (model / ("scaler.json" if task == "heat_input" else "decision.json")).is_file()


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
    for name in ("data/predictions/bert/quality.csv", "data/models/bert/quality/model.safetensors"):
        assert after[name] != before[name]


def test_nothing_outside_the_training_fold_moves_a_fold_s_model(study) -> None:
    """Law 2: other targets in one fold change that fold's losses, not its predictions."""
    folder = study()
    train.main("bert", "heat_input")
    place = ["bead", "fold", "score"]
    before = read_table(folder / "data/predictions/bert/heat_input.csv")[place]
    beads = read_table(folder / "data/clean/beads.csv")
    folds = read_table(folder / "data/split/folds.csv")
    inside = folds.loc[(folds["role"] == "train") & (folds["fold"] == 0), "bead"]
    beads.loc[beads["bead"].isin(inside), "heat_input_j_mm"] *= 7
    beads.to_csv(folder / "data/clean/beads.csv", index=False)
    train.main("bert", "heat_input")
    after = read_table(folder / "data/predictions/bert/heat_input.csv")[place]
    here = before["fold"] == 0
    assert after[here].equals(before[here])
    assert not np.isclose(after.loc[~here, "score"], before.loc[~here, "score"]).any()


def test_a_leak_in_the_folds_stops_the_training(study) -> None:
    folder = study()
    file = folder / "data/split/folds.csv"
    folds = read_table(file)
    folds.loc[folds.index[folds["role"] == "train"][0], ["role", "fold"]] = "test", -1
    folds.to_csv(file, index=False)
    with pytest.raises(StudyError, match="leak"):
        train.main("bert", "quality")


def test_a_loss_of_another_kind_is_refused(study, params) -> None:
    params["task"]["quality"]["loss"] = "mse"
    study()
    with pytest.raises(StudyError, match="'mse': no loss of a binary task"):
        train.main("bert", "quality")


def test_the_scaler_is_stored_and_restores(study) -> None:
    folder = study()
    train.main("roberta", "heat_input")
    stored = json.loads((folder / "data/models/roberta/heat_input/scaler.json").read_text())
    folds = read_table(folder / "data/split/folds.csv")
    beads = read_table(folder / "data/clean/beads.csv").set_index("bead")
    training = beads.loc[folds.loc[folds["role"] == "train", "bead"], "heat_input_j_mm"]
    scaler = Scaler(**stored)
    assert scaler == Scaler.fit(training.to_numpy(), "log")
    assert scaler.restore(scaler.scale(np.array([300.0]))) == pytest.approx([300.0])


def test_every_task_of_params_yaml_has_a_recipe(params) -> None:
    raw = yaml.safe_load(yaml.safe_dump(params))
    assert set(raw["tasks"]) <= set(raw["task"])


def test_the_logarithm_of_a_negative_target_is_refused() -> None:
    with pytest.raises(ValueError, match="logarithm of -1"):
        Scaler.fit(np.array([-1.0, 2.0]), "log")
