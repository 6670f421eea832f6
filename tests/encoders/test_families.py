"""A third family of encoders: the entry and the stage of docs/using.md, and nothing else."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from conftest import ROOT, outputs
from torch import nn
from training_cases import RECIPE, job_of
from transformers import AutoModel, DistilBertModel, set_seed

from llm4waam.ablations.variations import variations_of
from llm4waam.core.errors import StudyError
from llm4waam.core.files import read_table
from llm4waam.core.settings import read_params
from llm4waam.encoders.families import FAMILIES, Family, family_pairs
from llm4waam.encoders.model import BeadModel
from llm4waam.inference.graph import Graph
from llm4waam.inference.predictor import load_predictor
from llm4waam.plotting.style import model_colour, title
from llm4waam.pretraining import tiers
from llm4waam.pretraining.tokenizer import small_config, train_tokenizer
from llm4waam.stacked.engine import engine_of
from llm4waam.training.export import export
from llm4waam.training.loop import FineTuning, predict
from stages import (
    ablate,
    ablation_pages,
    baselines,
    clean,
    evaluate,
    explore,
    pretrain,
    report,
    serialize_to_text,
    split,
    train,
)
from stages.check_params import AllParams

GUIDE = (ROOT / "docs/using.md").read_text(encoding="utf-8")
ENTRY, STAGE = (
    re.search(rf"```{language}\n(.*?distilbert.*?)```", GUIDE, re.DOTALL)[1]
    for language in ("python", "yaml")
)
TINY = {"vocabulary": 400, "layers": 1, "width": 32, "heads": 2, "beads": 32, "epochs": [1, 1, 1]}
TINY |= {"batch_size": 16, "workers": 1}
TASKS = ("quality", "heat_input")


@pytest.fixture
def third(monkeypatch: pytest.MonkeyPatch) -> Family:
    """DistilBERT, as the guide adds it."""
    [(name, family)] = eval(f"{{{ENTRY}}}", {"Family": Family}).items()
    monkeypatch.setitem(FAMILIES, name, family)
    return family


@pytest.fixture
def tiny(tmp_path: Path, third: Family) -> Path:
    """A folder with a random distilbert-mini of two layers."""
    assert third in FAMILIES.values()
    sentences = ["The travel speed is 4.5 mm/s. The material is ER70S-6. What is the result?"] * 3
    tokenizer = train_tokenizer("distilbert", sentences, 400)
    set_seed(1)
    config = small_config("distilbert", tokenizer, layers=2, width=32, heads=2)
    AutoModel.from_config(config).save_pretrained(tmp_path / "distilbert-mini")
    tokenizer.save_pretrained(tmp_path / "distilbert-mini")
    return tmp_path


def test_a_compact_encoder_has_the_sizes_that_were_asked_for(third: Family) -> None:
    tokenizer = train_tokenizer("distilbert", ["The travel speed is 4.5 mm/s."] * 3, 300)
    config = small_config("distilbert", tokenizer, layers=3, width=16, heads=2)
    assert type(config).__name__ == third.config
    assert (config.n_layers, config.dim, config.n_heads, config.hidden_dim) == (3, 16, 2, 64)
    assert (config.attention_dropout, config.max_position_embeddings) == (0.0, 512)
    assert config.vocab_size == len(tokenizer)


def test_every_pair_of_families_is_compared_and_each_has_its_name_and_colour(
    third: Family,
) -> None:
    assert list(family_pairs()) == [
        "bert_vs_roberta",
        "bert_vs_distilbert",
        "roberta_vs_distilbert",
    ]
    assert [title(name) for name in FAMILIES] == ["BERT", "RoBERTa", third.title]
    assert len({model_colour(name) for name in (*FAMILIES, "extra_trees")}) == 4


def test_a_family_that_params_do_not_name_is_as_its_entry_says(
    tmp_path: Path, third: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    raw["advice"]["encoder"] = "distilbert"
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(raw), encoding="utf-8")
    params = read_params(AllParams, file)
    assert [name for name, _ in params.encoder.items()] == list(FAMILIES)
    source = params.encoder.source("distilbert")
    assert (source.checkpoint, source.revision) == (third.checkpoint, None)
    assert params.encoder["distilbert"].learning_rate == third.learning_rate
    assert params.advice.encoder == "distilbert"
    rates = variations_of("rates", params.ablations, {})
    assert rates[0].sources == tuple(FAMILIES)
    monkeypatch.delitem(FAMILIES, "distilbert")
    with pytest.raises(StudyError, match=r"'distilbert': advice\.encoder: .*bert or roberta"):
        read_params(AllParams, file)


@pytest.mark.parametrize(
    ("section", "place"),
    [
        ({"encoder": {"brt": {"checkpoint": "x"}}}, "encoder.brt"),
        ({"losses": "brt"}, "ablations.losses.encoder"),
    ],
)
def test_an_encoder_that_is_not_known_is_refused_in_one_line(
    tmp_path: Path, section: dict, place: str
) -> None:
    raw = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    raw["encoder"] |= section.get("encoder", {})
    raw["ablations"]["losses"]["encoder"] = section.get("losses", "bert")
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(raw), encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        read_params(AllParams, file)
    said = f"'brt': {place}: there is no such encoder; expected bert or roberta"
    assert str(caught.value) == f"{file}: {said}"


@pytest.mark.parametrize(
    "start",
    [
        lambda: train.main("brt", "quality"),
        lambda: pretrain.main("bert", "brt"),
        lambda: ablate.main("rates", "brt"),
    ],
    ids=["train", "pretrain", "ablate"],
)
def test_a_stage_refuses_an_encoder_that_is_not_known(start) -> None:
    with pytest.raises(StudyError, match="'brt': there is no such encoder; expected bert or rob"):
        start()


def trained(tiny: Path, engine: str, **changes: object) -> BeadModel:
    """A DistilBERT after a few epochs, without dropout, which each engine draws in its own way."""
    recipe = RECIPE.model_copy(update={"engine": engine, **changes})
    job: FineTuning = job_of(tiny, "distilbert", "binary", recipe, evaluate=True, several=True)
    for module in job.model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    engine_of(recipe)([job])
    return job.model


@pytest.mark.parametrize("engine", ["trainer", "stacked"])
@pytest.mark.parametrize(
    "changes",
    [
        *({}, {"numbers": "none"}, {"numbers": "both"}),
        *({"frozen_layers": 1, "layer_decay": 0.5}, {"lora_rank": 2}),
    ],
    ids=str,
)
def test_all_engines_leave_the_same_weights(tiny: Path, engine: str, changes: dict) -> None:
    before = AutoModel.from_pretrained(tiny / "distilbert-mini").state_dict()
    ours, theirs = (trained(tiny, name, **changes).state_dict() for name in (engine, "loop"))
    assert ours.keys() == theirs.keys()
    for name, weight in ours.items():
        torch.testing.assert_close(weight, theirs[name], rtol=0, atol=1e-5, msg=name)
    lower = "transformer.layer.0.attention.q_lin.weight"
    after = {n.replace(".base_layer", ""): w for n, w in ours.items()}
    moved = not torch.equal(after[f"encoder.{lower}"], before[lower])
    assert moved is not bool(changes.get("frozen_layers") or changes.get("lora_rank"))


def test_a_graph_answers_as_its_model(tiny: Path, tmp_path: Path) -> None:
    job = job_of(tiny, "distilbert", "binary", RECIPE, evaluate=False)
    prompts, model = job.examples.first(), job.model.eval()
    export(model, tmp_path / "model.onnx")
    graph = Graph((tmp_path / "model.onnx").read_bytes(), model.encoder.config.pad_token_id)
    by_torch = predict(model, prompts, RECIPE).numpy()
    assert float(by_torch.std()) > 1e-3
    np.testing.assert_allclose(graph.begin(prompts)(), by_torch, rtol=1e-5, atol=1e-5)


@pytest.fixture
def study(workspace, params: dict, third: Family, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small workspace up to the folds, with compact encoders of all families."""
    assert third in FAMILIES.values()
    raw = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["tasks"], params["encoder"] = list(TASKS), raw["encoder"]
    params["train"]["engine"] = "stacked"
    params["pretrain"] |= TINY
    monkeypatch.setattr(tiers, "EXAMINED", 16)
    folder = workspace(params=params)
    shutil.copy(ROOT / pretrain.CARD, folder / pretrain.CARD)
    for stage in (pretrain, clean, split, serialize_to_text, explore):
        stage.main()
    return folder


def test_everything_from_pretraining_to_report_knows_it(study: Path) -> None:
    checkpoint = study / "data/encoders/distilbert-mini-tier1"
    assert type(AutoModel.from_pretrained(checkpoint)) is DistilBertModel
    assert len(read_table(study / "plots/pretraining/distilbert.csv")) == 3
    assert "distilbert" in set(read_table(study / "plots/explore/sentence_lengths.csv")["encoder"])
    for task in TASKS:
        baselines.main(task)
        for encoder in FAMILIES:
            train.main(encoder, task)
    assert f"data/predictions/distilbert/{TASKS[0]}.csv" in outputs(study, "distilbert", TASKS[0])
    model = study / f"data/models/distilbert/{TASKS[0]}/seed-1"
    assert type(AutoModel.from_pretrained(model)) is DistilBertModel
    evaluate.main()
    compared = json.loads(Path("metrics/comparisons.json").read_text(encoding="utf-8"))
    results = pd.read_csv("plots/results/results.csv")
    table = Path("plots/results/results.md").read_text(encoding="utf-8")
    for task in TASKS:
        metrics = json.loads(Path(f"metrics/distilbert/{task}.json").read_text(encoding="utf-8"))
        assert metrics["oof"]["val_loss"] > 0
        assert set(compared[task]) == {*family_pairs(), *(f"{e}_vs_baseline" for e in FAMILIES)}
        assert set(FAMILIES) < set(results.loc[results["task"] == task, "model"])
    assert table.count("| **DistilBERT**") == len(TASKS)
    report.main()
    page = unescape(Path("plots/report/report.html").read_text(encoding="utf-8"))
    korean = unescape(Path("plots/report/report.ko.html").read_text(encoding="utf-8"))
    assert "BERT, RoBERTa and DistilBERT learn from such sentences" in page
    assert "BERT, RoBERTa, DistilBERT 모델이" in korean
    for first in ("BERT", "RoBERTa"):
        assert f">{first} − DistilBERT</td>" in page
        assert f"{first} against DistilBERT: " in page
    cards = {file.stem for file in Path("plots/report/cards").glob("*.md")}
    assert cards == {"data"} | {f"{encoder}_{task}" for encoder in FAMILIES for task in TASKS}
    card = Path(f"plots/report/cards/distilbert_{TASKS[0]}.md").read_text(encoding="utf-8")
    assert "A DistilBertModel fine-tuned" in card
    assert "`data/encoders/distilbert-mini-tier1`" in card
    params = read_params(AllParams)
    predictor = load_predictor("distilbert", params.tasks, params.text, params.card_file)
    answers = predictor.answers(read_table(study / "data/clean/beads.csv"))
    assert answers["quality_p_normal"].between(0, 1).all()


def test_one_family_can_be_pretrained_beside_the_others(study: Path) -> None:
    """Nothing else is made or touched, and the figure has all curves again."""
    shutil.rmtree("data/encoders/bert-mini-tier0")
    before = {file: file.read_bytes() for file in study.rglob("*") if file.is_file()}
    shutil.rmtree("data/encoders/distilbert-mini-tier1")
    for file in ("losses.svg", "distilbert.csv"):
        Path("plots/pretraining", file).unlink()
    pretrain.main("distilbert")
    assert {file: file.read_bytes() for file in study.rglob("*") if file.is_file()} == before


@pytest.mark.usefixtures("third")
def test_a_family_that_was_not_trained_is_missed_in_one_line(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match=r"predictions/distilbert/defects\.csv: there is no such"):
        evaluate.main()
    for source in ("bert", "roberta"):
        (tmp_path / "data/ablations/rates").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"data/ablations/rates/{source}.csv").write_text("bead\n", encoding="utf-8")
    with pytest.raises(StudyError, match=r"rates/distilbert\.csv: .*matrix of ablations"):
        ablation_pages.main("rates")


def test_one_stage_is_all_that_the_pipeline_needs(tmp_path: Path) -> None:
    """With the guide's stage, `evaluate` and `report` come after it."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    pipeline = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    before, mark, after = pipeline.partition("  baselines:\n")
    (tmp_path / "dvc.yaml").write_text(f"{before}{STAGE}\n{mark}{after}", encoding="utf-8")
    subprocess.run(["dvc", "init", "--no-scm", "-q"], cwd=tmp_path, check=True)
    for target in ("evaluate", "report"):
        command = ["dvc", "dag", "--md", target]
        drawn = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        for task in yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["tasks"]:
            assert f"train-distilbert@{task}" in drawn.stdout
    stages = yaml.safe_load((tmp_path / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    ours, theirs = stages["train-distilbert"], stages["train-bert"]
    renamed = json.loads(
        json.dumps(theirs).replace("bert", "distilbert").replace(" BERT", " DistilBERT")
    )
    assert {**ours, "params": None} == {**renamed, "params": None}
