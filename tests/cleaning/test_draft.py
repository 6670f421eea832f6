"""`llm4waam card`: a draft that passes the stages as it is, of tables that nobody prepared."""

import io
import json
import random
import shutil
import sys
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
import yaml
from conftest import ROOT, SHARED

from llm4waam.card.card import Card, read_card
from llm4waam.cleaning.draft import LOSSES, draft_card
from llm4waam.cleaning.guesses import guess_column, unit_of_header, words_of
from llm4waam.commands import main
from llm4waam.commands.card import write_draft
from llm4waam.core.errors import StudyError
from llm4waam.core.files import read_table
from llm4waam.core.tables import TableFormat
from stages import check_params, clean, explore, serialize_to_text, split


def spot_welds() -> bytes:
    """Korean headers with units, semicolons and decimal commas, ticked flags, in CP949."""
    draw = random.Random(1)
    rows = [
        "번호;용접전류(kA);가압력 [kN];통전시간(cycle);재질;두께(mm);균열;기공;너겟직경(mm);비고"
    ]
    for n in range(40):
        current, force = draw.choice(["8,5", "9", "10,5"]), draw.choice(["2,1", "2,5"])
        marks = f"{draw.choice(['O', 'X'])};{draw.choice(['O', 'X'])}"
        nugget = f"{draw.uniform(3, 7):.2f}".replace(".", ",")
        note = draw.choice(["", "팁 교체", "표면 오염"])
        rows.append(f"{n + 1};{current};{force};12;SPCC;1,2;{marks};{nugget};{note}")
    return "\n".join(rows).encode("cp949")


def powder_bed() -> bytes:
    """Mixed units in the cells, spellings, joined names of defects, a word for missing values."""
    draw = random.Random(2)
    rows = ["Sample ID,Alloy,Laser power (W),Scan speed,Layer thickness [µm],Defects,Reference"]
    for n in range(60):
        speed = draw.choice(["0.8 m/s", "800 mm/s", "1200 mm/s", "900 mm/s", "n.d."])
        defects = draw.choice(
            ["none", "none", "keyhole", "keyhole + LOF", "Lack of fusion", "balling"]
        )
        alloy = draw.choice(["Ti-6Al-4V", "ti6al4v", "316L", "IN718"])
        power = draw.choice([150, 200, 250, 300])
        rows.append(f"S{n:03d},{alloy},{power},{speed},30,{defects},Paper {n % 5}")
    return "\n".join(rows).encode()


def workbook() -> bytes:
    """A title row, the table on the first of two sheets, a class of many, yes and no."""
    draw = random.Random(3)
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Beads"
    sheet.append(["Trials of 2024"])
    header = ["Bead No.", "WFS\n[ipm]", "Travel_Speed_mm_s", "Gas", "Width (mm)", "Grade", "on"]
    sheet.append(header)
    for n in range(36):
        setting = [draw.choice([150, 200, 250]), draw.choice([5, 7.5, 10.0])]
        outcome = [round(draw.uniform(4, 9), 2), draw.choice("BCD"), draw.choice(["yes", "no"])]
        sheet.append([n + 1, *setting, draw.choice(["Ar", "no"]), *outcome])
    book.create_sheet("Notes").append(["nothing here"])
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


def json_lines() -> bytes:
    draw = random.Random(4)
    rows = [
        {
            "heat": f"H{n % 4}",
            "beam_current_mA": draw.choice([20, 25, 30]),
            "focus": draw.choice(["over", "Over", "sharp"]),
            "penetration_mm": round(draw.uniform(1, 5), 2),
            "ok": draw.random() < 0.5,
        }
        for n in range(30)
    ]
    return "\n".join(map(json.dumps, rows)).encode()


TABLES = {
    "spot.csv": spot_welds,
    "powder.csv": powder_bed,
    "beads.xlsx": workbook,
    "beam.jsonl": json_lines,
}


@pytest.fixture
def drafted(tmp_path: Path, monkeypatch, params, encoders):
    """A function: the card of a drafted table, after the stages ran on it as it is."""

    def run(name: str, content: bytes) -> tuple[Card, list[str]]:
        monkeypatch.chdir(tmp_path)
        table = Path("data/raw") / name
        table.parent.mkdir(parents=True)
        table.write_bytes(content)
        shutil.copytree(encoders, "data/encoders")
        lines = write_draft(table, None, TableFormat(), force=False)
        card = read_card(table.with_suffix(".yaml"))
        params.update(dataset=table.stem, dataset_format=table.suffix[1:], tasks=list(card.tasks))
        params["target"] = {n: {"loss": LOSSES[task.kind]} for n, task in card.tasks.items()}
        Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        for stage in (check_params, clean, split, serialize_to_text, explore):
            stage.main()
        return card, lines

    return run


def roles(card: Card) -> dict[str, str]:
    return {name: f"{column.role} {column.kind}" for name, column in card.columns.items()}


def test_korean_spot_welds(drafted) -> None:
    card, lines = drafted("spot.csv", spot_welds())
    assert card.table == TableFormat(encoding="cp949", separator=";")
    assert roles(card) == {
        "number": "identifier text",
        "current": "set_point number",
        "electrode_force": "set_point number",
        "weld_time": "set_point number",
        "material": "set_point category",
        "thickness": "set_point number",
        "crack": "outcome flag",
        "porosity": "outcome flag",
        "nugget_diameter": "outcome number",
        "remark": "note text",
    }
    assert card.columns["current"].header == "용접전류(kA)"
    assert (card.columns["current"].unit, card.columns["current"].range) == ("kA", (8, 11))
    assert card.columns["electrode_force"].phrase == "electrode force"
    assert {n: t.kind for n, t in card.tasks.items()} == {
        "nugget_diameter": "regression",
        "defects": "multi_label",
    }
    assert card.tasks["defects"].columns == ["crack", "porosity"]
    assert len(read_table(Path("data/clean/beads.csv"))) == 40
    assert any("dataset=spot" in line and "nugget_diameter,defects" in line for line in lines)


def test_a_powder_bed_of_several_papers(drafted) -> None:
    card, lines = drafted("powder.csv", powder_bed())
    speed, alloy = card.columns["scan_speed"], card.columns["alloy"]
    assert (speed.unit, set(speed.accepted_units)) == ("mm/s", {"mm/s", "m/s"})
    assert speed.range == (800, 1200)
    assert read_table(Path("data/clean/beads.csv"))["scan_speed"].isna().any()  # n.d.
    assert alloy.kind == "category"
    assert {"316L", "IN718"} < set(alloy.levels)
    assert len(alloy.levels) == 3
    assert card.columns["layer_thickness"].unit == "um"
    assert card.columns["reference"].role == "group"
    assert set(card.columns["defects"].labels) == {
        "balling", "keyhole", "Lack of fusion", "LOF", "none",
    }  # fmt: skip
    assert card.columns["defects"].exclusive == "none"
    assert card.tasks["defects"].kind == "multi_label"
    beads = read_table(Path("data/clean/beads.csv"))
    assert len(beads) == 60
    assert beads["defects"].notna().all()
    text = Path("data/raw/powder.yaml").read_text(encoding="utf-8")
    assert "# ? the same in other words (then aliases): LOF and Lack of fusion?" in text
    assert any("split_by): reference" in line for line in lines)


def test_a_workbook_with_a_title_and_two_sheets(drafted) -> None:
    card, _ = drafted("beads.xlsx", workbook())
    assert card.table.header_row == 2
    assert roles(card) == {
        "bead_no": "identifier text",
        "wire_feed_speed": "set_point number",
        "travel_speed_mm_s": "set_point number",
        "gas": "set_point category",
        "width": "outcome number",
        "grade": "outcome category",
        "on": "outcome flag",
    }
    assert card.columns["wire_feed_speed"].header == "WFS [ipm]"
    assert card.columns["wire_feed_speed"].unit == "in/min"
    assert card.columns["travel_speed_mm_s"].meaning == "travel speed"
    assert set(card.columns["gas"].levels) == {"Ar", "no"}
    assert {n: t.kind for n, t in card.tasks.items()} == {
        "width": "regression",
        "grade": "multi_class",
        "on": "binary",
    }
    assert read_table(Path("data/clean/beads.csv"))["bead"].tolist()[:2] == ["1", "2"]


def test_json_lines(drafted) -> None:
    card, lines = drafted("beam.jsonl", json_lines())
    assert card.columns["penetration_mm"].role == card.columns["ok"].role == "outcome"
    assert [name.casefold() for name in card.columns["focus"].levels] == ["over", "sharp"]
    assert card.columns["beam_current_ma"].unit == "mA"
    assert {t.kind for t in card.tasks.values()} == {"regression", "binary"}
    assert any("dataset_format=jsonl" in line for line in lines)


@pytest.mark.parametrize(
    ("path", "beads", "tasks"),
    [
        (ROOT / "data/raw/waam_beads.csv", 140, {"result": "multi_label", "quality": "binary"}),
        (SHARED / "cwru_waam_logger/er70s6_beads_tidy.csv", 229, {"cv_h": "regression"}),
        (
            SHARED / "ai4i2020/ai4i2020.csv",
            10_000,
            {"machine_failure": "binary", "defects": "multi_label"},
        ),
    ],
)
def test_tables_of_other_people(drafted, path: Path, beads: int, tasks: dict) -> None:
    if not path.is_file():
        pytest.skip(f"the table {path.name} is not on this machine")
    card, _ = drafted(path.name, path.read_bytes())
    assert {name: task.kind for name, task in card.tasks.items()} == tasks
    assert len(read_table(Path("data/clean/beads.csv"))) == beads


def draft(text: str) -> dict:
    raw = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    raw.index = range(1, len(raw) + 1)
    return yaml.safe_load(draft_card(raw, "t", TableFormat()).text)


def test_what_yaml_would_misread_is_quoted_and_empty_columns_are_left_out() -> None:
    card = draft("no,state,empty,defect\n1,on,,no\n2,off,,yes \n3,on,,1e5\n4,null,,2024-01-05\n")
    Card.model_validate(card)
    assert set(card["columns"]["state"]["levels"]) == {"on", "off"}
    assert set(card["columns"]["defect"]["levels"]) == {"no", "yes", "1e5", "2024-01-05"}
    assert "empty" not in card["columns"]


def test_units_under_the_header_are_taken_over() -> None:
    card = draft("gas,speed,width\n-,mm/s,mm\nAr,10,5\nAr,12,6\n")
    assert (card["columns"]["speed"]["unit"], card["columns"]["width"]["unit"]) == ("mm/s", "mm")


def test_a_note_that_tells_the_outcome_is_left_out_and_long_texts_are_no_levels() -> None:
    rows = [f"{n % 7},it {'humped' if n % 2 else 'was fine'} at {n},{n % 2}" for n in range(30)]
    text = "speed,remark,result\n" + "\n".join(
        row[:-1] + ("Humping" if row[-1] == "1" else "Normal") for row in rows
    )
    assert "remark" not in draft(text)["columns"]
    rows = [f"{n % 7},text number {n} " + "of many words " * 4 + f",{n}" for n in range(300)]
    column = draft("speed,story,width\n" + "\n".join(rows))["columns"]["story"]
    assert column == {"role": "note", "kind": "text"}


def test_a_row_for_each_bead_and_label_is_seen() -> None:
    text = "bead,speed,defect\n" + "".join(
        f"B{n},{n % 3},{defect}\n"
        for n in range(6)
        for defect in (["none"] if n % 2 else ["pore", "crack"])
    )
    card = Card.model_validate(draft(text))
    assert card.columns["defect"].label_of == "bead_id"
    assert card.columns["defect"].exclusive == "none"
    assert roles(card)["bead_id"] == "identifier text"
    assert {name: task.kind for name, task in card.tasks.items()} == {
        "defect": "multi_label",
        "quality": "binary",
    }


def test_a_number_of_two_readings_is_settled_by_a_range() -> None:
    card = draft('speed,width\n1,"1,234"\n2,2000\n3,1500\n')
    assert card["columns"]["width"]["range"] == [1200, 2000]


def test_where_no_outcome_is_likely_the_last_number_is_asked_for() -> None:
    card = draft("speed,gas,q\n1,Ar,3.5\n2,He,4.5\n3,Ar,2.5\n")
    assert card["tasks"] == {"q": {"kind": "regression", "columns": ["q"]}}


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("WFS [ipm]", "in/min"),
        ("전압(V)", "V"),
        ("Speed_mm_s", "mm/s"),
        ("Power (W)", "W"),
        ("Air temperature [K]", "K"),
        ("temp (C)", "degC"),
        ("Speed, mm/s", "mm/s"),
        ("Torque [Nm]", "N*m"),
        ("area_mm2", "mm**2"),
        ("wfs_file_units", None),
        ("temp_min", None),
        ("current (measured)", None),
    ],
)
def test_units_of_headers(header: str, unit: str | None) -> None:
    assert unit_of_header(header)[1] == unit


def test_words_and_names() -> None:
    assert words_of("용접전류") == ["current"]
    assert words_of("WireFeedSpeed") == ["wire", "feed", "speed"]
    assert guess_column("material", pd.Series(["316L", "304L", "316L"])).kind == "category"
    assert guess_column("speed", pd.Series(["~6", "5", "5.5*"])).kind == "number"
    assert list(draft("bead,speed,width\nA,1,2\nB,2,3\n")["columns"]) == [
        "bead_id",
        "speed",
        "width",
    ]
    names = draft("속도,뭐라구,width\n1,2,3\n2,3,4\n")["columns"]
    assert list(names) == ["speed", "column_2", "width"]
    assert names["column_2"]["header"] == names["column_2"]["meaning"] == "뭐라구"


def test_a_card_is_not_overwritten_and_options_are_checked(tmp_path, monkeypatch, capsys) -> None:
    table = tmp_path / "t.csv"
    table.write_text("speed,width\n1,2\n2,3\n", encoding="utf-8")
    write_draft(table, None, TableFormat(), force=False)
    with pytest.raises(StudyError, match=r"t\.yaml: there is a card already; expected --output"):
        write_draft(table, None, TableFormat(), force=False)
    monkeypatch.setattr(sys, "argv", ["llm4waam", "card", str(table), "--encoding", "hangul"])
    with pytest.raises(SystemExit, match=r"encoding: .*no encoding is called so"):
        main.main()
    monkeypatch.setattr(sys, "argv", ["llm4waam", "card", str(table), "--force"])
    with pytest.raises(SystemExit):
        main.main()
    assert "dvc exp run -S dataset=t -S 'tasks=[width]'" in capsys.readouterr().out
