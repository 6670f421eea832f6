"""Where the training beads lie: a bead that is planted elsewhere is found outside, and why."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from llm4waam.card.card import read_card
from llm4waam.inference.applicability import ApplicabilityDomain
from llm4waam.simulator.population import simulate_population

CARD = read_card(ROOT / "data/raw/waam_beads.yaml")
FIELDS = CARD.named("set_point")


def training() -> pd.DataFrame:
    """Beads of six cells on a line: slow beads with little wire, fast beads with much."""
    rows = []
    for cell in range(6):
        for repeat in range(2):
            rows.append(
                dict.fromkeys(FIELDS)
                | {"cell": f"c{cell}", "material": ("ER70S-6", "ER316L")[repeat]}
                | {"transfer_mode": "CMT", "shielding_gas": "Ar", "wire_diameter_mm": 1.2}
                | {"travel_speed_mm_s": 2.0 * 1.4**cell, "wire_feed_speed_m_min": 2.0 * 1.3**cell}
                | {"arc_length_correction_pct": 5.0 * cell - 10, "ctwd_mm": 15.0}
            )
    table = pd.DataFrame(rows)
    numbers = CARD.named("set_point", kind="number")
    return table.astype(dict.fromkeys(numbers, float))


TRAINING = training()
NOVELTY = ApplicabilityDomain.fit(CARD, TRAINING, "pre_weld")


def bead(**changes: object) -> pd.Series:
    """The third training bead with other values."""
    found = TRAINING.iloc[2].copy()
    for name, value in changes.items():
        found[name] = value
    return found


def inside(one: pd.Series) -> bool:
    """Whether one bead lies inside."""
    return bool(NOVELTY.inside(one.to_frame().T.infer_objects())[0])


def test_every_training_bead_is_inside_and_needs_no_reason() -> None:
    assert NOVELTY.inside(TRAINING).all()
    for place in range(len(TRAINING)):
        assert NOVELTY.reasons(TRAINING.iloc[place]) == []


@pytest.mark.parametrize("value", [1.9, 2.0 * 1.4**5 + 0.1, 0.0, -3.0])
def test_a_value_out_of_range_is_named_with_the_range(value: float) -> None:
    strange = bead(travel_speed_mm_s=value)
    assert not inside(strange)
    [(field, given, known)] = NOVELTY.reasons(strange)
    assert (field, given) == ("travel_speed_mm_s", value)
    assert known == pytest.approx((2.0, 2.0 * 1.4**5))
    if value <= 0:  # it has no logarithm: far, and not near
        assert (NOVELTY.distances(strange.to_frame().T.infer_objects()) > 100).all()


def test_a_word_that_training_never_had_is_named_with_the_known_ones() -> None:
    strange = bead(material="ER625", shielding_gas="Ar+18%CO2")
    assert not inside(strange)
    assert NOVELTY.reasons(strange) == [
        ("material", "ER625", "ER316L, ER70S-6"),
        ("shielding_gas", "Ar+18%CO2", "Ar"),
    ]


def test_a_combination_may_be_far_although_every_value_is_known() -> None:
    first, last = TRAINING.iloc[0], TRAINING.iloc[-1]
    strange = bead(
        travel_speed_mm_s=last["travel_speed_mm_s"],
        wire_feed_speed_m_min=first["wire_feed_speed_m_min"],
        arc_length_correction_pct=15.0,
    )
    assert not inside(strange)
    [(field, distance, far)] = NOVELTY.reasons(strange)
    assert field == ""
    assert float(distance) > float(far)


def test_missing_fields_are_passed_over_unless_the_card_requires_them() -> None:
    assert inside(bead(ctwd_mm=np.nan, shielding_gas=None))
    assert inside(bead(gas_flow_l_min=999.0))  # training never had it
    assert not inside(bead(wire_feed_speed_m_min=99.0, ctwd_mm=np.nan))
    blind = bead(material=None, travel_speed_mm_s=np.nan, ctwd_mm=np.nan)
    assert not inside(blind)
    assert NOVELTY.reasons(blind) == [("material", "", ""), ("travel_speed_mm_s", "", "")]


def test_a_bead_of_which_nothing_is_known_is_near_to_none() -> None:
    nothing = pd.Series(dict.fromkeys(TRAINING, np.nan))
    assert np.isinf(NOVELTY.distances(nothing.to_frame().T)).all()
    assert not inside(nothing)
    assert {known for _, _, known in NOVELTY.reasons(nothing)} == {""}


def test_a_distance_is_the_root_mean_square_over_the_common_fields() -> None:
    one = bead(travel_speed_mm_s=2.0 * 1.4**3, material="ER316L")
    logs = np.log(TRAINING["travel_speed_mm_s"])
    gap = np.log(1.4) * 2 / logs.std(ddof=0)
    common = TRAINING.iloc[2][FIELDS].notna().sum()
    found = NOVELTY.distances(one.to_frame().T.infer_objects())[0, 2]
    assert found == pytest.approx(np.sqrt((gap**2 + 1) / common))
    # A column that is constant in training has a scale of one.
    one = bead(ctwd_mm=15.0 * np.e)
    found = NOVELTY.distances(one.to_frame().T.infer_objects())[0, 2]
    assert found == pytest.approx(1 / np.sqrt(common))
    assert NOVELTY.reasons(one) == [("ctwd_mm", 15.0 * np.e, (15.0, 15.0))]


def test_beads_of_one_cell_only_tell_ranges_and_no_distance() -> None:
    one = ApplicabilityDomain.fit(CARD, TRAINING.assign(cell="c"), "pre_weld")
    assert one.inside(TRAINING).all()
    assert one.reasons(bead(travel_speed_mm_s=99.0))[0][0] == "travel_speed_mm_s"


def test_about_one_training_bead_in_twenty_is_far_from_other_cells() -> None:
    beads = simulate_population(300, 2).assign(cell=[f"c{n // 3}" for n in range(300)])
    cloud = ApplicabilityDomain.fit(CARD, beads, "pre_weld")
    apart = cloud.distances(beads)
    same = beads["cell"].to_numpy()[:, None] == beads["cell"].to_numpy()
    nearest = np.where(same, np.inf, apart).min(axis=1)
    assert (nearest > cloud.far).mean() == pytest.approx(0.05, abs=0.01)


def test_outside_and_its_reasons_agree() -> None:
    beads = simulate_population(120, 3).assign(cell=[f"c{n}" for n in range(120)])
    cloud = ApplicabilityDomain.fit(CARD, beads.iloc[:60], "pre_weld")
    others = beads.iloc[60:]
    without_reason = [not cloud.reasons(others.iloc[n]) for n in range(60)]
    assert cloud.inside(others).tolist() == without_reason
    assert 0 < sum(without_reason) < 60
