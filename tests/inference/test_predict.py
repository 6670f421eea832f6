"""New beads through the user's door, with tiny models trained on the embedded table."""

import csv
import json
import os
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

from llm4waam.advice import findings as gathering
from llm4waam.advice.faithfulness import forgetful
from llm4waam.advice.findings import make_examiner
from llm4waam.advice.narration import narrate
from llm4waam.advice.shapley import answer_of, fields_of
from llm4waam.commands.main import app
from llm4waam.commands.predict import LONG, SKIPPED, Request, is_long
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
    params["advice"] |= {
        "background": 3,
        "shown": 2,
        "simulated_runs": 2,
        "bar": 0.45,
        "margin": 0.0,
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    shutil.copytree(encoders, folder / "data/encoders")
    shutil.copytree(ROOT / "data/raw", folder / "data/raw")
    before = Path.cwd()
    os.chdir(folder)
    try:
        for stage in (clean, serialize_to_text, split):
            stage.main()
        for task in TASKS:
            train.main("bert", task)
    finally:
        os.chdir(before)
    return folder


@pytest.fixture(autouse=True)
def study(place: Path, monkeypatch: pytest.MonkeyPatch) -> AllParams:
    monkeypatch.chdir(place)
    return read_params(AllParams)


@pytest.fixture
def predictor(study: AllParams) -> Predictor:
    return load_predictor("bert", study.tasks, study.text, study.card_file)


def asked(capsys, *arguments: str) -> tuple[str, int]:
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
    beads, read = read_table(BEADS).iloc[:6], []
    own = FinalModel.prompts
    monkeypatch.setattr(
        FinalModel, "prompts", lambda model, rows: read.append(model) or own(model, rows)
    )
    alone = {task: predictor.raw_scores(beads, [task])[task] for task in TASKS}
    read.clear()
    together = predictor.raw_scores(beads, TASKS)
    assert len(read) == 1
    assert all(np.allclose(together[task], alone[task], rtol=1e-5) for task in TASKS)

    energy = predictor.models["energy"]
    scales = {
        n: s.model_copy(update={"mean": s.mean + 1}) for n, s in energy.numbers.scales.items()
    }
    other = replace(energy, numbers=replace(energy.numbers, scales=scales))

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
    far = predictor.answers(beads.assign(travel_speed_mm_s=29.0))
    assert far["outside"].all()
    blind = predictor.answers(beads.assign(material=None))
    assert blind["outside"].all()
    assert (answers["trained_on"] == "simulated beads").all()
    known = predictor.card.with_formulas(beads)["handbook_energy_j"]
    assert np.allclose(answers["energy_j_formula"], known, equal_nan=True)


def test_csv_json_and_single_beads_say_the_same(capsys) -> None:
    header = [pair.partition("=")[0] for pair in BEAD]
    values = [pair.partition("=")[2] for pair in BEAD]
    Path("one.csv").write_text(",".join(header) + "\n" + ",".join(values) + "\n", encoding="utf-8")
    line = json.dumps(dict(zip(header, values, strict=True)))
    Path("one.jsonl").write_text(line + "\n", encoding="utf-8")
    found = [
        asked(capsys, *how, "--format", "json")
        for how in (["one.csv"], ["one.jsonl"], ["--set", *BEAD])
    ]
    assert found[0] == found[1] == found[2]
    text, status = found[0]
    assert status == 0
    answer = json.loads(text)
    table, _ = asked(capsys, "one.csv", "--format", "csv")
    [row] = csv.DictReader(table.splitlines())
    assert float(row["heat_input_j_mm"]) == pytest.approx(answer["heat_input_j_mm"], rel=1e-3)
    lines = asked(capsys, "one.csv")[0].splitlines()
    told = dict(line.split(maxsplit=1) for line in lines if " " in line.strip())
    assert told["heat_input_j_mm"] == row["heat_input_j_mm"]


def test_bad_rows_are_named_and_skipped_and_the_status_says_so(capsys, caplog) -> None:
    text = "material,travel_speed\n316L,30 cm/min\n316L,3 furlong/s\n316L,30\nunobtainium,5 mm/s\n"
    Path("bad.csv").write_text(text, encoding="utf-8")
    out, status = asked(capsys, "bad.csv", "--format", "csv")
    assert status == SKIPPED
    assert len(out.splitlines()) == 2
    for row, said in ((2, "furlong"), (3, "unit lost"), (4, "unobtainium")):
        assert any(f"row {row}" in line and said in line for line in caplog.messages)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "travel_sped=5"], "travel_sped"),
        (["--set", "travel_speed"], "COLUMN=VALUE"),
        (["nowhere.csv"], "nowhere.csv"),
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
    from_log, _ = asked(capsys, "--log", words, "--format", "json")
    told = ["--set", *BEAD]
    assert json.loads(from_log) == json.loads(asked(capsys, *told, "--format", "json")[0])
    assert any("not understood" in line and "humped" in line for line in caplog.messages)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_an_explained_bead_comes_with_reasons_and_advice(capsys, language: str) -> None:
    out, status = asked(
        capsys, "--set", *BEAD, "--explain", "--format", "json", "--language", language
    )
    told = json.loads(out)
    assert status == 0
    assert told["narration"].endswith(".")
    assert set(told["odds_ratios"]) >= {"travel_speed_mm_s", "note"}
    assert told["odds_ratios"]["wire_diameter_mm"] > 0
    assert "shielding_gas" in told["missing"]
    plain, _ = asked(capsys, "--set", *BEAD, "--format", "json")
    assert json.loads(plain)["models_disagree"] is told["models_disagree"]
    table, _ = asked(capsys, "--set", *BEAD, "--explain", "--format", "csv", "--language", language)
    assert list(csv.DictReader(table.splitlines())) == [
        {"bead": told["bead"], "narration": told["narration"]}
    ]


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
    held = []
    monkeypatch.setattr("llm4waam.inference.user_table.CHUNK", 8)
    begin = Predictor._begin
    monkeypatch.setattr(
        Predictor,
        "_begin",
        lambda self, beads, tasks: held.append(len(beads)) or begin(self, beads, tasks),
    )
    rows = "".join(f"316L,{4 + n / 100:.2f} mm/s\n" for n in range(50))
    Path("long.csv").write_text("material,travel_speed\n" + rows, encoding="utf-8")
    out, _ = asked(capsys, "long.csv", "--format", "csv")
    assert len(out.splitlines()) == 51
    assert held == [8] * 6 + [2]


def test_chunks_change_no_answer(predictor: Predictor) -> None:
    beads = read_table(BEADS).iloc[:12]
    whole = predictor.answers(beads)
    parts = pd.concat([predictor.answers(beads.iloc[n : n + 5]) for n in (0, 5, 10)])
    numbers = whole.select_dtypes("number").columns
    assert np.allclose(whole[numbers], parts[numbers], rtol=1e-5)


def test_a_record_that_stands_twice_shifts_no_answer(predictor: Predictor) -> None:
    beads = read_table(BEADS).iloc[[0, 5, 0, 9, 5]]
    beads = beads.assign(travel_speed_mm_s=[4.0, 5.0, 12.0, 6.0, 7.0])
    answers = predictor.answers(beads)
    alone = pd.concat([predictor.answers(beads.iloc[[n]]) for n in range(5)])
    assert answers["bead"].tolist() == beads["bead"].tolist()
    numbers = answers.select_dtypes("number").columns
    assert np.allclose(answers[numbers], alone[numbers], rtol=1e-5)
    assert answers["quality_p_normal"].nunique() == 5


def test_contributions_are_complete(predictor: Predictor) -> None:
    bead = read_table(BEADS).iloc[3]
    examiner = make_examiner(predictor, background=3, bar=0.45, margin=0.0, seed=0)
    for task in ("quality", "heat_input"):
        told = examiner.explain(answer_of(predictor, task), bead)
        assert told.gap == pytest.approx(0, abs=1e-9)
        assert list(told.values.index) == fields_of(predictor)


def test_a_network_that_forgot_everything_is_explained_otherwise(predictor: Predictor) -> None:
    bead = read_table(BEADS).iloc[3]
    examiner = make_examiner(predictor, background=3, bar=0.45, margin=0.0, seed=0)
    own = examiner.explain(answer_of(predictor, "quality"), bead).values
    lost = examiner.explain(answer_of(forgetful(predictor, "quality", 0), "quality"), bead).values
    assert not np.allclose(own, lost, atol=1e-3)
    again = examiner.explain(answer_of(predictor, "quality"), bead).values
    assert (own == again).all()  # the weights that were drawn are a copy's


def test_outcomes_of_a_bead_change_nothing_of_its_findings(predictor: Predictor) -> None:
    """Plant the answer: a bead with false labels, heat input and measurements reads the same."""
    beads = read_table(BEADS)
    examiner = make_examiner(predictor, background=3, bar=0.45, margin=0.0, seed=0)
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
    assert gathering.EXACT < 10


def test_the_stage_writes_pages_drawings_and_metrics_twice_the_same(monkeypatch) -> None:
    few = {"faithfulness.FAITHFUL": 1, "counterfactual.POINTS": 5, "counterfactual.MOST": 48}
    for place, number in few.items():
        monkeypatch.setattr(f"llm4waam.advice.{place}", number)

    def written() -> dict[str, bytes]:
        explain.main()
        files = [
            Path("metrics/advice.json"),
            *sorted(Path("plots/advice").glob("*")),
        ]
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
    told = ["--set", *BEAD, "--format", "json"]
    whole, *others = (
        json.loads(asked(capsys, *told, *how)[0])
        for how in ([], ["--precision", "int8"], ["--template", "statement"])
    )
    for other in others:
        assert other["quality_p_normal"] != whole["quality_p_normal"]
        assert other["quality_p_normal"] == pytest.approx(whole["quality_p_normal"], abs=0.05)


def test_a_long_table_is_answered_by_onnx_runtime(
    capsys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = []

    class Counted(Graph):
        def __init__(self, *told: object, **how: object) -> None:
            made.append(how)
            super().__init__(*told, **how)

    monkeypatch.setattr("llm4waam.inference.model.Graph", Counted)
    lines = Path("data/raw/waam_beads.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    file = tmp_path / "beads.csv"
    file.write_text("".join(lines[:7]), encoding="utf-8")
    short = asked(capsys, str(file), "--format", "json")
    assert not made
    monkeypatch.setattr("llm4waam.commands.predict.LONG", 7)
    long = asked(capsys, str(file), "--format", "json")
    assert made == [{"eight_bits": False}] * len(TASKS)
    expected, found = (pd.DataFrame(map(json.loads, out.splitlines())) for out, _ in (short, long))
    assert len(expected) > 3
    pd.testing.assert_frame_equal(found, expected, rtol=1e-4)


def test_few_beads_and_explanations_are_left_to_torch(tmp_path: Path) -> None:
    file = tmp_path / "beads.csv"
    file.write_text("a line\n" * LONG, encoding="utf-8")
    assert is_long(Request(file, [], None))
    assert not is_long(Request(file, [], None, explain=True))
    assert not is_long(Request(None, BEAD, None))
    file.write_text("a line\n" * (LONG - 1), encoding="utf-8")
    assert not is_long(Request(file, [], None))


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["nowhere.csv"], 1, "nowhere.csv: there is no such file; expected a CSV table or JSON"),
        (["--formatt", "json"], 2, "No such option: --formatt"),
        ([], 2, "expected one of: a file, --set, --log"),
        (["--set", "a=1", "--log", "x"], 2, "expected one of"),
        (["--format", "xml"], 2, "'xml' is not one of"),
    ],
)
def test_a_slip_is_told_before_anything_slow_is_imported(
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


def test_help_names_the_exit_status(capsys) -> None:
    app(["predict", "--help"], standalone_mode=False)
    assert "3 rows were skipped" in " ".join(capsys.readouterr().out.split())
