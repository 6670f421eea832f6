"""Rules of thumb: each is broken by a bead that is moved beyond the normal beads of its wire."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, SMALL_CARD

from llm4waam.advice.rules import RULES, BrokenRule, Rules
from llm4waam.card.card import read_card

CARD = read_card(ROOT / "data/raw/waam_beads.yaml")
# What moves the quantity of a rule to its side.
BEYOND = {
    "too hot": {"arc_length_correction_pct": 25.0},
    "too cold": {"arc_length_correction_pct": -25.0},
    "too fast": {"travel_speed_mm_s": 9.0},
    "starved": {"wire_diameter_mm": 0.9},
    "overfed": {"wire_diameter_mm": 1.6},
}


def beads(wire: str, count: int, feed: float = 6.0, labels: str = "Normal") -> pd.DataFrame:
    """Beads of a wire around one setting, with travel speeds of 5 to 6 mm/s."""
    base = {"material": wire, "transfer_mode": "CMT", "wire_diameter_mm": 1.2, "ctwd_mm": 15.0}
    base |= {"arc_length_correction_pct": 0.0, "interpass_temperature_c": 25.0}
    base |= {"bead_length_mm": 100.0, "voltage_v": 14.0, "current_a": 150.0, "labels": labels}
    rows = [
        base | {"travel_speed_mm_s": speed, "wire_feed_speed_m_min": feed * speed / 5.5}
        for speed in np.linspace(5, 6, count)
    ]
    # A narrow window of its own for each quantity.
    table = pd.DataFrame(rows)
    table["wire_feed_speed_m_min"] *= 1 + 0.02 * np.cos(np.arange(count))
    return table


TRAINING = pd.concat(
    [
        beads("ER70S-6", 9),
        beads("ER5356", 5, feed=10.0),
        beads("ER625", 4, feed=3.0),
        beads("ER70S-6", 3, feed=14.0, labels="Humping or Balling"),
        beads("ER70S-6", 3, feed=1.0).assign(labels=None),
    ],
    ignore_index=True,
)
NORMAL = TRAINING[TRAINING["labels"] == "Normal"]
RULEBOOK = Rules.fit(CARD, NORMAL)


def middle(wire: str = "ER70S-6", **changes: object) -> pd.Series:
    """A bead in the middle of the normal beads of a wire, with changes."""
    rows = NORMAL[NORMAL["material"] == wire]
    found = rows.iloc[len(rows) // 2].copy()
    for name, value in changes.items():
        found[name] = value
    return found


def broken(bead: pd.Series, rules: Rules = RULEBOOK) -> list[str]:
    """The names of the rules that a bead breaks."""
    return [one.rule for one in rules.broken_by(bead)]


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_broken_beyond_the_normal_beads_and_not_inside(rule: str) -> None:
    field, side, leads_to = RULES[rule]
    assert broken(middle()) == []
    strange = middle(**BEYOND[rule])
    found = {one.rule: one for one in RULEBOOK.broken_by(strange)}
    assert rule in found
    normal = TRAINING[(TRAINING["material"] == "ER70S-6") & (TRAINING["labels"] == "Normal")]
    span = CARD.with_formulas(normal)[field]
    value = CARD.with_formulas(strange.to_frame().T.infer_objects()).iloc[0][field]
    limit = {"high": span.max(), "low": span.min()}[side]
    assert found[rule] == BrokenRule(rule, field, side, value, limit, leads_to)
    opposite = {r for r, (f, s, _) in RULES.items() if f == field and s != side}
    assert opposite.isdisjoint(found)


def test_defective_and_uninspected_beads_do_not_widen_a_window() -> None:
    assert "overfed" in broken(middle(wire_feed_speed_m_min=13.0))
    wide = Rules.fit(CARD, TRAINING.assign(labels="Normal"))
    assert broken(middle(wire_feed_speed_m_min=13.0), wide) == []


def test_each_wire_has_a_window_of_its_own() -> None:
    assert set(RULEBOOK.windows.index) == {"", "ER70S-6", "ER5356"}
    assert "overfed" in broken(middle(wire_feed_speed_m_min=10.0))
    assert broken(middle("ER5356")) == []


@pytest.mark.parametrize("wire", ["ER625", "ER316L", None])
def test_a_wire_of_fewer_than_five_normal_beads_is_held_against_all(wire: str | None) -> None:
    lean = middle(wire_feed_speed_m_min=4.5)
    assert "starved" in broken(lean)
    lean["material"] = wire
    assert "starved" not in broken(lean)
    lean["wire_feed_speed_m_min"] = 2.0
    found = {one.rule: one.limit for one in RULEBOOK.broken_by(lean)}
    normal = CARD.with_formulas(TRAINING[TRAINING["labels"] == "Normal"])
    assert found["starved"] == normal["bead_section_mm2"].min()


def test_a_rule_whose_quantity_is_not_known_is_not_broken() -> None:
    assert "too fast" in broken(middle(travel_speed_mm_s=9.0))
    assert broken(middle(travel_speed_mm_s=np.nan)) == []
    hot = middle(travel_speed_mm_s=9.0, transfer_mode=None, wire_diameter_mm=np.nan)
    assert broken(hot) == ["too fast"]


def test_a_card_with_few_of_these_fields_or_without_wires_says_what_it_can(tmp_path: Path) -> None:
    file = tmp_path / "card.yaml"
    file.write_text(SMALL_CARD, encoding="utf-8")
    small = read_card(file)
    table = pd.DataFrame(
        {"material": ["ER70S-6"] * 6, "travel_speed_mm_s": [4.0, 5, 6, 7, 8, 9], "labels": "Normal"}
    ).assign(voltage_v=20.0, current_a=150.0)
    rules = Rules.fit(small, table)
    assert broken(table.iloc[0], rules) == []
    table.loc[0, "travel_speed_mm_s"] = 12.0
    assert broken(table.iloc[0], rules) == ["too fast"]
    mill = read_card(ROOT / "data/raw/ai4i2020.yaml")
    runs = pd.DataFrame({name: [300.0, 301.0] for name in mill.clean_columns})
    assert broken(runs.iloc[0], Rules.fit(mill, runs)) == []
