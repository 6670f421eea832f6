"""One vocabulary: a cell, `--set` and a log read the same words as the same values."""

import math

import pandas as pd
import pytest
from conftest import ROOT

from llm4waam.card.card import Card, read_card
from llm4waam.cleaning.log import CleaningLog
from llm4waam.cleaning.parsing import parse_column
from llm4waam.inference.user_table import take
from llm4waam.logbook.fits import cleaned
from llm4waam.logbook.logbook import read_log

CARD = read_card(ROOT / "data/raw/waam_beads.yaml")
WORDS = [
    ("material", "SUS316L", "ER316L"),
    ("material", "316LSi", "ER316L"),
    ("material", "er 70s-6", "ER70S-6"),
    ("material", "4043", "ER4043"),
    ("material", "인코넬 625", "ER625"),
    ("material", "TC4", "Ti-6Al-4V"),
    ("material", "연강", "ER70S-6"),
    ("material", "ER308L", None),
    ("shielding_gas", "Argon", "Ar"),
    ("shielding_gas", "아르곤", "Ar"),
    ("shielding_gas", "82/18", "Ar+18%CO2"),
    ("shielding_gas", "98% Ar 2% CO2", "Ar+2%CO2"),
    ("shielding_gas", "C25", None),
    ("shielding_gas", "M12", None),  # 0.5 to 5 % of CO2: no one gas
    ("shielding_gas", "100% CO2", None),
    ("transfer_mode", "cold metal transfer", "CMT"),
    ("transfer_mode", "CMT pulse", "CMT+P"),
    ("transfer_mode", "pulsed MIG", "pulsed GMAW"),
    ("transfer_mode", "short arc", "short-circuit GMAW"),
    ("transfer_mode", "spray transfer", None),
    ("wire_feed_speed_m_min", "6.5 mpm", 6.5),
    ("wire_feed_speed_m_min", "6.5 MPM", 6.5),
    ("wire_feed_speed_m_min", "255 ipm", 6.477),
    ("wire_feed_speed_m_min", "20 ft/min", 6.096),
    ("wire_feed_speed_m_min", "6.5 미터/분", 6.5),
    ("travel_speed_mm_s", "45 cpm", 7.5),
    ("travel_speed_mm_s", "8 mm/sec", 8.0),
    ("travel_speed_mm_s", "16 inches per minute", 6.773333),
    ("travel_speed_mm_s", "8 kg", None),
    ("wire_diameter_mm", ".045 in", 1.143),
    ("wire_diameter_mm", '0.035"', 0.889),
    ("wire_diameter_mm", "1.2파이", 1.2),
    ("ctwd_mm", "15 미리", 15.0),
    ("ctwd_mm", "0.5 inch", 12.7),
    ("gas_flow_l_min", "15 lpm", 15.0),
    ("gas_flow_l_min", "30 cfh", 14.158),
    ("gas_flow_l_min", "15 L/분", 15.0),
    ("interpass_temperature_c", "100 C", 100.0),
    ("interpass_temperature_c", "212 °F", 100.0),
    ("interpass_temperature_c", "100도", 100.0),
    ("torch_angle_deg", "10°", 10.0),
    ("torch_angle_deg", "10 %", None),
    ("bead_length_mm", "12 cm", 120.0),
    ("arc_length_correction_pct", "5 pct", 5.0),
    ("shielding_gas", "없음", None),
    ("interpass_temperature_c", "없음", None),
    ("gas_flow_l_min", "#N/A", None),
    ("ctwd_mm", "n/a", None),
    ("material", "해당 없음", None),
]


def as_cell(name: str, text: str) -> object:
    column = CARD.columns[name]
    units = {column.unit_header: ""} if column.unit_header else {}
    raw = pd.DataFrame({column.header: [text], "campaign": ["A"], **units}, dtype=str)
    return parse_column(raw, CARD, name, CleaningLog()).iloc[0]


def as_set(name: str, text: str) -> object:
    beads, _ = take([(1, {name: text, "voltage_v": "18"})], CARD, "post_weld")
    return beads.iloc[0][name] if len(beads) else None


def as_log(name: str, text: str, card: Card = CARD) -> object:
    said = read_log(f"{card.columns[name].phrase}: {text}", card).values.get(name)
    return None if said is None else cleaned(said, card, name)[0]


@pytest.mark.parametrize(("name", "text", "wanted"), WORDS, ids=[f"{n}={t}" for n, t, _ in WORDS])
def test_cells_set_and_logs_read_the_same_words(name: str, text: str, wanted: object) -> None:
    for read in (as_cell, as_set, as_log):
        found = read(name, text)
        if isinstance(wanted, float):
            assert found == pytest.approx(wanted, rel=1e-4), read
        else:
            missing = found is None or (isinstance(found, float) and math.isnan(found))
            assert (None if missing else found) == wanted, read


@pytest.mark.parametrize("name", CARD.named("set_point", kind="category"))
def test_every_spelling_of_a_level_is_read_by_all(name: str) -> None:
    """What the card spells, however it is joined, means the same in a cell, `--set` and a log."""
    for level, known in CARD.columns[name].levels.items():
        for text in (level, *known.aliases):
            assert as_cell(name, text) == as_set(name, text) == as_log(name, text) == level
