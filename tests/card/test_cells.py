from pathlib import Path

import pandas as pd
import pytest

from llm4waam.card.cells import find_cells
from llm4waam.core.files import read_table
from stages import clean, split


def test_repeats_share_a_cell_and_other_set_points_do_not() -> None:
    table = pd.DataFrame({"lab": ["a", "a", "a", "b"], "speed": [5.0, 5.0, 6.0, 5.0]})
    assert find_cells(table, ["lab", "speed"]).tolist() == [0, 0, 1, 2]


def test_a_missing_set_point_cannot_part_a_repeat_from_its_cell() -> None:
    table = pd.DataFrame({"lab": ["a"] * 3, "speed": [5.0, 5.0, 6.0], "tip": [12.0, None, 12.0]})
    assert find_cells(table, ["lab", "speed", "tip"]).tolist() == [0, 0, 1]


def test_doubt_about_a_repeat_joins_what_it_may_belong_to() -> None:
    table = pd.DataFrame({"lab": ["a"] * 3, "tip": [12.0, None, 15.0]})
    assert find_cells(table, ["lab", "tip"]).tolist() == [0, 0, 0]


def test_without_set_points_every_row_is_a_cell() -> None:
    assert find_cells(pd.DataFrame({"x": [1, 1]}), []).tolist() == [0, 1]


def lab(rows: str, workspace) -> pd.DataFrame:
    """The clean table of wire feeds of several units, by a card that accepts both."""
    card = """
title: t
simulated: true
columns:
  lab: {role: group, kind: category}
  feed: {role: set_point, kind: number, header: wire_feed, unit: m/min, unit_header: unit,
    accepted_units: [m/min, in/min], range: [1, 20]}
  width: {role: outcome, kind: number, unit: mm}
tasks:
  width: {kind: regression, columns: [width]}
"""
    workspace(rows=rows.split(), card=card, header="lab,wire_feed,unit,width")
    clean.main()
    return pd.read_csv("data/clean/beads.csv")


def test_one_set_point_in_two_units_is_one_cell(workspace) -> None:
    table = lab("A,8.6,m/min,1 A,338.58,in/min,2 A,8.7,m/min,3 B,338.58,in/min,4", workspace)
    assert table["cell"].tolist() == ["cell_0000", "cell_0000", "cell_0001", "cell_0002"]
    assert table["feed"].tolist()[:2] == pytest.approx([8.6, 8.599932])
    noted = pd.read_csv("data/clean/rejected.csv")
    assert noted["reason"].tolist() == [
        "feed as written is that of row 1 in another unit: one cell"
    ]


def test_numbers_of_one_unit_are_compared_as_they_are_written(workspace) -> None:
    table = lab("A,8.6,m/min,1 A,8.64,m/min,2 A,8.604,m/min,3", workspace)
    assert table["cell"].nunique() == 3


def test_5_beside_5_5_is_written_to_a_tenth(workspace) -> None:
    """216.5 in/min is 5.4991 m/min: that is 5.5, and not 5 to whole metres."""
    table = lab("A,5,m/min,1 A,5.5,m/min,2 A,216.5,in/min,3", workspace)
    assert table["cell"].tolist() == ["cell_0000", "cell_0001", "cell_0001"]


def test_a_repeat_in_another_unit_stands_in_one_fold(workspace, params) -> None:
    pairs = [(2 + n / 2, (2 + n / 2) / 0.0254) for n in range(20)]
    rows = [f"A,{m:.1f},m/min,{n} A,{i:.2f},in/min,{n}.5" for n, (m, i) in enumerate(pairs)]
    params["tasks"] = ["width"]
    table = lab(" ".join(rows), workspace)
    split.main()
    folds = read_table(Path("data/split/folds.csv")).set_index("bead")["fold"]
    assert table["cell"].nunique() == 20
    for _, beads in table.groupby("cell"):
        assert folds[beads["bead"]].nunique() == 1
