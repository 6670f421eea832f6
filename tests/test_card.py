import json
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, SMALL_CARD

from stages.beads import spellings
from stages.beads.card import read_card
from stages.beads.errors import StudyError
from stages.beads.formulas import names_in
from stages.beads.labels import normalise
from stages.beads.materials import GASES, MODES, WIRES
from stages.beads.units import registry

CARD = ROOT / "data" / "raw" / "waam_beads.yaml"


def test_outcomes_never_reach_a_sentence_and_measurements_only_after_the_weld() -> None:
    card = read_card(CARD)
    pre, post = card.fields("pre_weld", derived=True), card.fields("post_weld", derived=True)
    assert set(card.named("outcome")).isdisjoint(post)
    assert {"voltage_v", "current_a", "arc_power_w"} <= set(post) - set(pre)
    assert "bead_section_mm2" in pre


def test_ceilings_of_the_card_are_those_that_the_simulator_computed() -> None:
    measured = json.loads((ROOT / "metrics/simulator.json").read_text(encoding="utf-8"))["ceiling"]
    assert read_card(CARD).ceiling == {
        f"quality_{name}": round(measured[name], 3) for name in ("without_note", "with_note")
    }


def test_spellings_of_the_card_cover_those_of_the_simulator() -> None:
    columns = read_card(CARD).columns
    levels = columns["material"].levels
    assert {name: set(level.aliases) for name, level in levels.items()} == {
        name: set(aliases) for name, aliases in spellings.MATERIAL_ALIASES.items()
    }
    result = columns["labels"]
    for label, spelled in spellings.LABEL_SPELLINGS.items():
        for one in spelled:
            assert normalise(one, result.labels, result.exclusive) == label
    faults = [float(text) for text in spellings.VOLTAGE_FAULTS]
    assert set(faults) <= set(columns["voltage_v"].faults)
    assert {float(t) for t in spellings.CURRENT_FAULTS} <= set(columns["current_a"].faults)
    assert set(columns["shielding_gas"].levels) == set(GASES)


def test_handbook_constants_of_the_card_are_those_of_the_simulator() -> None:
    card = read_card(CARD)
    wires = {n: lv.properties for n, lv in card.columns["material"].levels.items()}
    modes = {n: lv.properties for n, lv in card.columns["transfer_mode"].levels.items()}
    assert wires == {
        n: {"melting_a": w.melting_a, "melting_b": w.melting_b} for n, w in WIRES.items()
    }
    assert modes == {
        n: {"efficiency": m.efficiency, "load_v": m.intercept_v, "load_ohm": m.slope_v_a}
        for n, m in MODES.items()
    }


@pytest.mark.parametrize("name", ["wire_travel_ratio", "bead_section_mm2", "arc_power_w"])
def test_derived_fields_have_the_unit_that_the_card_says(name: str) -> None:
    card = read_card(CARD)
    units = {n: registry()(card.columns[n].unit) for n in names_in(card.derived[name].formula)}
    # The minutes of the wire feed speed are written into the formulas.
    if "wire_feed_speed_m_min" in units:
        units["wire_feed_speed_m_min"] = registry()("mm/s")
    found = eval(card.derived[name].formula, {}, units)
    assert found.check(registry()(card.derived[name].unit).dimensionality)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("role: group", "role: gruop", "columns.campaign.role"),
        ("unit: V", "unit: V\n    colour: red", "columns.voltage_v.colour"),
        ("accepted_units: [cm/min, mm/s]", "accepted_units: [kg]", "kilogram|kg cannot"),
        ("formula: travel_speed_mm_s * 2", "formula: travel_sped * 2", "travel_sped"),
        ("formula: travel_speed_mm_s * 2", "formula: __import__('os')", "holds more than"),
        ("label: Normal,", "label: Fine,", "'Fine' is no label"),
        ("columns: [heat_input_j_mm]", "columns: [voltage_v]", "is no outcome column"),
    ],
)
def test_a_mistake_in_a_card_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = tmp_path / "card.yaml"
    assert old in SMALL_CARD
    file.write_text(SMALL_CARD.replace(old, new), encoding="utf-8")
    with pytest.raises(StudyError, match=message) as caught:
        read_card(file)
    assert "\n" not in str(caught.value)


def test_every_column_of_the_study_says_what_it_means() -> None:
    raw = yaml.safe_load(CARD.read_text(encoding="utf-8"))
    assert raw["simulated"] is True
    for name, column in raw["columns"].items():
        assert column["meaning"], name
        if column["kind"] == "number":
            assert column["unit"], name
            assert column["range"], name
