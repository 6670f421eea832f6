import pytest
from conftest import ROOT

from stages import clean, serialize_to_text
from stages.beads.card import read_card
from stages.beads.files import read_jsonl, read_table
from stages.beads.numbers import format_number
from stages.beads.text import TextStyle, make_prompts, read_numbers

STYLE = {
    "information": "post_weld",
    "templates": ["statement", "question"],
    "names": "phrases",
    "units": True,
    "derived": True,
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


@pytest.mark.parametrize("units", [True, False])
def test_every_number_is_read_back_from_every_template(beads, units: bool) -> None:
    card, table = beads
    fields = [n for n in card.fields("post_weld", derived=True) if n != "material"]
    known = card.with_formulas(table).set_index("bead")
    rows = prompts(beads, units=units)
    assert len(rows) == 2 * len(table)
    for row in rows:
        found = read_numbers(row["text"], card, fields)
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
    fields = [n for n in card.fields("post_weld", derived=True) if n != "material"]
    right = read_numbers(prompts(beads)[0]["text"], card, fields)
    wrong = read_numbers(prompts(beads, names="shuffled")[0]["text"], card, fields)
    assert sorted(right.values()) == sorted(wrong.values())
    assert all(right[name] != wrong[name] for name in fields)


def test_the_stage_names_a_task_that_the_card_does_not_have(workspace, params) -> None:
    workspace(params=params | {"tasks": ["quality", "porosity"]})
    clean.main()
    with pytest.raises(Exception, match="'porosity': no such task in the card; expected defects"):
        serialize_to_text.main()


def test_the_study_s_own_sentences_can_be_read_back() -> None:
    card = read_card(ROOT / "data/raw/waam_beads.yaml")
    phrases = [card.columns[n].phrase for n in card.fields("post_weld", derived=False)]
    phrases += [d.phrase for d in card.derived.values() if d.phrase]
    assert len(set(phrases)) == len(phrases)
    for phrase in phrases:
        clash = [other for other in phrases if other != phrase and other.endswith(" " + phrase)]
        assert not clash, f"{phrase} would be found inside {clash}"


def test_prompts_are_written_for_every_bead(workspace) -> None:
    folder = workspace()
    clean.main()
    serialize_to_text.main()
    rows = read_jsonl(folder / "data/text/prompts.jsonl")
    assert len(rows) == 24 * (1 + 3)
