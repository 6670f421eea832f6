import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT, SMALL_CARD

from llm4waam.card.card import Card, read_card
from llm4waam.card.formulas import evaluate, names_in
from llm4waam.card.labels import normalise
from llm4waam.card.quantities import registry
from llm4waam.core.errors import StudyError
from llm4waam.simulator import physics, raw_table
from llm4waam.simulator.defects import balling_score, fusion_score, humping_score
from llm4waam.simulator.designs import handbook_heat_input
from llm4waam.simulator.materials import GASES, MODES, WIRES, of
from llm4waam.simulator.population import simulate_population

CARD = ROOT / "data" / "raw" / "waam_beads.yaml"


def test_outcomes_never_reach_a_sentence_and_measurements_only_after_the_weld() -> None:
    card = read_card(CARD)
    pre, post = card.fields("pre_weld", derived=2), card.fields("post_weld", derived=2)
    assert set(card.named("outcome")).isdisjoint(post)
    assert {"voltage_v", "current_a", "arc_power_w"} <= set(post) - set(pre)
    assert "bead_section_mm2" in pre
    for name in pre:
        assert inputs_of(card, name).isdisjoint(card.named("measurement", "outcome", "note"))


def inputs_of(card: Card, name: str) -> set[str]:
    """The columns and properties that a field is computed from, all the way down."""
    if name not in card.derived:
        return {name}
    return {one for part in names_in(card.derived[name].formula) for one in inputs_of(card, part)}


def test_tiers_add_to_each_other_and_tell_no_more_than_they_say() -> None:
    card = read_card(CARD)
    for information in ("pre_weld", "post_weld"):
        none, formulas, indices = (card.fields(information, tier) for tier in (0, 1, 2))
        assert set(none) < set(formulas) < set(indices)
        assert set(none).isdisjoint(card.derived)
        assert {card.derived[name].tier for name in set(formulas) - set(none)} == {1}
        assert {card.derived[name].tier for name in set(indices) - set(formulas)} == {2}
        tier_2 = {name for name, derived in card.derived.items() if derived.tier == 2}
        assert tier_2.isdisjoint(card.computable(information, 1))


@pytest.mark.parametrize("information", ["pre_weld", "post_weld"])
def test_no_sentence_tells_the_answer_of_a_task(information: str) -> None:
    card = read_card(CARD)
    table = card.with_formulas(simulate_population(200, 4))
    said = [n for n in card.fields(information, 2) if table[n].dtype.kind == "f"]
    answers = [c for task in card.tasks.values() for c in task.columns if c != "labels"]
    closed = [f for task in card.tasks.values() for f in task.formulas.values()]
    known = [table[name] for name in answers] + [evaluate(formula, table) for formula in closed]
    assert len(known) == 6
    for name in said:
        for answer in known:
            assert not np.isclose(table[name], answer, rtol=1e-2).mean() > 0.05, name
    told = table["handbook_energy_j"]  # the check finds an answer where one is told
    assert any(np.isclose(told, answer, rtol=1e-2).all() for answer in known)


def test_ceilings_of_the_card_are_those_that_the_simulator_computed() -> None:
    measured = json.loads((ROOT / "metrics/simulator.json").read_text(encoding="utf-8"))["ceiling"]
    assert read_card(CARD).ceiling == {
        f"quality_{name}": round(measured[name], 3) for name in ("without_note", "with_note")
    }


def test_spellings_of_the_card_cover_those_of_the_simulator() -> None:
    columns = read_card(CARD).columns
    levels = columns["material"].levels
    assert {name: set(level.aliases) for name, level in levels.items()} == {
        name: set(aliases) for name, aliases in raw_table.MATERIAL_ALIASES.items()
    }
    result = columns["labels"]
    for label, spelled in raw_table.LABEL_SPELLINGS.items():
        for one in spelled:
            assert normalise(one, result.labels, result.exclusive) == label
    faults = [float(text) for text in raw_table.VOLTAGE_FAULTS]
    assert set(faults) <= set(columns["voltage_v"].faults)
    assert {float(t) for t in raw_table.CURRENT_FAULTS} <= set(columns["current_a"].faults)
    assert set(columns["shielding_gas"].levels) == set(GASES)


def test_handbook_constants_of_the_card_are_those_of_the_simulator() -> None:
    card = read_card(CARD)
    wires = {n: lv.properties for n, lv in card.columns["material"].levels.items()}
    modes = {n: lv.properties for n, lv in card.columns["transfer_mode"].levels.items()}
    names = ("melting_a", "melting_b", "conductivity_w_mm_k", "heat_capacity_j_mm3_k")
    names += ("melting_c", "humping_speed_mm_s")
    assert wires == {n: {name: getattr(w, name) for name in names} for n, w in WIRES.items()}
    assert modes == {
        n: {"efficiency": m.efficiency, "load_v": m.intercept_v, "load_ohm": m.slope_v_a}
        for n, m in MODES.items()
    }


PROPERTIES = {
    "efficiency": "dimensionless",
    "melting_a": "mm / (s * A)",
    "melting_b": "1 / (s * A**2)",
    "load_v": "V",
    "load_ohm": "ohm",
    "conductivity_w_mm_k": "W / (mm * K)",
    "heat_capacity_j_mm3_k": "J / (mm**3 * K)",
    "melting_c": "1000 K",
    "humping_speed_mm_s": "mm / s",
}
# Constants of the formulas that have a unit: what they stand in -> what takes their place. And the
# exponents of the blend as whole ones, for pint tells 1.73 from 2 * 0.865 by the last bit.
CONSTANTS = {
    "wire_feed_speed_m_min * 1000 / 60": "feed_mm_s",
    "(ctwd_mm - 4)": "ctwd_mm",
    "power_w / 2000": "power_w / two_kilowatts",
    "** -0.865": "** -1",
    "** -1.73": "** -2",
    "** (-1 / 1.73)": "** -0.5",
}
# An empirical formula, and one with the constants of steel: their numbers hold units.
EMPIRICAL = {"penetration_index", "steel_melt_width_mm"}


def test_derived_fields_have_the_unit_that_the_card_says() -> None:
    card = read_card(CARD)
    known = {name: registry()(unit) for name, unit in PROPERTIES.items()}
    known |= {"feed_mm_s": registry()("mm/s"), "two_kilowatts": registry()("W")}
    for name in card.named("set_point", "measurement", kind="number"):
        # A temperature is only ever subtracted from another.
        known[name] = registry()(card.columns[name].unit.replace("degC", "K"))
    for name, derived in card.derived.items():
        said = registry()(derived.unit)
        formula = derived.formula
        for old, new in CONSTANTS.items():
            formula = formula.replace(old, new)
        if name not in EMPIRICAL:
            found = eval(formula, {}, known)
            assert found.check(said.dimensionality), name
        known[name] = said


@pytest.fixture(scope="module")
def simulated() -> pd.DataFrame:
    """Simulated beads with what the simulator's own functions make of their set-points."""
    table = read_card(CARD).with_formulas(simulate_population(400, 11))

    def wire(field: str) -> np.ndarray:
        return of(WIRES, table["material"], field)

    def mode(field: str) -> np.ndarray:
        return of(MODES, table["transfer_mode"], field)

    current = physics.current_a(
        table["wire_feed_speed_m_min"], table["ctwd_mm"], wire("melting_a"), wire("melting_b")
    )
    line = mode("intercept_v"), mode("slope_v_a"), table["arc_length_correction_pct"]
    voltage, speed = physics.voltage_v(current, *line), table["travel_speed_mm_s"]
    power = mode("efficiency") * voltage * current
    section = physics.section_mm2(table["wire_feed_speed_m_min"], speed, table["wire_diameter_mm"])
    thermal = wire("conductivity_w_mm_k"), wire("heat_capacity_j_mm3_k")
    rise = wire("melting_c") - table["interpass_temperature_c"]
    melt = physics.melt_width_mm(power, speed, *thermal, rise)
    depth = physics.penetration_mm(current, voltage, speed, melt, power)
    # Without the least width of `cap_mm`: it is a choice of the simulator.
    height = 1.5 * section / melt
    energy = physics.energy_j(voltage, current, table["bead_length_mm"], speed)
    right = {
        "bead_section_mm2": section,
        "wire_travel_ratio": section / physics.section_mm2(60 / 1000, 1.0, 1.2),
        "handbook_current_a": current,
        "handbook_voltage_v": voltage,
        "handbook_power_w": voltage * current,
        "handbook_line_energy_j_mm": voltage * current / speed,
        "handbook_heat_input_j_mm": handbook_heat_input(table),
        "handbook_energy_j": energy,
        "melt_width_mm": melt,
        "balling_index": np.exp(balling_score(section, melt)),
        "penetration_index": np.exp(-fusion_score(depth, height)),
        "humping_index": np.exp(humping_score(speed, power, wire("humping_speed_mm_s"))),
    }
    return table.join(pd.DataFrame(right).add_prefix("right_"))


def test_a_formula_is_undefined_where_an_input_is_and_quiet_at_zero() -> None:
    table = pd.DataFrame({"a": [6.0, 1.0, np.nan, 1], "b": [3, 0, 2, np.nan]}, index=[7, 3, 5, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evaluate("-a / b + 2 ** 0.5", table)
    expected = pd.Series([2**0.5 - 2, np.nan, np.nan, np.nan], index=table.index)
    pd.testing.assert_series_equal(found, expected)
    assert evaluate("2 * 3", table).tolist() == [6.0] * 4


@pytest.mark.parametrize(
    "name",
    [
        "bead_section_mm2",
        "wire_travel_ratio",
        "handbook_current_a",
        "handbook_voltage_v",
        "handbook_power_w",
        "handbook_line_energy_j_mm",
        "handbook_heat_input_j_mm",
        "handbook_energy_j",
        "melt_width_mm",
        "balling_index",
        "penetration_index",
        "humping_index",
    ],
)
def test_formulas_of_the_card_are_those_of_the_simulator(
    simulated: pd.DataFrame, name: str
) -> None:
    found, right = simulated[name], simulated[f"right_{name}"]
    assert found.notna().all()
    assert np.allclose(found, right, rtol=1e-6, atol=0)


def test_tier_two_is_near_the_law_of_the_simulated_labels() -> None:
    """What the card and every report must say: on this table the indices are circular."""
    table = read_card(CARD).with_formulas(simulate_population(2000, 5))
    for index, score, sign in (
        ("humping_index", "humping", 1),
        ("balling_index", "balling", 1),
        ("penetration_index", "fusion", -1),
    ):
        known = sign * np.log(table[index]), table[f"latent_score_{score}"]
        assert np.corrcoef(*known)[0, 1] > 0.6, index


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
