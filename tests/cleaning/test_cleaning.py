"""Planted dirt, row by row: what is mended, what is rejected, and what stops the run."""

from pathlib import Path

import pytest
from conftest import HEADER, SMALL_CARD, small_rows

from llm4waam.cleaning.log import WHOLE_ROW
from llm4waam.core.errors import StudyError
from llm4waam.core.files import read_table
from stages import clean


def run(folder: Path) -> tuple:
    clean.main()
    beads = read_table(folder / "data/clean/beads.csv").set_index("bead")
    return beads, read_table(folder / "data/clean/rejected.csv")


def entry(rejected, row: int, column: str) -> str:
    [reason] = rejected.loc[(rejected["row"] == row) & (rejected["column"] == column), "reason"]
    return reason


def test_dirt_is_mended_or_rejected_and_listed(workspace) -> None:
    heat = 0.8 * 15 * 150 / 5
    rows = [
        *small_rows(),
        f"a1,lab 0,G3Si1,30,cm/min,15,150,{heat},,hump",
        f'a2,lab 2,er70s-6,30,cm/min,"15,000",150,{heat / 0.8},dirty plate,Normal',
        f"a3,lab 2,ER70S-6,36,,15,150,{heat * 50 / 6},,Normal",
        f"a4,lab 2,ER70S-6,42,cm/min,327.67,150,{heat},,Normal",
        f"a5,lab 2,ER70S-6,48,cm/min,15,150,{heat * 3},,Normal",
        f"a6,lab 2,ER70S-6,54,cm/min,15,n/a,{heat},,Porosity",
        "a7,lab 2,ER70S-6,fast,cm/min,15,150,225,,Normal",
        "a8,lab 2,ER70S-6,60,cm/min,inf,150,,,",
        f"a1,lab 0,G3Si1,30,cm/min,15,150,{heat},,hump",
        "a1,lab 0,G3Si1,30,cm/min,16,150,384,,hump",
        "a9,lab 2,ER70S-6,60",
    ]
    beads, rejected = run(workspace(rows))
    assert beads.loc["a1", "material"] == "ER70S-6"
    assert beads.loc["a1", "travel_speed_mm_s"] == pytest.approx(5)
    assert beads.loc["a1", "labels"] == "Humping"
    assert beads.loc["a2", "voltage_v"] == 15
    assert beads.loc["a2", "heat_input_j_mm"] == pytest.approx(heat)
    assert entry(rejected, 26, "heat_input_j_mm") == "arc energy"
    assert beads.loc["a3", "travel_speed_mm_s"] == pytest.approx(6)
    assert entry(rejected, 27, "travel_speed") == "unit lost; every other row of lab 2 has cm/min"
    assert beads.loc["a3", "heat_input_j_mm"] == pytest.approx(heat * 5 / 6)
    assert entry(rejected, 27, "heat_input_j_mm") == "ten times too high"
    assert beads["voltage_v"].isna()["a4"]
    assert entry(rejected, 28, "voltage_v") == "fault value of the logger"
    assert beads["heat_input_j_mm"].isna()["a5"]
    assert "contradicts the formula" in entry(rejected, 29, "heat_input_j_mm")
    assert beads["labels"].isna()["a6"]
    assert "no known label" in entry(rejected, 30, "labels")
    assert not {"a7", "a8", "a9"} & set(beads.index)
    assert entry(rejected, 31, "travel_speed_mm_s") == "not a number"
    assert entry(rejected, 31, WHOLE_ROW) == "a required value is missing"
    assert entry(rejected, 32, "voltage_v") == "not a finite number"
    assert entry(rejected, 32, WHOLE_ROW) == "there is no outcome"
    assert entry(rejected, 33, WHOLE_ROW) == "duplicate of row 25"
    assert entry(rejected, 34, WHOLE_ROW) == "the record of row 25 with other values"
    assert entry(rejected, 35, WHOLE_ROW) == "expected 10 cells"
    assert beads.loc["r00", "cell"] == beads.loc["r01", "cell"] != beads.loc["r02", "cell"]


def test_the_raw_file_is_never_touched(workspace) -> None:
    folder = workspace()
    raw = folder / "data/raw/small.csv"
    before = raw.read_bytes()
    clean.main()
    assert raw.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"raw": b""}, "small.csv: the file is empty"),
        ({"header": HEADER.replace("voltage", "volts")}, "column voltage: the column is missing"),
        ({"rows": ["x,lab,ER70S-6,5,furlong/min,15,150,1,,Normal"]}, "row 1.*'furlong/min'"),
        ({"rows": ["x,lab,ER70S-6,5,kJ/mm,15,150,1,,Normal"]}, "expected cm/min, mm/s"),
        ({"rows": ["x,lab,ER70S-6,fast,mm/s,15,150,1,,Normal"]}, "no usable row is left"),
        ({"rows": ["x,lab,ER70S-6,5,mm/s,15,150,,,Rust"]}, "no usable row is left"),
        ({"card": SMALL_CARD.replace("title:", "titel:")}, "small.yaml: title: Field required"),
    ],
)
def test_a_broken_table_stops_the_run_with_one_line(workspace, change: dict, message: str) -> None:
    folder = workspace(**change)
    with pytest.raises(StudyError, match=message) as caught:
        clean.main()
    assert "\n" not in str(caught.value)
    assert not (folder / "data/clean").exists()
