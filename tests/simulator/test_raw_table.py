"""The raw table: how much dirt, of which kinds, and that each can be told by a rule."""

import numpy as np
import pandas as pd
import pytest

from llm4waam.simulator import raw_table
from llm4waam.simulator.designs import FEED_GRID, SPEED_GRID
from llm4waam.simulator.population import simulate_population
from llm4waam.simulator.raw_table import HEADER, dirty
from llm4waam.simulator.study_table import study_table


@pytest.fixture(scope="module")
def study() -> pd.DataFrame:
    return study_table(9)


@pytest.fixture(scope="module")
def raw(study) -> pd.DataFrame:
    return dirty(study, 9)


@pytest.fixture(scope="module")
def many() -> tuple[pd.DataFrame, pd.DataFrame]:
    table = simulate_population(2000, 3)
    return table, dirty(table, 3)


def number(text: str) -> float:
    return float(text.replace(",", "."))


def test_header_strings_and_no_hidden_column(raw):
    assert tuple(raw.columns) == HEADER
    assert not any(name.startswith(("latent_", "lab_")) for name in raw.columns)
    assert raw.map(lambda cell: isinstance(cell, str)).all(axis=None)


def test_duplicates_are_exact_copies(raw, study):
    assert (len(raw), raw["record"].nunique()) == (147, 140)
    once = raw.drop_duplicates()
    assert len(once) == 140
    assert set(once["record"]) == set(study["record"])


def test_a_seed_fixes_the_dirt(raw, study):
    assert dirty(study, 9).equals(raw)
    assert not dirty(study, 10).equals(raw)


def test_rates_of_missing_values_and_faults(many):
    once = many[1].drop_duplicates("record")
    for column, rate in raw_table.MISSING_RATES.items():
        assert once[column].isin(raw_table.MISSING_TOKENS).sum() == rate * 2000
    for column, faults, rate in (
        ("voltage_v", raw_table.VOLTAGE_FAULTS, raw_table.VOLTAGE_FAULT_RATE),
        ("current_a", raw_table.CURRENT_FAULTS, raw_table.CURRENT_FAULT_RATE),
    ):
        plain = once[column].str.replace(",", ".", regex=False)
        assert plain.isin(faults).sum() == rate * 2000
    assert (once["travel_speed_unit"] == "").sum() == raw_table.UNIT_LOST_RATE * 2000
    for column in ("bead_length_mm", "energy_j", "wire_feed_speed", "travel_speed", "heat_input"):
        assert not once[column].isin(raw_table.MISSING_TOKENS).any()


def test_units_of_a_campaign_are_unanimous_and_told_at_least_once(many):
    _, raw = many
    for column, grid in (("travel_speed_unit", SPEED_GRID), ("wire_feed_speed_unit", FEED_GRID)):
        told = raw[raw[column] != ""].groupby("campaign")[column]
        assert (told.nunique() == 1).all()
        assert set(told.first().index) == set(raw["campaign"])
        assert set(raw[column]) <= {*grid, ""}


def test_beads_of_a_cell_are_written_alike(many):
    table, raw = many
    once = raw.drop_duplicates("record").set_index("record").loc[table["record"]]
    cell = table["cell"].to_numpy()
    for column in ("wire_feed_speed", "bead_length_mm", "shielding_gas", "torch_angle_deg"):
        assert (once[column].groupby(cell).nunique() == 1).all()
    speed = once["travel_speed"].str.replace(",", ".", regex=False)
    assert (speed.groupby(cell).nunique() == 1).all()
    for column in ("ctwd_mm", "gas_flow_l_min", "interpass_temperature_c"):
        there = ~once[column].isin(raw_table.MISSING_TOKENS)
        assert (once.loc[there, column].groupby(cell[there]).nunique() == 1).all()


def test_every_material_and_result_can_be_read_back(many):
    table, raw = many
    once = raw.drop_duplicates("record").set_index("record").loc[table["record"]]
    canonical = {a: name for name, others in raw_table.MATERIAL_ALIASES.items() for a in others}
    assert len(canonical) == sum(map(len, raw_table.MATERIAL_ALIASES.values()))
    back = once["material"].map(lambda text: canonical.get(text, text))
    assert (back.to_numpy() == table["material"].to_numpy()).all()
    assert once["material"].isin(canonical).mean() == pytest.approx(raw_table.ALIAS_RATE)
    labels = {s: n for n, others in raw_table.LABEL_SPELLINGS.items() for s in (n, *others)}
    for text, truth in zip(once["result"], table["labels"], strict=True):
        parts = text.replace(", ", " or ").replace(" / ", " or ").split(" or ")
        assert " or ".join(labels[part] for part in parts) == truth


def test_every_heat_input_can_be_explained(many):
    table, raw = many
    once = raw.drop_duplicates("record").set_index("record").loc[table["record"]]
    written = once["heat_input"].map(number).to_numpy()
    written = np.where(once["heat_input_unit"] == "kJ/mm", written * 1000, written)
    energy = once["energy_j"].str.replace(",", "").astype(float).to_numpy()
    length = once["bead_length_mm"].astype(float).to_numpy()
    ratio = written / (table["efficiency"].to_numpy() * energy / length)
    habit = np.where(table["lab_arc_energy"], 1 / table["efficiency"], 1.0)
    known = np.array([1.0, *raw_table.HEAT_INPUT_SLIPS])
    off = np.abs(ratio[:, None] / (habit[:, None] * known) - 1)
    assert off.min(axis=1).max() < 0.02
    assert (off.argmin(axis=1) > 0).sum() == raw_table.SLIP_RATE * 2000


def test_habits_of_the_three_laboratories(raw):
    by_lab = raw.drop_duplicates().groupby("campaign")
    assert set(by_lab.get_group("US-B")["heat_input_unit"]) == {"kJ/mm"}
    assert by_lab.get_group("US-B")["energy_j"].str.contains(",").any()
    comma = by_lab["voltage_v"].agg(lambda texts: texts.str.contains(",").mean())
    assert comma["KR-A"] == comma["US-B"] == 0
    assert 0.3 < comma["EU-C"] < 0.8
