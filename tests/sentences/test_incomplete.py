"""Beads told with fields left out: which fields, in text and numbers, and that a bead is itself."""

import pandas as pd
import pytest
from conftest import ROOT

from llm4waam.card.card import read_card
from llm4waam.sentences import incomplete
from llm4waam.sentences.incomplete import optional_fields, study_prompts, without_fields
from llm4waam.sentences.prompts import TextStyle, make_prompts

CARD = read_card(ROOT / "data/raw/waam_beads.yaml")
STYLE = TextStyle(
    information="pre_weld",
    templates=["statement", "question"],
    names="phrases",
    units=True,
    derived=1,
    note=True,
    incomplete=8,
    seed=0,
)
OPTIONAL = [
    *("wire_diameter_mm", "arc_length_correction_pct", "ctwd_mm", "shielding_gas"),
    *("gas_flow_l_min", "torch_angle_deg", "interpass_temperature_c", "note"),
]


@pytest.fixture
def beads() -> pd.DataFrame:
    """Two beads with all fields, and one without gas flow and note."""
    values = {
        "material": "ER70S-6", "wire_diameter_mm": 1.2, "transfer_mode": "CMT",
        "wire_feed_speed_m_min": 6.0, "travel_speed_mm_s": 8.0, "arc_length_correction_pct": 5.0,
        "ctwd_mm": 15.0, "shielding_gas": "Ar", "gas_flow_l_min": 20.0, "torch_angle_deg": 10.0,
        "interpass_temperature_c": 100.0, "bead_length_mm": 100.0, "note": "gas hose is old",
    }  # fmt: skip
    table = pd.DataFrame([{"bead": f"b{n}", "cell": f"c{n}"} | values for n in range(3)])
    table.loc[2, "gas_flow_l_min"], table.loc[2, "note"] = None, None
    return table.reindex(columns=["bead", "cell", *CARD.clean_columns])


def test_only_what_the_card_does_not_require_is_left_out_alone_together_and_drawn(beads) -> None:
    assert optional_fields(CARD, STYLE) == OPTIONAL
    told = without_fields(beads, CARD, STYLE)
    for bead, has in (("b0", OPTIONAL), ("b2", [n for n in OPTIONAL if n not in LACKED])):
        sets = told.loc[told["bead"] == bead, "without"].str.split().tolist()
        assert [[name] for name in has] == sets[: len(has)]
        assert sets[len(has)] == has
        drawn = sets[len(has) + 1 :]
        assert len(drawn) > 4
        assert all(2 <= len(names) < len(has) and set(names) <= set(has) for names in drawn)
        assert len({tuple(names) for names in sets}) == len(sets)
    plain = beads.set_index("bead")
    for _, row in told.iterrows():
        kept = [name for name in plain if name not in row["without"].split()]
        assert row[row["without"].split()].isna().all()
        pd.testing.assert_series_equal(row[kept], plain.loc[row["bead"], kept], check_names=False)


LACKED = ("gas_flow_l_min", "note")


def test_what_is_left_out_stands_neither_in_the_text_nor_among_the_numbers(beads) -> None:
    rows = list(study_prompts(beads, CARD, STYLE, ["quality", "energy"]))
    whole = [{k: v for k, v in row.items() if k != "without"} for row in rows if not row["without"]]
    assert whole == list(make_prompts(beads, CARD, STYLE, ["quality", "energy"]))
    without = [row for row in rows if row["without"]]
    assert len(without) == 3 * len(without_fields(beads, CARD, STYLE))
    for row in without:
        said = [value[0] for value in row["values"]]
        for name in row["without"].split():
            assert name not in said
            phrase = "hose" if name == "note" else CARD.columns[name].phrase
            assert phrase not in row["text"]
        # What follows from the field is not said either, where the field has no nominal value.
        assert ("bead_section_mm2" in said) == ("wire_diameter_mm" not in row["without"])
        assert "handbook_power_w" in said


def test_the_draws_of_a_bead_depend_on_no_other_and_on_the_seed(beads, monkeypatch) -> None:
    def sets(table: pd.DataFrame, **changes: int) -> list[str]:
        told = without_fields(table, CARD, STYLE.model_copy(update=changes))
        return told.loc[told["bead"] == "b1", "without"].tolist()

    assert sets(beads) == sets(beads.iloc[[1]]) == sets(beads.iloc[::-1])
    assert sets(beads) != sets(beads, seed=1)
    assert sets(beads, incomplete=0) == []
    monkeypatch.setattr(incomplete, "ENOUGH", 3)
    assert [len(without_fields(beads, CARD, STYLE)), len(sets(beads))] == [3, 1]


def test_a_table_that_requires_everything_or_brings_its_prompts_is_told_as_it_is(beads) -> None:
    columns = {
        name: column.model_copy(update={"required": True} if column.role == "set_point" else {})
        for name, column in CARD.columns.items()
    }
    strict = CARD.model_copy(update={"columns": columns})
    assert without_fields(beads, strict, STYLE.model_copy(update={"note": False})).empty
    prompts = CARD.columns["note"].model_copy(update={"role": "prompt"})
    templated = CARD.model_copy(update={"columns": {**CARD.columns, "note": prompts}})
    assert without_fields(beads, templated, STYLE).empty
