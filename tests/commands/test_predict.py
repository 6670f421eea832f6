"""`llm4waam predict`, with tiny final models."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest
from conftest import ROOT

from llm4waam.commands import main
from llm4waam.commands.predict import SKIPPED
from llm4waam.inference import predictor
from llm4waam.inference.predictor import Predictor

BEAD = [
    *("travel_speed=30 cm/min", "material=316L", "wire_feed_speed=7 m/min"),
    *("transfer_mode=CMT", "bead_length_mm=100"),
]


@pytest.fixture
def predict(study, capsys, monkeypatch: pytest.MonkeyPatch):  # noqa: ARG001
    """A function: what the command prints on its standard output and error, and its status."""

    def run(*arguments: str) -> tuple[str, str, int]:
        monkeypatch.setattr(sys, "argv", ["llm4waam", "predict", *arguments])
        with pytest.raises(SystemExit) as left:
            main.main()
        printed, code = capsys.readouterr(), left.value.code
        if isinstance(code, str):  # as Python does it
            return printed.out, printed.err + code, 1
        return printed.out, printed.err, code or 0

    return run


def test_csv_json_and_single_beads_say_the_same(predict, tmp_path: Path) -> None:
    header, values = zip(*(pair.split("=") for pair in BEAD), strict=True)
    table, lines = tmp_path / "one.csv", tmp_path / "one.jsonl"
    table.write_text(",".join(header) + "\n" + ",".join(values) + "\n", encoding="utf-8")
    lines.write_text(json.dumps(dict(zip(header, values, strict=True))) + "\n", encoding="utf-8")
    book = openpyxl.Workbook()
    for row in (header, values):
        book.active.append(row)
    book.save(tmp_path / "one.xlsx")
    apart = [part for pair in BEAD for part in ("--set", pair)]
    ways = ([str(table)], [str(lines)], [str(tmp_path / "one.xlsx")], ["--set", *BEAD], apart)
    found = [predict(*way, "--format", "json") for way in ways]
    text, _, status = found[0]
    assert status == 0
    assert all(one[0] == text for one in found)
    answer = json.loads(text)
    [row] = csv.DictReader(predict(str(table), "--format", "csv")[0].splitlines())
    assert float(row["heat_input_j_mm"]) == pytest.approx(answer["heat_input_j_mm"], rel=1e-3)
    said = dict(line.split(maxsplit=1) for line in predict(str(table))[0].strip().splitlines())
    assert said["heat_input_j_mm"] == row["heat_input_j_mm"]


def test_bad_rows_are_named_and_skipped_and_the_status_says_so(predict, caplog, tmp_path) -> None:
    file = tmp_path / "bad.csv"
    text = "material,travel_speed\n316L,30 cm/min\n316L,3 furlong/s\n316L,30\nunobtainium,5 mm/s\n"
    file.write_text(text, encoding="utf-8")
    out, _, status = predict(str(file), "--format", "csv")
    assert status == SKIPPED == 3
    assert len(out.splitlines()) == 2
    for row, said in ((2, "furlong"), (3, "write it in the cell"), (4, "unobtainium")):
        assert any(f"row {row}" in line and said in line for line in caplog.messages)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "travel_sped=5"], "--set: 'travel_sped': no such column; expected one of"),
        (["--set", "travel_speed"], "--set: 'travel_speed': no value; expected COLUMN=VALUE"),
        (["--set", *BEAD, "material=ER625"], "material: '316L, ER625': given twice, with other"),
        (["--set", *BEAD, "travel_speed_mm_s=6"], "travel_speed_mm_s: 6': given twice, with other"),
        (["--set", *BEAD, "note=\udcff"], "--set, column note: '\\udcff': not UTF-8"),
        (["--log", "316L \udcff"], "--log: '316L \\udcff': not UTF-8"),
        (["n" * 300], "...: this is no name of a file (File name too long); expected a CSV table"),
        (["slip.csv"], "column travel speed (cm/min): the card has no such column; expected trav"),
        (["--log", "a fine day"], "--log: 'a fine day': no set-point was found"),
        (["--set", *BEAD, "--encoder", "roberta"], "data/models/roberta/defects/manifest.json"),
        (["--set", *BEAD, "--template", "poem"], "'poem': not learned; expected statement, quest"),
    ],
)
def test_a_mistake_is_one_line(predict, arguments: list[str], said: str) -> None:
    Path("slip.csv").write_text("material,travel speed (cm/min)\n316L,30\n", encoding="utf-8")
    out, error, status = predict(*arguments)
    assert (out, status) == ("", 1)
    assert said in error.splitlines()[-1]
    assert "Traceback" not in error


def test_a_log_in_ones_own_words_is_a_bead(predict, caplog) -> None:
    caplog.set_level("INFO")
    words = "ran 316L, CMT at 7 m/min, 30 cm/min, bead length 100 mm, then it humped badly"
    from_log, by_options = (
        predict(*how, "--format", "json")[0] for how in (["--log", words], ["--set", *BEAD])
    )
    assert json.loads(from_log) == json.loads(by_options)
    assert any("not understood" in line and "humped" in line for line in caplog.messages)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_an_explained_bead_comes_with_reasons_and_advice(predict, language: str) -> None:
    how = ["--set", *BEAD, "--explain", "--language", language]
    out, _, status = predict(*how, "--format", "json")
    found = json.loads(out)
    assert status == 0
    assert found["narration"].endswith(".")
    assert any("가" <= letter <= "힣" for letter in found["narration"]) is (language == "ko")
    assert set(found["odds_ratios"]) >= {"travel_speed_mm_s", "note"}
    assert found["odds_ratios"]["wire_diameter_mm"] > 0
    assert "shielding_gas" in found["missing"]
    plain = json.loads(predict("--set", *BEAD, "--format", "json")[0])
    assert plain == {name: found[name] for name in plain}
    assert list(csv.DictReader(predict(*how, "--format", "csv")[0].splitlines())) == [
        {"bead": found["bead"], "narration": found["narration"].replace("\n", " ")}
    ]
    assert predict(*how)[0].endswith(f"\n\n{found['narration']}\n\n")


def test_in_korean_nothing_of_the_answer_is_english(predict, caplog) -> None:
    caplog.set_level("INFO")
    log = "316L, CMT, 송급 6.5 m/min, 이송 40 cm/min, 비드 길이 100 mm, 어제는 18V, 아크가 튐"
    text, _, status = predict("--log", log, "--language", "ko")
    assert status == 0
    names = [line[: line.index("  ")] for line in text.strip().splitlines()]
    assert {"비드", "품질(정상 여부)", "입열량(J/mm)", "입열량(J/mm) 하한", "학습 범위 밖"} <= {
        *names
    }
    words = set(re.findall("[A-Za-z]{2,}", text))
    assert words <= {"mm"}
    said = [one.getMessage() for one in caplog.records]
    assert "확실하지 않아 읽지 않음: '18V': 이 비드의 값이 아닐 수 있음(근거: '어제')" in said
    assert "해석하지 못한 부분: 어제는 18V" in said
    assert any(one.startswith("읽은 값: 와이어 재질 = ER316L") for one in said)
    columns = predict("--set", *BEAD, "--format", "csv", "--language", "ko")[0].splitlines()[0]
    assert columns == predict("--set", *BEAD, "--format", "csv")[0].splitlines()[0]


def test_one_sentence_gives_another_answer(predict) -> None:
    whole, other = (
        json.loads(predict("--set", *BEAD, "--format", "json", *how)[0])["quality_p_normal"]
        for how in ([], ["--template", "statement"])
    )
    assert other != whole
    assert other == pytest.approx(whole, abs=0.05)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "empty first row",
            "material,travelspeed\n,\n316L,5 mm/s\n",
            "travelspeed: the card has no",
        ),
        ("short first row", "material,travelspeed\n316L\n316L,5 mm/s\n", "expected travel_speed"),
        ("header alone", "material,travel_speed\n", "there are no beads"),
        ("blank rows", "material,travel_speed\n,\n , \n", "there are no beads"),
        ("no card", "wood,glue\noak,1\n", "no column is one of the card; expected headers such as"),
        ("quotes", 'material,note\n316L,a\n316L,"b\n', "not a CSV table"),
    ],
)
def test_a_table_is_checked_before_models_are_loaded(
    predict, monkeypatch, tmp_path, name: str, text: str, said: str
) -> None:
    """All of its rows, whatever the first one says; no answer is written before the mistake."""
    monkeypatch.setattr("llm4waam.commands.predict.load_predictor", None)
    file = tmp_path / f"{name}.csv"
    file.write_text(text, encoding="utf-8")
    out, error, status = predict(str(file))
    assert (out, status) == ("", 1)
    assert said in error.splitlines()[-1]


def test_columns_of_json_lines_are_checked_over_all_rows(predict, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("llm4waam.commands.predict.load_predictor", None)
    file, bead = tmp_path / "beads.jsonl", {"material": "316L", "travel_speed": "5 mm/s"}
    slip = {"material": "316L", "travelspeed": "5 mm/s"}
    for first in ("{}", json.dumps(bead), "no JSON", ""):
        file.write_text(f"{first}\n{json.dumps(slip)}\n", encoding="utf-8")
        _, error, status = predict(str(file))
        assert (status, "column travelspeed: the card has no such column" in error) == (1, True)


def test_a_row_that_gives_a_value_twice_is_skipped(predict, caplog, tmp_path: Path) -> None:
    file = tmp_path / "beads.jsonl"
    lines = [
        '{"material": "316L", "travel_speed": "5 mm/s"}',
        '{"material": "316L", "travel_speed": "5 mm/s", "travel_speed": "6 mm/s"}',
        '{"material": "316L", "travel_speed": "5 mm/s", " travel_speed": "6 mm/s"}',
        '{"material": "316L", "travel_speed": "30 cm/min", "travel_speed_mm_s": 6}',
        '{"material": "316L", "travel_speed": "30 cm/min", "travel_speed_mm_s": 5}',
        '{"material": "316L", "travel_speed": "5 mm/s", "note": "\\ud800"}',
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    out, _, status = predict(str(file), "--format", "json")
    first, fifth = (json.loads(line) for line in out.splitlines())
    assert status == SKIPPED
    assert (first.pop("bead"), fifth.pop("bead")) == ("row 1", "row 5")
    assert first == fifth
    for row, said in (
        (2, "column travel_speed stands twice, with other values"),
        (3, "column travel_speed stands twice, with other values"),
        (4, "'travel_speed: 30 cm/min, travel_speed_mm_s: 6': given twice, with other values"),
        (6, "column note: half of a character"),
    ):
        assert any(f"row {row}," in line and said in line for line in caplog.messages), row


def test_cells_are_escaped_for_a_terminal_and_a_spreadsheet(predict) -> None:
    names = {"=1+1": "'=1+1", "-12": "-12", "\x1b[31mred": "\x1b[31mred"}
    for name, written in names.items():
        [row] = csv.DictReader(
            predict("--set", *BEAD, f"record={name}", "--format", "csv")[0].splitlines()
        )
        assert row["bead"] == written
    table = predict("--set", *BEAD, "record=\x1b[31mred\nnext")[0]
    assert table.splitlines()[0].endswith("  \\x1b[31mred\\nnext")


def test_the_record_of_a_bead_keeps_all_its_digits(predict, tmp_path: Path) -> None:
    book, file = openpyxl.Workbook(), tmp_path / "beads.xlsx"
    for row in (("record", "material", "travel_speed_mm_s"), (1234567, "316L", 5)):
        book.active.append(row)
    book.save(file)
    lines = tmp_path / "beads.jsonl"
    lines.write_text('{"record": 1234567, "material": "316L", "travel_speed_mm_s": 5}', "utf-8")
    for one in (file, lines):
        for form in ("csv", "json", "table"):
            assert "1234567" in predict(str(one), "--format", form)[0]


def test_a_note_that_is_longer_than_the_models_read_is_named(predict, caplog) -> None:
    predict("--set", *BEAD, "note=" + "spatter " * 400, "record=r7")
    assert "1 of 1 beads have more to say than the 320 tokens that are read" in caplog.text
    assert "such as the note, is cut: r7" in caplog.text


def test_models_of_another_table_card_or_recipe_are_used_with_a_warning(
    predict, study, monkeypatch, caplog
) -> None:
    before = predict("--set", *BEAD)
    assert "the models in" not in caplog.text
    params, now = Path("params.yaml").read_text("utf-8"), predictor.made_from

    def other(**changes: object):
        return lambda sections: {**now(sections), **changes}

    for changes, said in (
        ({"card": "0" * 12}, "made from another table or card than the present one (card "),
        ({"beads": "0" * 12}, "made from another table or card than the present one (beads "),
        ({"folds": "0" * 12}, "made with other folds or parameters than the present ones (folds "),
    ):
        caplog.clear()
        monkeypatch.setattr(predictor, "made_from", other(**changes))
        assert predict("--set", *BEAD) == before
        [line] = [line for line in caplog.messages if "the models in data/models/bert" in line]
        assert said in line
        assert "dvc repro" in line
    monkeypatch.setattr(predictor, "made_from", now)
    assert study.train.epochs == 1
    caplog.clear()
    try:
        Path("params.yaml").write_text(params.replace("epochs: 1", "epochs: 7"), "utf-8")
        assert predict("--set", *BEAD) == before
    finally:
        Path("params.yaml").write_text(params, "utf-8")
    assert "(train.epochs 1 -> 7)" in caplog.text


def test_a_long_table_is_answered_as_it_is_read(predict, monkeypatch, tmp_path: Path) -> None:
    """Constant memory: no more than a chunk of rows is ever held."""
    held, begin, file = [], Predictor._begin, tmp_path / "long.csv"
    monkeypatch.setattr("llm4waam.inference.user_table.CHUNK", 8)
    monkeypatch.setattr(
        Predictor,
        "_begin",
        lambda self, beads, tasks: held.append(len(beads)) or begin(self, beads, tasks),
    )
    rows = "".join(f"316L,{4 + n / 100:.2f} mm/s\n" for n in range(50))
    file.write_text("material,travel_speed\n" + rows, encoding="utf-8")
    assert len(predict(str(file), "--format", "csv")[0].splitlines()) == 51
    assert held == [8] * 6 + [2]


def test_slips_are_reported_before_anything_slow_is_imported() -> None:
    code = (
        "import sys\nfrom llm4waam.commands.main import main\n"
        "try: main()\n"
        "except SystemExit as left: print(left.code)\n"
        "print(sorted({'torch', 'transformers', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    tables = "a CSV table, an Excel workbook (.xlsx) or JSON lines"
    missing = f"error: nowhere.csv: there is no such file; expected {tables}"
    cases = {
        ("nowhere.csv",): missing,
        ("--formatt", "json"): "2",
        ("--format", "xml", "pyproject.toml"): "2",
        (): "2",
        ("pyproject.toml", "--log", "316L"): "2",
        ("pyproject.toml", "params.yaml"): "2",
        ("pyproject.toml", "--encoder", "brt"): "2",
        ("--help",): "0",
    }
    for arguments, expected in cases.items():
        command = [sys.executable, "-c", code, "predict", *arguments]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert run.stdout.splitlines()[-2:] == [expected, "[]"], (arguments, run.stderr)
    assert "3 rows were skipped" in " ".join(run.stdout.split())
