"""docs/card.md: its examples are cards that fit their tables, and it names every key."""

import re
from pathlib import Path

import pytest
from conftest import ROOT

from llm4waam.card.card import Card, read_card
from llm4waam.card.columns import Check, Column, Derived, Level, Repair, Task
from llm4waam.cleaning.clean import clean_table
from llm4waam.core.tables import TableFormat, read_strings

PAGE = (ROOT / "docs/card.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```csv\n(.*?)```\n\n```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("model", [Card, Column, Level, Derived, Check, Repair, Task, TableFormat])
def test_the_page_names_every_key(model: type) -> None:
    assert [key for key in model.model_fields if f"`{key}`" not in PAGE] == []


def cleaned(number: int, tmp_path: Path) -> tuple:
    table, text = EXAMPLES[number]
    (tmp_path / "t.yaml").write_text(text, encoding="utf-8")
    card = read_card(tmp_path / "t.yaml")
    (tmp_path / "t.csv").write_bytes(table.encode(card.table.encoding))
    raw, broken = read_strings(tmp_path / "t.csv", card.table)
    return card, *clean_table(raw, card, broken, "t.csv")


def test_the_minimal_card(tmp_path: Path) -> None:
    card, beads, log = cleaned(0, tmp_path)
    assert len(EXAMPLES) == 3
    assert EXAMPLES[0][1].count("\n") <= 15
    assert (len(beads), log.entries) == (3, [])
    assert card.columns["wfs"].phrase == "wire feed speed"


def test_the_korean_card(tmp_path: Path) -> None:
    _, beads, log = cleaned(1, tmp_path)
    assert log.rejected() == []
    assert beads["crack"].tolist() == [0, 0, 1]
    assert beads["porosity"].tolist() == [1, 0, 1]
    assert beads["verdict"].tolist() == ["불량", "합격", "불량"]
    assert beads["current"].tolist() == [8.5, 9, 10.5]
    assert beads["force"].isna().tolist() == [False, False, True]


def test_the_long_card(tmp_path: Path) -> None:
    _, beads, log = cleaned(2, tmp_path)
    assert log.rejected() == []
    assert beads["bead"].tolist() == ["B1", "B2", "B3"]
    assert beads["defect"].tolist() == ["Keyhole or Spatter", "None", "Lack of fusion"]
    assert beads["scan_speed"].tolist() == [800, 1200, 1200]
