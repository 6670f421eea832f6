"""`llm4waam predict` and the stage `explain`, with tiny models of the embedded table."""

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT

from llm4waam.advice.faithfulness import forgetful
from llm4waam.advice.findings import Examiner, make_examiner
from llm4waam.advice.narration import narrate
from llm4waam.advice.shapley import answer_of, fields_of
from llm4waam.commands.main import app
from llm4waam.commands.predict import SKIPPED, Request, is_long
from llm4waam.core.errors import StudyError
from llm4waam.core.files import read_table
from llm4waam.core.settings import read_params
from llm4waam.inference.model import FinalModel
from llm4waam.inference.predictor import BEADS, FOLDS, Confidence, Predictor, load_predictor
from llm4waam.inference.user_table import chunks, read_rows
from llm4waam.sentences.prompts import make_prompts
from llm4waam.training.graphs import Graph
from stages import clean, explain, serialize_to_text, split, train
from stages.check_params import AllParams

TASKS = ["defects", "quality", "heat_input", "energy"]
RAW = "data/raw/waam_beads.csv"
BEAD = [
    *("travel_speed=30 cm/min", "material=316L", "wire_feed_speed=7 m/min"),
    *("transfer_mode=CMT", "bead_length_mm=100"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory, encoders: Path) -> Path:
    """A folder as `dvc repro` leaves it: tiny BERTs of one epoch for all four tasks."""
    folder = tmp_path_factory.mktemp("study")
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["split"] |= {"folds": 2}
    params["train"] |= {"epochs": 1, "workers": 1}
    params["encoder"]["bert"]["checkpoint"] = "data/encoders/bert-mini"
    params["advice"] |= {"background": 3, "shown": 2, "simulated_runs": 2}
    params["advice"] |= {"bar": 0.45, "margin": 0.0}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    shutil.copytree(encoders, folder / "data/encoders")
    shutil.copytree(ROOT / "data/raw", folder / "data/raw")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in (clean, serialize_to_text, split):
            stage.main()
        for task in TASKS:
            train.main("bert", task)
    return folder


@pytest.fixture(autouse=True)
def study(place: Path, monkeypatch: pytest.MonkeyPatch) -> AllParams:
    monkeypatch.chdir(place)
    return read_params(AllParams)


@pytest.fixture
def predictor(study: AllParams) -> Predictor:
    return load_predictor("bert", study.tasks, study.text, study.card_file)


@pytest.fixture
def examiner(predictor: Predictor) -> Examiner:
    return make_examiner(predictor, background=3, bar=0.45, margin=0.0, seed=0)


def predict(capsys, *arguments: str) -> tuple[str, int]:
    """What `llm4waam predict` prints, and its exit status."""
    status = app(["predict", *arguments], standalone_mode=False)
    return capsys.readouterr().out, status or 0


def test_a_bead_has_the_same_scores_through_both_doors(predictor: Predictor) -> None:
    """The hold-out's stored predictions are the final model's: it must say the same again."""
    taken = pd.concat(
        beads for beads, _ in chunks(read_rows(Path(RAW)), predictor.card, "pre_weld")
    ).drop_duplicates("bead")
    for task in TASKS:
        rows = pd.read_csv(f"data/predictions/bert/{task}.csv", dtype={"bead": str})
        rows = rows[(rows["role"] == "hold_out") & rows["bead"].isin(taken["bead"])]
        outputs = list(predictor.tasks[task].outputs)
        stored = rows.pivot(index="bead", columns="label", values="score")[outputs]
        assert len(stored) > 20
        beads = taken.set_index("bead").loc[stored.index].reset_index()
        scores = predictor.raw_scores(beads, [task])[task]
        assert np.allclose(scores, stored.to_numpy(), rtol=1e-5)
        moved = beads.assign(travel_speed_mm_s=beads["travel_speed_mm_s"] * 1.5)
        assert not np.allclose(predictor.raw_scores(moved, [task])[task], stored, rtol=1e-5)


def test_tasks_share_the_sentences_that_they_read_alike(predictor: Predictor, monkeypatch) -> None:
    """One that reads other numbers must not: with the others' sentences its scores are wrong."""
    beads, readers, own = read_table(BEADS).iloc[:6], [], FinalModel.prompts
    alone = {task: predictor.raw_scores(beads, [task])[task] for task in TASKS}
    monkeypatch.setattr(
        FinalModel, "prompts", lambda model, rows: readers.append(model) or own(model, rows)
    )
    together = predictor.raw_scores(beads, TASKS)
    assert len(readers) == 1
    assert all(np.allclose(together[task], alone[task], rtol=1e-5) for task in TASKS)

    energy = predictor.models["energy"]
    scales = energy.numbers.scales.items()
    moved = {name: one.model_copy(update={"mean": one.mean + 1}) for name, one in scales}
    other = replace(energy, numbers=replace(energy.numbers, scales=moved))

    def scores(model: FinalModel) -> np.ndarray:
        mixed = replace(predictor, models={**predictor.models, "energy": model})
        return mixed.raw_scores(beads, TASKS)["energy"]

    right = other.score(list(make_prompts(beads, predictor.card, predictor.style, ["energy"])))
    assert np.allclose(scores(replace(other, reads="otherwise")), right, rtol=1e-5)
    assert not np.allclose(scores(other), right, rtol=1e-5)


def test_tables_are_answered_one_after_the_other(predictor: Predictor) -> None:
    """The next table is begun before the one before is answered; none takes another's answers."""
    beads = read_table(BEADS)
    tables = [beads.iloc[:3], beads.iloc[9:10], beads.iloc[4:9]]
    begun = []
    found = predictor.answers_of_each(begun.append(n) or t for n, t in enumerate(tables))
    assert next(found)["bead"].tolist() == tables[0]["bead"].tolist()
    assert begun == [0, 1]
    for answers, table in zip(found, tables[1:], strict=True):
        pd.testing.assert_frame_equal(answers, predictor.answers(table))
    assert list(predictor.answers_of_each([])) == []


def test_answers_hold_every_task_with_its_doubt(predictor: Predictor) -> None:
    beads = read_table(BEADS).iloc[:20]
    answers = predictor.answers(beads)
    chances = [name for name in answers if "_p_" in name]
    assert len(chances) == 7
    assert answers[chances].apply(lambda p: p.between(0, 1)).all(axis=None)
    for target in ("heat_input_j_mm", "energy_j"):
        middle = answers[target]
        assert (answers[f"{target}_low"] < middle).all()
        assert (middle < answers[f"{target}_high"]).all()
    for task in ("defects", "heat_input"):
        alone = predictor.answers_to(beads, task)
        pd.testing.assert_frame_equal(alone, answers[alone.columns])
    assert set(answers["quality"]) <= {"normal", "defect"}
    assert not answers["outside"].any()
    for strange in ({"travel_speed_mm_s": 29.0}, {"material": None}):
        assert predictor.answers(beads.assign(**strange))["outside"].all()
    assert (answers["trained_on"] == "simulated beads").all()
    known = predictor.card.with_formulas(beads)["handbook_energy_j"]
    assert np.allclose(answers["energy_j_formula"], known, equal_nan=True)


def test_csv_json_and_single_beads_say_the_same(capsys) -> None:
    header = [pair.partition("=")[0] for pair in BEAD]
    values = [pair.partition("=")[2] for pair in BEAD]
    Path("one.csv").write_text(",".join(header) + "\n" + ",".join(values) + "\n", encoding="utf-8")
    line = json.dumps(dict(zip(header, values, strict=True)))
    Path("one.jsonl").write_text(line + "\n", encoding="utf-8")
    ways = (["one.csv"], ["one.jsonl"], ["--set", *BEAD])
    found = [predict(capsys, *how, "--format", "json") for how in ways]
    assert found[0] == found[1] == found[2]
    assert found[0][1] == 0
    answer = json.loads(found[0][0])
    table, _ = predict(capsys, "one.csv", "--format", "csv")
    [row] = csv.DictReader(table.splitlines())
    assert float(row["heat_input_j_mm"]) == pytest.approx(answer["heat_input_j_mm"], rel=1e-3)
    lines = predict(capsys, "one.csv")[0].splitlines()
    shown = dict(line.split(maxsplit=1) for line in lines if " " in line.strip())
    assert shown["heat_input_j_mm"] == row["heat_input_j_mm"]


def test_bad_rows_are_named_and_skipped_and_the_status_says_so(capsys, caplog) -> None:
    text = "material,travel_speed\n316L,30 cm/min\n316L,3 furlong/s\n316L,30\nunobtainium,5 mm/s\n"
    Path("bad.csv").write_text(text, encoding="utf-8")
    out, status = predict(capsys, "bad.csv", "--format", "csv")
    assert status == SKIPPED
    assert len(out.splitlines()) == 2
    for row, said in ((2, "furlong"), (3, "unit lost"), (4, "unobtainium")):
        assert any(f"row {row}" in line and said in line for line in caplog.messages)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "travel_sped=5"], "travel_sped"),
        (["--set", "travel_speed"], "COLUMN=VALUE"),
        (["slip.csv"], "travel speed .cm/min.*expected travel_speed"),
        (["--log", "a fine day"], "no set-point"),
        (["one.csv", "--encoder", "roberta"], "data/models/roberta/defects"),
        (["one.csv", "--template", "poem"], "--template.*poem.*statement, question"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], said: str) -> None:
    Path("slip.csv").write_text("material,travel speed (cm/min)\n316L,30\n", encoding="utf-8")
    with pytest.raises(StudyError, match=said) as error:
        app(["predict", *arguments], standalone_mode=False)
    assert "\n" not in str(error.value)


def test_a_log_in_ones_own_words_is_a_bead(capsys, caplog) -> None:
    caplog.set_level("INFO")
    words = "ran 316L, CMT at 7 m/min, 30 cm/min, bead length 100 mm, then it humped badly"
    from_log, _ = predict(capsys, "--log", words, "--format", "json")
    from_values, _ = predict(capsys, "--set", *BEAD, "--format", "json")
    assert json.loads(from_log) == json.loads(from_values)
    assert any("not understood" in line and "humped" in line for line in caplog.messages)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_an_explained_bead_comes_with_reasons_and_advice(capsys, language: str) -> None:
    explained = ["--set", *BEAD, "--explain", "--language", language]
    out, status = predict(capsys, *explained, "--format", "json")
    found = json.loads(out)
    assert status == 0
    assert found["narration"].endswith(".")
    assert set(found["odds_ratios"]) >= {"travel_speed_mm_s", "note"}
    assert found["odds_ratios"]["wire_diameter_mm"] > 0
    assert "shielding_gas" in found["missing"]
    plain, _ = predict(capsys, "--set", *BEAD, "--format", "json")
    assert json.loads(plain)["models_disagree"] is found["models_disagree"]
    table, _ = predict(capsys, *explained, "--format", "csv")
    row = {name: found[name] for name in ("bead", "narration")}
    assert list(csv.DictReader(table.splitlines())) == [row]


def test_a_defect_beside_a_normal_quality_is_said_to_be_a_disagreement(
    predictor: Predictor,
) -> None:
    """The decided classes count, by the fitted threshold and not by one half."""
    beads = read_table(BEADS)
    # Tiny models all say nearly the same.
    half = np.median(predictor.raw_scores(beads, ["quality"])["quality"])
    quality = predictor.models["quality"]
    decision = replace(quality.decision, thresholds=(float(half),))
    models = {**predictor.models, "quality": replace(quality, decision=decision)}
    confidences = {**predictor.confidences, "quality": Confidence()}
    answers = replace(predictor, models=models, confidences=confidences).answers(beads)
    assert set(answers["defects"]) == {"Normal"}
    assert answers["quality"].nunique() == 2
    assert answers["models_disagree"].tolist() == (answers["quality"] == "defect").tolist()


def test_a_long_table_is_answered_as_it_is_read(capsys, monkeypatch) -> None:
    """Constant memory: no more than a chunk of rows is ever held."""
    held, begin = [], Predictor._begin
    monkeypatch.setattr("llm4waam.inference.user_table.CHUNK", 8)
    monkeypatch.setattr(
        Predictor,
        "_begin",
        lambda own, beads, *more: held.append(len(beads)) or begin(own, beads, *more),
    )
    rows = "".join(f"316L,{4 + n / 100:.2f} mm/s\n" for n in range(50))
    Path("long.csv").write_text("material,travel_speed\n" + rows, encoding="utf-8")
    out, _ = predict(capsys, "long.csv", "--format", "csv")
    assert len(out.splitlines()) == 51
    assert held == [8] * 6 + [2]


def test_a_record_that_stands_twice_shifts_no_answer(predictor: Predictor) -> None:
    beads = read_table(BEADS).iloc[[0, 5, 0, 9, 5]]
    beads = beads.assign(travel_speed_mm_s=[4.0, 5.0, 12.0, 6.0, 7.0])
    answers = predictor.answers(beads)
    alone = pd.concat([predictor.answers(beads.iloc[[n]]) for n in range(5)])
    assert answers["bead"].tolist() == beads["bead"].tolist()
    numbers = answers.select_dtypes("number").columns
    assert np.allclose(answers[numbers], alone[numbers], rtol=1e-5)
    assert answers["quality_p_normal"].nunique() == 5


def test_contributions_are_complete_and_those_of_another_network_are_others(
    predictor: Predictor, examiner: Examiner
) -> None:
    bead = read_table(BEADS).iloc[3]
    heat = examiner.explain(answer_of(predictor, "heat_input"), bead)
    own = examiner.explain(answer_of(predictor, "quality"), bead)
    for found in (heat, own):
        assert found.gap == pytest.approx(0, abs=1e-9)
        assert list(found.values.index) == fields_of(predictor)
    lost = examiner.explain(answer_of(forgetful(predictor, "quality", 0), "quality"), bead)
    assert not np.allclose(own.values, lost.values, atol=1e-3)
    again = examiner.explain(answer_of(predictor, "quality"), bead)
    assert (own.values == again.values).all()  # the weights that were drawn are a copy's


def test_outcomes_of_a_bead_change_nothing_of_its_findings(
    predictor: Predictor, examiner: Examiner
) -> None:
    """Plant the answer: a bead with false labels, heat input and measurements reads the same."""
    beads = read_table(BEADS)
    bead, planted = beads.iloc[7], beads.iloc[7].copy()
    planted["labels"], planted["heat_input_j_mm"], planted["energy_j"] = "Balling", 1.0, 1.0
    planted["voltage_v"] = planted["current_a"] = 99.0
    texts = [narrate(examiner.examine(one), predictor.card, "en") for one in (bead, planted)]
    assert texts[0] == texts[1]


def test_no_bead_outside_training_stands_in_for_an_absent_field(predictor: Predictor) -> None:
    folds = read_table(FOLDS)
    test = set(folds.loc[folds["role"] == "test", "bead"])
    examiner = make_examiner(predictor, background=1000, bar=0.45, margin=0.0, seed=0)
    assert len(examiner.background) == 112
    assert not test & set(examiner.background["bead"])
    assert not test & set(predictor.domain.training["bead"])


def test_the_stage_writes_pages_drawings_and_metrics_twice_the_same(monkeypatch) -> None:
    few = {"faithfulness.FAITHFUL": 1, "counterfactual.POINTS": 5, "counterfactual.MOST": 48}
    for place, number in few.items():
        monkeypatch.setattr(f"llm4waam.advice.{place}", number)

    def written() -> dict[str, bytes]:
        explain.main()
        files = [Path("metrics/advice.json"), *sorted(Path("plots/advice").glob("*"))]
        return {file.as_posix(): file.read_bytes() for file in files}

    first = written()
    assert first == written()
    metrics = json.loads(first["metrics/advice.json"])
    assert metrics["faithfulness"]["completeness_gap"] == pytest.approx(0, abs=1e-6)
    success = metrics["advice"]["hold_out"]
    parts = ("thought_normal", "outside", "no_change_found", "advised_beads")
    assert success["bad_beads"] >= sum(success[part] for part in parts) > 0
    assert set(metrics["certainty"]) == set(TASKS)
    for name, said in (("advice.html", "Simulated data"), ("advice.ko.html", "시뮬레이션 데이터")):
        page = first[f"plots/advice/{name}"].decode()
        assert said in page
        assert page.count("<article") == 2
        assert "http" not in page.replace("http://www.w3.org", "")


def test_a_table_without_set_points_to_turn_gets_a_page_that_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(Path.cwd(), tmp_path / "other", ignore=shutil.ignore_patterns("models"))
    monkeypatch.chdir(tmp_path / "other")
    file = Path("data/raw/waam_beads.yaml")
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(x for x in lines if "    step:" not in x), encoding="utf-8")
    explain.main()
    assert json.loads(Path("metrics/advice.json").read_text())["advice"] is None
    assert "step" in Path("plots/advice/advice.html").read_text(encoding="utf-8")


def test_eight_bits_and_one_sentence_are_said_to_be_another_answer(capsys) -> None:
    ways = ([], ["--precision", "int8"], ["--template", "statement"])
    bead = ["--set", *BEAD, "--format", "json"]
    whole, *others = (json.loads(predict(capsys, *bead, *how)[0]) for how in ways)
    for other in others:
        assert other["quality_p_normal"] != whole["quality_p_normal"]
        assert other["quality_p_normal"] == pytest.approx(whole["quality_p_normal"], abs=0.05)


def test_a_long_table_alone_is_answered_by_onnx_runtime(
    capsys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = []

    class Counted(Graph):
        def __init__(self, *model: object, **how: object) -> None:
            made.append(how)
            super().__init__(*model, **how)

    monkeypatch.setattr("llm4waam.inference.model.Graph", Counted)
    lines = Path("data/raw/waam_beads.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    file = tmp_path / "beads.csv"
    file.write_text("".join(lines[:7]), encoding="utf-8")
    short = predict(capsys, str(file), "--format", "json")
    assert not made
    monkeypatch.setattr("llm4waam.commands.predict.LONG", 7)
    assert not is_long(Request(file, [], None, explain=True))
    assert not is_long(Request(None, BEAD, None))
    long = predict(capsys, str(file), "--format", "json")
    assert made == [{"eight_bits": False}] * len(TASKS)
    expected, found = (pd.DataFrame(map(json.loads, out.splitlines())) for out, _ in (short, long))
    assert len(expected) > 3
    pd.testing.assert_frame_equal(found, expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["nowhere.csv"], 1, "nowhere.csv: there is no such file; expected a CSV table or JSON"),
        (["--formatt", "json"], 2, "No such option: --formatt"),
        ([], 2, "expected one of: a file, --set, --log"),
        (["--set", "a=1", "--log", "x"], 2, "expected one of"),
    ],
)
def test_a_slip_is_named_before_anything_slow_is_imported(
    arguments: list[str], status: int, said: str
) -> None:
    code = (
        "import atexit, sys\n"
        "from llm4waam.commands.main import main\n"
        "slow = {'torch', 'transformers', 'pandas', 'numpy'}\n"
        "atexit.register(lambda: print(sorted(slow & set(sys.modules))))\n"
        f"sys.argv = {['llm4waam', 'predict', *arguments]!r}\n"
        "main()"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == status
    assert said in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stdout.strip() == "[]"
