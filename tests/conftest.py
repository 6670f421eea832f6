"""Workspaces: a folder with params.yaml, a small raw table and its card, to run stages in."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

# Before anything imports it: no test asks a hub.
os.environ["HF_HUB_OFFLINE"] = "1"

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"

SMALL_CARD = (ROOT / "tests/cards/small.yaml").read_text(encoding="utf-8")

HEADER = (
    "record,campaign,material,travel_speed,travel_speed_unit,voltage,current,heat_input,note,result"
)


def small_rows(beads: int = 24) -> list[str]:
    """A clean raw table: two campaigns, cells of two repeats, every label."""
    results = ["Normal", "Humping", "Humping or Balling", "Lack of fusion"]
    rows = []
    for bead in range(beads):
        cell = bead // 2
        speed, volts, amps = 4 + cell, 15 + 0.1 * bead, 150 + bead
        heat = 0.8 * volts * amps / speed
        material = ("ER70S-6", "ER316L")[cell % 2]
        result = results[(cell + bead % 2 * (cell % 3 == 0)) % 4]
        cells = [f"r{bead:02d}", f"lab {cell % 2}", material, f"{speed}", "mm/s"]
        rows.append(",".join([*cells, f"{volts:.3f}", f"{amps}", f"{heat:.4f}", "", result]))
    return rows


def git(*arguments: str) -> None:
    """`git ARGUMENTS` in the current folder, by nobody and without anybody's settings."""
    known = {"GIT_CONFIG_GLOBAL": os.devnull}
    who = ("-c", "user.name=t", "-c", "user.email=t@t")
    subprocess.run(["git", *who, *arguments], check=True, env={**os.environ, **known})


def outputs(folder: Path, encoder: str, task: str) -> dict[str, bytes]:
    """Every file that training a task leaves, by its path."""
    files = [
        folder / f"data/predictions/{encoder}/{task}.csv",
        folder / f"data/incomplete/{encoder}/{task}.csv",
        folder / f"plots/history/{encoder}/{task}.csv",
        *sorted(f for f in (folder / f"data/models/{encoder}/{task}").rglob("*") if f.is_file()),
    ]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.fixture
def params() -> dict:
    """The study's own params.yaml, cut down to seconds."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    raw["dataset"] = "small"
    raw["tasks"] = ["defects", "quality", "heat_input"]
    raw["text"] |= {"derived": 0, "incomplete": 0}
    raw["split"] |= {"folds": 3, "hold_out": 0.2}
    raw["train"] |= {"engine": "loop", "epochs": 1, "workers": 1, "incomplete": 0.0}
    for target in raw["target"].values():  # what a test changes in `train` is to count
        for name in ("epochs", "batch_size", "gain"):
            target.pop(name, None)
    raw["baselines"] |= {"trees": 10, "workers": 1}
    for encoder in ("bert", "roberta"):
        raw["encoder"][encoder]["checkpoint"] = f"data/encoders/{encoder}-mini"
    return raw


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, params: dict) -> Callable[..., Path]:
    """A function that fills a folder and enters it: workspace(rows=..., card=..., params=...)."""

    def fill(
        rows: list[str] | None = None,
        card: str = SMALL_CARD,
        params: dict = params,
        header: str = HEADER,
        raw: bytes | None = None,
    ) -> Path:
        folder = tmp_path / "data" / "raw"
        folder.mkdir(parents=True, exist_ok=True)
        text = "\n".join([header, *(small_rows() if rows is None else rows)]) + "\n"
        name = f"{params['dataset']}.{params['dataset_format']}"
        (folder / name).write_bytes(text.encode() if raw is None else raw)
        (folder / f"{params['dataset']}.yaml").write_text(card, encoding="utf-8")
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return fill


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Models of tests are tiny: more threads would only wait for each other."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny random checkpoints bert-mini and roberta-mini (1 x 32)."""
    from transformers import AutoModel, set_seed

    from llm4waam.pretraining.tokenizer import small_config, train_tokenizer

    folder = tmp_path_factory.mktemp("encoders")
    sentences = ["The travel speed is 4.5 mm/s. The material is ER70S-6. What is the result?"] * 3
    for encoder in ("bert", "roberta"):
        tokenizer = train_tokenizer(encoder, sentences, 400)
        set_seed(1)
        config = small_config(encoder, tokenizer, layers=1, width=32, heads=2)
        AutoModel.from_config(config).save_pretrained(folder / f"{encoder}-mini")
        tokenizer.save_pretrained(folder / f"{encoder}-mini")
    return folder


@pytest.fixture
def ready(workspace, params, encoders: Path) -> Callable[..., Path]:
    """A function that fills a folder up to the folds, with changes of `train`: ready(epochs=2)."""
    from stages import clean, serialize_to_text, split

    def fill(**changes: object) -> Path:
        params["train"] |= changes
        folder = workspace(params=params)
        shutil.copytree(encoders, folder / "data/encoders", dirs_exist_ok=True)
        for stage in (clean, split, serialize_to_text):
            stage.main()
        return folder

    return fill


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up study that `evaluate` has run on once; tests that change it work on a copy."""
    from made_study import make_study

    from stages import evaluate

    folder = tmp_path_factory.mktemp("study")
    make_study(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        evaluate.main()
    return folder


@pytest.fixture(scope="session")
def final_models(tmp_path_factory: pytest.TempPathFactory, encoders: Path) -> Path:
    """A folder as `dvc repro` leaves it: tiny BERTs of one epoch for all tasks of the real table.

    Tests that enter it must leave what stands there as it is.
    """
    from llm4waam.baselines import models
    from llm4waam.baselines.settings import CLASSIFIER_NAMES
    from stages import baselines, clean, serialize_to_text, split, train

    folder = tmp_path_factory.mktemp("final")
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["split"] |= {"folds": 2}
    params["train"] |= {"epochs": 1, "workers": 1}
    params["encoder"]["bert"]["checkpoint"] = "data/encoders/bert-mini"
    params["baselines"] |= {"trees": 10, "workers": 1}
    params["advice"] |= {"background": 3, "shown": 2, "bar": 0.45}
    params["advice"] |= {"members": ["bert", *CLASSIFIER_NAMES]}
    params["advice"]["trial"] = {"beads": 4, "seed": 1, "runs": 2}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    shutil.copytree(encoders, folder / "data/encoders")
    shutil.copytree(ROOT / "data/raw", folder / "data/raw")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in (clean, split, serialize_to_text):
            stage.main()
        for task in params["tasks"]:
            train.main("bert", task)
        few = {name: models.BASELINES[name] for name in CLASSIFIER_NAMES}
        patch.setattr(models, "BASELINES", few)
        baselines.main("quality")
    return folder


@pytest.fixture
def study(final_models: Path, monkeypatch: pytest.MonkeyPatch):
    """The parameters of `final_models`, whose folder is entered."""
    from llm4waam.core.settings import read_params
    from stages.check_params import AllParams

    monkeypatch.chdir(final_models)
    return read_params(AllParams)


@pytest.fixture
def predictor(study):
    """The final models of `final_models`."""
    from llm4waam.inference.predictor import load_predictor

    return load_predictor("bert", study.tasks, study.text, study.card_file)
