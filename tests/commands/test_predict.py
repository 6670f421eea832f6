"""`llm4waam predict`, with tiny final models."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest
from conftest import ROOT

from llm4waam.commands import main
from llm4waam.commands.predict import SKIPPED
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
        (["--set", "travel_sped=5"], "--set: 'travel_sped': no such column; expected COLUMN=VALUE"),
        (["--set", "travel_speed"], "--set: 'travel_speed': no such column"),
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
        {"bead": found["bead"], "narration": found["narration"]}
    ]
    assert predict(*how)[0].endswith(f"\n\n{found['narration']}\n\n")


def test_one_sentence_gives_another_answer(predict) -> None:
    whole, other = (
        json.loads(predict("--set", *BEAD, "--format", "json", *how)[0])["quality_p_normal"]
        for how in ([], ["--template", "statement"])
    )
    assert other != whole
    assert other == pytest.approx(whole, abs=0.05)


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
