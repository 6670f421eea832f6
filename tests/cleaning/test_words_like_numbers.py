"""Words that look like numbers stay words, from the raw table to the sentence and the answer."""

import json
from pathlib import Path

import pandas as pd
import pytest

from llm4waam.card.card import read_card
from llm4waam.core.files import JsonLines
from llm4waam.core.tables import read_rows
from llm4waam.inference.user_table import take
from llm4waam.splits.tasks import make_task, targets
from stages import clean, serialize_to_text, split

CARD = """
title: t
simulated: true
columns:
  code: {role: identifier, kind: text}
  wire:
    role: set_point
    kind: category
    levels: {"5356": {properties: {melting: 0.86}}, "316": {properties: {melting: 0.31}}}
  batch: {role: set_point, kind: category}
  feed: {role: set_point, kind: number, unit: m/min}
  grade:
    role: outcome
    kind: labels
    labels: {"1": [], "2": [], "3": [], "4": [], "5": [], "6": []}
derived:
  power: {meaning: power, formula: melting * feed, unit: W, phrase: expected power}
tasks:
  grade: {kind: multi_label, columns: [grade]}
"""
CODES = ["007", "7", "1.10", "1.1", "1e3", "010", "1000", "10"]


@pytest.fixture
def study(workspace, params) -> Path:
    params["tasks"] = ["grade"]
    params["text"]["derived"] = 1
    rows = [
        f"{n:03d},{('5356', '316')[n % 2]},{CODES[n % 8]},{2 + n},{n % 6 + 1}" for n in range(24)
    ]
    folder = workspace(rows=rows, card=CARD, header="code,wire,batch,feed,grade")
    for stage in (clean, split, serialize_to_text):
        stage.main()
    return folder


def test_cleaning_and_reading_keep_the_words(study: Path) -> None:
    card = read_card(study / "data/raw/small.yaml")
    beads = card.read_beads(study / "data/clean/beads.csv")
    assert beads["batch"].tolist()[:8] == CODES
    assert beads["bead"].tolist()[:2] == ["000", "001"]
    assert set(beads["wire"]) == {"5356", "316"}
    assert beads["feed"].dtype == float
    assert card.with_formulas(beads)["power"].tolist()[:2] == pytest.approx([0.86 * 2, 0.31 * 3])
    task = make_task(card, "grade", "card")
    assert targets(card, task, beads).sum(axis=1).tolist() == [1.0] * 24


def test_sentences_say_what_follows_from_the_wire(study: Path) -> None:
    prompts = list(JsonLines(study / "data/text/prompts.jsonl"))
    assert all("expected power" in prompt["text"] for prompt in prompts)
    assert "The wire is 5356. The batch is 007." in prompts[0]["text"]


def test_predict_reads_what_clean_reads(study: Path) -> None:
    card = read_card(study / "data/raw/small.yaml")
    beads = card.read_beads(study / "data/clean/beads.csv").set_index("bead")
    taken, log = take(list(read_rows(study / "data/raw/small.csv")), card, "pre_weld")
    assert log.entries == []
    for name in ("wire", "batch", "feed"):
        assert taken[name].tolist() == beads[name].tolist()
    lines = [{"wire": 5356, "batch": 7, "feed": 2.0}, {"wire": 316, "batch": "007", "feed": "3"}]
    file = study / "beads.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    taken, _ = take(list(read_rows(file)), card, "pre_weld")
    assert taken["wire"].tolist() == ["5356", "316"]
    assert taken["batch"].tolist() == ["7", "007"]
    assert card.with_formulas(taken)["power"].tolist() == pytest.approx([0.86 * 2, 0.31 * 3])


def test_numbers_of_json_are_read_as_they_are_written(study: Path) -> None:
    file = study / "beads.jsonl"
    file.write_text('{"wire": 5356, "batch": 1.10, "feed": 2e0}\n', encoding="utf-8")
    [(_, row)] = read_rows(file)
    assert row == {"wire": "5356", "batch": "1.10", "feed": "2e0"}


def test_a_record_number_of_seven_digits_is_not_rounded(workspace) -> None:
    card = CARD.replace("kind: text", "kind: number")
    rows = [f"{1234567 + n},5356,a,{2 + n},1" for n in range(4)]
    workspace(rows=rows, card=card, header="code,wire,batch,feed,grade")
    clean.main()
    beads = pd.read_csv("data/clean/beads.csv", dtype=str)["bead"]
    assert beads.tolist() == ["1234567", "1234568", "1234569", "1234570"]
