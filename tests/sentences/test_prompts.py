import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT, SMALL_CARD

from llm4waam.card.card import Card, read_card
from llm4waam.card.quantities import format_number
from llm4waam.core.files import JsonLines, read_table
from llm4waam.pretraining.corpus import other_laboratories
from llm4waam.sentences.fields import find_values, say
from llm4waam.sentences.prompts import TextStyle, constant_fields, make_prompts
from stages import clean, serialize_to_text, split

WAAM = read_card(ROOT / "data/raw/waam_beads.yaml")
STYLE = {
    "information": "post_weld",
    "templates": ["statement", "question"],
    "names": "phrases",
    "units": True,
    "derived": 2,
    "note": True,
    "seed": 0,
}


@pytest.fixture
def beads(workspace):
    folder = workspace()
    clean.main()
    return read_card(folder / "data/raw/small.yaml"), read_table(folder / "data/clean/beads.csv")


def prompts(beads, **style) -> list[dict]:
    card, table = beads
    return list(make_prompts(table, card, TextStyle(**(STYLE | style)), ["quality"]))


def numbers_of(text: str, card: Card, fields: list[str]) -> dict[str, float]:
    """What a reader of the sentence finds by the phrases alone."""
    values = find_values(text, card, fields)
    assert all(float(text[start:end]) == number for _, start, end, number in values)
    return {name: number for name, _, _, number in values}


@pytest.mark.parametrize("units", [True, False])
def test_every_number_is_read_back_from_every_template(beads, units: bool) -> None:
    card, table = beads
    fields = [n for n in card.fields("post_weld", derived=2) if n != "material"]
    known = card.with_formulas(table).set_index("bead")
    rows = prompts(beads, units=units)
    assert len(rows) == 2 * len(table)
    for row in rows:
        found = numbers_of(row["text"], card, fields)
        digits = {n: card.columns[n].digits if n in card.columns else 4 for n in fields}
        assert found == {
            n: float(format_number(known.at[row["bead"], n], digits[n])) for n in fields
        }
        assert ("mm/s" in row["text"]) is units


def test_a_missing_value_is_left_out(beads) -> None:
    card, table = beads
    table.loc[0, "voltage_v"] = None
    text = prompts((card, table))[0]["text"]
    assert "voltage" not in text
    assert "nan" not in text.lower()


def test_before_the_weld_nothing_measured_is_told(beads) -> None:
    for row in prompts(beads, information="pre_weld"):
        assert "voltage" not in row["text"]
        assert "current" not in row["text"]
        assert "heat input" not in row["text"]


def test_the_question_belongs_to_its_task_and_the_statement_to_all(beads) -> None:
    statement, question = prompts(beads)[:2]
    assert statement["task"] is None
    assert question["task"] == "quality"
    assert question["text"].endswith("Is it normal?")


def test_the_note_is_told_only_where_asked_for(beads) -> None:
    card, table = beads
    table["note"] = table["note"].astype(object)
    table.loc[0, "note"] = "dirty plate"
    assert "dirty plate" in prompts((card, table))[0]["text"]
    assert "dirty plate" not in prompts((card, table), note=False)[0]["text"]


def test_values_only_names_nothing(beads) -> None:
    for row in prompts(beads, names="none"):
        assert "speed" not in row["text"]
        assert "material" not in row["text"]


def test_shuffled_names_are_all_wrong_and_the_values_all_there(beads) -> None:
    card, _ = beads
    fields = [n for n in card.fields("post_weld", derived=2) if n != "material"]
    right = numbers_of(prompts(beads)[0]["text"], card, fields)
    wrong = numbers_of(prompts(beads, names="shuffled")[0]["text"], card, fields)
    assert sorted(right.values()) == sorted(wrong.values())
    assert all(right[name] != wrong[name] for name in fields)


def test_the_stage_names_a_task_that_the_card_does_not_have(workspace, params) -> None:
    workspace(params=params | {"tasks": ["quality", "porosity"]})
    clean.main()
    with pytest.raises(Exception, match="'porosity': no such task in the card; expected defects"):
        serialize_to_text.main()


@pytest.mark.parametrize("information", ["pre_weld", "post_weld"])
def test_the_study_s_own_sentences_can_be_read_back(information: str) -> None:
    card = read_card(ROOT / "data/raw/waam_beads.yaml")
    style = TextStyle(**(STYLE | {"information": information, "orders": 2}))
    fields = card.fields(information, derived=2)
    phrases = [(card.columns.get(name) or card.derived[name]).phrase for name in fields]
    assert len(set(phrases)) == len(phrases)
    for row in make_prompts(other_laboratories(40, 3), card, style, ["quality"]):
        told = {name: number for name, _, _, number in row["values"] if number is not None}
        assert numbers_of(row["text"], card, fields) == told


def test_a_templated_sentence_is_given_its_numbers(workspace) -> None:
    text = "With travel speed 4.5 mm/s and voltage 17.25 V, is it normal?"
    card = yaml.safe_load(SMALL_CARD)
    card["columns"] |= {
        "prompts": {"meaning": "p", "role": "prompt", "kind": "text", "header": "prompts"}
    }
    workspace(card=yaml.safe_dump(card))
    known = read_card(Path("data/raw/small.yaml"))
    table = pd.DataFrame({"bead": ["b1"], "prompts": [json.dumps([text, "no number at all"])]})
    first, second = make_prompts(table, known, TextStyle(**STYLE), ["quality"])
    place = text.index("4.5"), text.index("17.25")
    assert first["values"] == [
        ["travel_speed_mm_s", place[0], place[0] + 3, 4.5],
        ["voltage_v", place[1], place[1] + 5, 17.25],
    ]
    assert (first["text"], first["template"], first["task"]) == (text, "given_1", None)
    assert (second["text"], second["values"]) == ("no number at all", [])


def test_prompts_are_written_for_every_bead(workspace) -> None:
    folder = workspace()
    for stage in (clean, split, serialize_to_text):
        stage.main()
    rows = list(JsonLines(folder / "data/text/prompts.jsonl"))
    assert len(rows) == 24 * (1 + 3)


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [
        (8.9, 0.1, "8.9"),
        (8.91, 0.1, "8.9"),
        (3.0, 0.1, "3.0"),
        (14.75, 0.5, "14.8"),
        (20.4, 1.0, "20"),
        (-0.04, 0.1, "0.0"),
        (2205.4, None, "2210"),
        (50.894, None, "50.9"),
        (45.0, None, "45"),
        (0.012345, None, "0.0123"),
    ],
)
def test_a_number_is_written_in_the_decimals_of_its_step(value, step, text: str) -> None:
    column = WAAM.columns["travel_speed_mm_s"].model_copy(update={"step": step})
    columns = WAAM.columns | {"travel_speed_mm_s": column}
    card = WAAM.model_copy(update={"columns": columns})
    said = say(card, "travel_speed_mm_s", value, "travel speed", True, "step")
    assert (said.text, said.number) == (f"{text} mm/s", value)


def test_what_is_finer_than_a_step_changes_no_sentence_but_its_numbers() -> None:
    """8.90 and 8.91 mm/s are one sentence with two numbers; written out they are two."""
    bead = {"bead": "a", "material": "ER316L", "transfer_mode": "CMT", "wire_feed_speed_m_min": 6.5}
    beads = pd.DataFrame([bead | {"travel_speed_mm_s": v} for v in (8.90, 8.91)])
    beads = beads.reindex(columns=["bead", *WAAM.clean_columns])
    style = STYLE | {"information": "pre_weld", "derived": 0, "templates": ["statement"]}
    texts, numbers = {}, {}
    for rounding in ("digits", "step"):
        rows = list(make_prompts(beads, WAAM, TextStyle(**style, rounding=rounding), ["quality"]))
        texts[rounding] = len({row["text"] for row in rows})
        found = [dict((v[0], v[3]) for v in row["values"]) for row in rows]
        numbers[rounding] = [one["travel_speed_mm_s"] for one in found]
    assert texts == {"digits": 2, "step": 1}
    assert numbers == {"digits": [8.90, 8.91], "step": [8.90, 8.91]}


def test_what_is_the_same_for_every_training_bead_is_left_out() -> None:
    """Fitted on training beads alone; a bead with another value is said like all others."""
    beads = other_laboratories(60, 3)
    training = beads.iloc[:40].assign(wire_diameter_mm=1.2, gas_flow_l_min=15.0)
    training.loc[training.index[0], "gas_flow_l_min"] = float("nan")
    style = TextStyle(**(STYLE | {"information": "pre_weld", "constant": False}))
    left_out = constant_fields(training, WAAM, style)
    assert left_out["wire_diameter_mm"] == 1.2
    assert not {"gas_flow_l_min", "material"} & {*left_out}  # that it is known may tell something
    left_out = {"wire_diameter_mm": left_out["wire_diameter_mm"]}
    assert constant_fields(training, WAAM, style.model_copy(update={"constant": True})) == {}
    assert constant_fields(training.iloc[:1], WAAM, style) == {}  # nothing would be left to say
    rows = list(make_prompts(beads, WAAM, style, ["quality"], left_out))
    whole = list(make_prompts(beads, WAAM, style, ["quality"]))
    assert not any("wire diameter" in row["text"] for row in rows)
    assert sum("wire diameter" in row["text"] for row in whole) == len(rows)
    for short, long in zip(rows, whole, strict=True):
        kept = [value for value in long["values"] if value[0] != "wire_diameter_mm"]
        assert [(v[0], v[3]) for v in short["values"]] == [(v[0], v[3]) for v in kept]
