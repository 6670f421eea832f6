"""Every kind of task, of flags, categories, numbers and labels, by one encoder, to its metrics."""

import json
import shutil

import numpy as np
import pytest

from llm4waam.baselines import models
from llm4waam.core.files import read_table
from llm4waam.decisions.decisions import decisions_of, tempered
from llm4waam.inference.predictor import load_predictor
from llm4waam.sentences.prompts import TextStyle
from llm4waam.splits.tasks import make_task, targets
from stages import baselines, clean, evaluate, serialize_to_text, split, train

CARD = """
title: Welds of a made-up shop
simulated: true
columns:
  speed: {role: set_point, kind: number, unit: mm/s, step: 0.5}
  gas: {role: set_point, kind: category, levels: {Ar: {}, CO2: {}}}
  grade: {role: outcome, kind: category, levels: {B: {}, C: {}, D: {}}}
  porosity: {role: outcome, kind: flag}
  humping: {role: outcome, kind: flag}
  width: {role: outcome, kind: number, unit: mm}
tasks:
  grade: {kind: multi_class, columns: [grade]}
  fails: {kind: binary, columns: [grade], label: D, classes: [passes, fails], good: passes}
  porous: {kind: binary, columns: [porosity]}
  wide: {kind: binary, columns: [width], threshold: 8, classes: [narrow, wide]}
  defects: {kind: multi_label, columns: [porosity, humping]}
  width: {kind: regression, columns: [width]}
"""
TASKS = ["grade", "fails", "porous", "wide", "defects", "width"]
FEW = ("majority", "mean", "logistic_regression", "ridge_logs", "extra_trees")


@pytest.fixture(scope="module")
def study(tmp_path_factory, encoders):
    """The folder of a study of BERT alone, of which every stage up to `evaluate` has run."""
    import yaml
    from conftest import ROOT

    folder = tmp_path_factory.mktemp("kinds")
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params |= {"dataset": "shop", "tasks": TASKS, "encoders": ["bert"]}
    params["text"]["derived"] = 0
    params["split"] |= {"folds": 2}
    params["train"] |= {"epochs": 1, "workers": 1, "engine": "loop"}
    params["encoder"]["bert"]["checkpoint"] = "data/encoders/bert-mini"
    params["baselines"] |= {"trees": 5, "workers": 1}
    params["advice"] |= {"background": 3, "shown": 2, "members": ["bert", "roberta", "extra_trees"]}
    losses = {"grade": "cross_entropy", "width": "mse"}
    params["target"] = {name: {"loss": losses.get(name, "bce")} for name in TASKS}
    rng, rows = np.random.default_rng(3), ["speed,gas,grade,porosity,humping,width"]
    for bead in range(60):
        speed = 2 + bead % 30 / 2
        grade = "BCD"[min(int(speed // 6), 2)]
        flags = int(speed < 5), int(speed > 12)
        rows.append(f"{speed},{['Ar', 'CO2'][bead % 2]},{grade},{flags[0]},{flags[1]},"
                    f"{12 - speed / 2 + rng.normal(0, 0.1):.2f}")  # fmt: skip
    raw = folder / "data/raw"
    raw.mkdir(parents=True)
    (raw / "shop.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (raw / "shop.yaml").write_text(CARD, encoding="utf-8")
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    shutil.copytree(encoders, folder / "data/encoders")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(models, "BASELINES", {name: models.BASELINES[name] for name in FEW})
        for stage in (clean, split, serialize_to_text):
            stage.main()
        for task in TASKS:
            for encoder in ("bert", "roberta"):
                train.main(encoder, task)
            baselines.main(task)
        evaluate.main()
    return folder


def test_targets_are_read_from_every_kind_of_column(study, monkeypatch) -> None:
    from llm4waam.card.card import read_card

    monkeypatch.chdir(study)
    file = study / "data/raw/shop.yaml"
    card, beads = read_card(file), read_table(study / "data/clean/beads.csv")
    found = {name: make_task(card, name, file) for name in TASKS}
    values = {name: targets(card, task, beads) for name, task in found.items()}
    assert found["grade"].outputs == ("B", "C", "D")
    assert (values["grade"].argmax(axis=1) == beads["grade"].map({"B": 0, "C": 1, "D": 2})).all()
    assert (values["grade"].sum(axis=1) == 1).all()
    assert (values["fails"][:, 0] == (beads["grade"] == "D")).all()
    assert (values["porous"][:, 0] == beads["porosity"]).all()
    assert (values["wide"][:, 0] == (beads["width"] >= 8)).all()
    assert (values["defects"] == beads[["porosity", "humping"]].to_numpy()).all()


def test_every_task_has_its_metrics_for_one_encoder_and_the_baselines(study) -> None:
    def metrics(source: str, task: str) -> dict:
        return json.loads((study / f"metrics/{source}/{task}.json").read_text(encoding="utf-8"))

    for task in TASKS:
        assert metrics("roberta", task) == {"left_out": 1}
        own = metrics("bert", task)["oof"]
        headline = {"defects": "micro_f1", "width": "r2"}.get(task, "accuracy")
        assert headline in own
        assert metrics("baselines", task)["extra_trees"]["oof"][headline] > 0.7, task
    grade = metrics("baselines", "grade")["extra_trees"]
    assert set(grade["per_label"]) == {"b", "c", "d"}
    # Of one class a bead, the micro F1 is the accuracy.
    assert grade["oof"]["micro_f1"] == grade["oof"]["accuracy"]


def test_each_class_of_many_has_a_probability_and_the_likeliest_stands(study, monkeypatch) -> None:
    monkeypatch.chdir(study)
    rows = read_table(study / "data/predictions/bert/grade.csv")
    sums = rows.groupby(["repeat", "fold", "bead"])["score"].sum()
    assert np.allclose(sums, 1, atol=1e-5)
    confusion = read_table(study / "plots/results/confusion.csv")
    assert set(confusion.loc[confusion["task"] == "grade", "predicted"]) <= {"B", "C", "D"}
    import yaml

    style = yaml.safe_load((study / "params.yaml").read_text(encoding="utf-8"))["text"]
    file = study / "data/raw/shop.yaml"
    predictor = load_predictor("bert", TASKS, TextStyle(**style), file)
    answers = predictor.answers(read_table(study / "data/clean/beads.csv").head(5))
    chances = answers[["grade_p_b", "grade_p_c", "grade_p_d"]].to_numpy()
    assert np.allclose(chances.sum(axis=1), 1)
    assert answers["grade"].tolist() == ["BCD"[n] for n in chances.argmax(axis=1)]
    assert set(answers["fails"]) <= {"passes", "fails"}


def test_advice_aims_for_the_class_that_the_card_calls_good(study, monkeypatch, caplog) -> None:
    """Here the good class is the one that the task does not ask for."""
    from llm4waam.advice.findings import good_beads, make_examiner
    from llm4waam.advice.settings import AdviceParams
    from llm4waam.core.settings import read_params
    from stages.explain import main

    monkeypatch.chdir(study)
    params = read_params(AdviceParams)
    predictor = load_predictor("bert", TASKS, params.text, params.card_file)
    beads = read_table(study / "data/clean/beads.csv")
    training = predictor.domain.training
    assert good_beads(predictor) == set(training.loc[training["grade"] != "D", "bead"])
    with caplog.at_level("INFO"):
        examiner = make_examiner(predictor, params.advice, params.card_file, 5)
    assert "as the study left them out: roberta" in caplog.text
    # Slow welds pass: the forest, and so the ensemble, gives them the better chance.
    slow, fast = (beads.iloc[[beads["speed"].argmin()]], beads.iloc[[beads["speed"].argmax()]])
    chances = [examiner.adviser.ensemble.at(rows)[0, 1] for rows in (slow, fast)]
    assert chances[0] > 0.9 > 0.1 > chances[1]
    found = examiner.examine(slow.iloc[0])
    assert found.chance == pytest.approx(1 - found.answer["fails_p_d"])
    main()
    assert json.loads((study / "metrics/advice.json").read_text(encoding="utf-8"))["advice"] is None
    assert "D" in (study / "plots/advice/advice.html").read_text(encoding="utf-8")


def test_beads_of_a_table_of_regressions_alone_are_explained(study, monkeypatch) -> None:
    import io

    import yaml

    from llm4waam.commands.predict import Request, predict_beads

    params = yaml.safe_load((study / "params.yaml").read_text(encoding="utf-8"))
    monkeypatch.chdir(study)
    (study / "params.yaml").write_text(yaml.safe_dump(params | {"tasks": ["width"]}), "utf-8")
    out = io.StringIO()
    try:
        assert predict_beads(Request(pairs=["speed=5"], explain=True, format="json"), out) == 0
    finally:
        (study / "params.yaml").write_text(yaml.safe_dump(params), "utf-8")
    answer = json.loads(out.getvalue())
    assert answer["width_low"] < answer["width"] < answer["width_high"]
    assert "The model predicts width" in answer["narration"]
    assert "does not say which outcome is good" in answer["narration"]
    assert answer["advice"] == []


def test_a_temperature_leaves_one_of_many_classes_summing_to_one_and_in_order() -> None:
    scores = np.array([[0.7, 0.2, 0.1], [0.2, 0.3, 0.5]])
    cool = tempered(scores, 0.5, one_of_many=True)
    assert np.allclose(cool.sum(axis=1), 1)
    assert cool[0] == pytest.approx(np.array([0.49, 0.04, 0.01]) / 0.54)


def test_ties_of_classes_go_to_the_first() -> None:
    from llm4waam.splits.tasks import Task

    task = Task("grade", "multi_class", ("B", "C", "D"), None, ("no", "yes"), "none", None, "")
    found = decisions_of(task, np.array([[0.2, 0.4, 0.4], [0.1, 0.1, 0.8]]), np.full(3, 0.5))
    assert found.tolist() == [[False, True, False], [False, False, True]]
