"""The simulator: counts, moments, determinism, designs, physics, ceiling."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq, minimize_scalar

from llm4waam.simulator import defects, physics
from llm4waam.simulator.designs import DESIGNS, coded_points
from llm4waam.simulator.materials import MODES, WIRES
from llm4waam.simulator.population import COLUMNS, LIMITS, simulate_population
from llm4waam.simulator.reference import ceiling
from llm4waam.simulator.study_table import (
    WANTED_COUNTS,
    WANTED_MOMENTS,
    WANTED_ROWS,
    moments,
    study_table,
)
from llm4waam.simulator.weld import scores_of


@pytest.fixture(scope="module")
def study() -> pd.DataFrame:
    return study_table(9)


@pytest.fixture(scope="module")
def population() -> pd.DataFrame:
    return simulate_population(2000, 3)


def test_label_sets_of_the_study_are_exact(study):
    assert study["labels"].value_counts().to_dict() == WANTED_COUNTS
    assert study["campaign"].value_counts().to_dict() == WANTED_ROWS


def test_moments_of_the_study_are_within_half_a_per_cent(study):
    found = moments(study)
    for name, wanted in WANTED_MOMENTS.items():
        np.testing.assert_allclose(found[name], wanted, rtol=0.005)


@pytest.mark.parametrize("seed", [1, 11])
def test_other_seeds_give_other_beads_with_the_same_counts(study, seed):
    other = study_table(seed)
    assert other["labels"].value_counts().to_dict() == WANTED_COUNTS
    for name, wanted in WANTED_MOMENTS.items():
        np.testing.assert_allclose(moments(other)[name], wanted, rtol=0.02)
    assert not other["energy_j"].equals(study["energy_j"])


def test_a_rare_label_set_stands_once_in_a_cell(study):
    for name, wanted in WANTED_COUNTS.items():
        if wanted <= 2:
            assert study.loc[study["labels"] == name, "cell"].is_unique


def test_a_seed_fixes_every_byte(population, study):
    assert simulate_population(2000, 3).to_csv() == population.to_csv()
    assert simulate_population(2000, 4).to_csv() != population.to_csv()
    assert study_table(9).to_csv() == study.to_csv()


def test_columns_and_size_of_a_population(population):
    assert len(population) == 2000
    assert tuple(population.columns[: len(COLUMNS)]) == COLUMNS
    assert population["record"].is_unique
    assert not population[list(COLUMNS)].isna().any(axis=None)


@pytest.mark.parametrize("table", ["study", "population"])
def test_cells_differ_in_material_feed_or_speed(table, request):
    beads = request.getfixturevalue(table)
    keys = ["campaign", "material", "wire_feed_speed_m_min", "travel_speed_mm_s"]
    cells = beads.groupby(keys)["cell"]
    assert (cells.nunique() == 1).all()
    settings = [*COLUMNS[4:16], "lab_feed", "lab_speed"]
    assert (beads.groupby("cell")[settings].nunique() == 1).all(axis=None)
    assert cells.ngroups == beads["cell"].nunique()


def test_the_closed_formulas_are_exact(population):
    power = population["voltage_v"] * population["current_a"] / population["travel_speed_mm_s"]
    heat = population["efficiency"] * power
    np.testing.assert_allclose(population["heat_input_j_mm"], heat, rtol=1e-9)
    energy = power * population["bead_length_mm"]
    np.testing.assert_allclose(population["energy_j"], energy, rtol=1e-9)


WANTED = {  # beads of the original 140; each is a threshold and the label that it sets
    "humping": ("Humping", 44),
    "balling": ("Balling", 14),
    "fusion": ("Lack of fusion", 7),
    "discontinuity": ("Discontinuity", 3),
    "bead_cut": ("Bead cut", 5),
}


def calibrated(scores: pd.DataFrame) -> defects.Thresholds:
    """Thresholds at which each defect is as frequent as wanted: bisection on each in turn."""
    limits = defects.Thresholds()
    for _ in range(10):
        for name, (label, wanted) in WANTED.items():
            low, high = -6.0, 6.0
            for _ in range(15):
                middle = (low + high) / 2
                names = defects.name_labels(scores, replace(limits, **{name: middle}))
                share = np.mean([label in n for n in names])
                low, high = (middle, high) if share > wanted / 140 else (low, middle)
            limits = replace(limits, **{name: round((low + high) / 2, 3)})
    return limits


def test_thresholds_give_every_defect_its_frequency():
    found = calibrated(scores_of(simulate_population(12_000, 0)))
    for name, value in vars(LIMITS).items():
        assert getattr(found, name) == pytest.approx(value, abs=0.02)


@pytest.mark.parametrize("design", DESIGNS)
def test_no_point_of_a_design_differs_in_the_third_factor_alone(design):
    points = coded_points(design)
    assert len(np.unique(points[:, :2], axis=0)) == len(points)
    assert np.abs(points).max() <= 1


def test_handbook_currents_and_voltages():
    wire, mode = WIRES["ER70S-6"], MODES["CMT"]
    feed = np.array([4.0, 6.0, 8.0])
    current = physics.current_a(feed, 15.0, wire.melting_a, wire.melting_b)
    np.testing.assert_allclose(current, [166, 228, 283], rtol=0.01)
    voltage = physics.voltage_v(current, mode.intercept_v, mode.slope_v_a, 0.0)
    np.testing.assert_allclose(voltage, [14.6, 16.4, 18.1], rtol=0.01)


@pytest.mark.parametrize("wire", ["ER70S-6", "ER625", "ER5356"])
@pytest.mark.parametrize(("power", "speed"), [(900.0, 15.0), (2500.0, 6.0), (4500.0, 2.0)])
def test_melt_width_against_the_exact_point_source(wire, power, speed):
    metal = WIRES[wire]
    k, capacity, rise = metal.conductivity_w_mm_k, metal.heat_capacity_j_mm3_k, metal.melting_c - 25
    bend = speed * capacity / (2 * k)

    def hottest(y: float) -> float:
        def cold(x: float) -> float:
            r = np.hypot(x, y)
            return -power / (2 * np.pi * k * r) * np.exp(-bend * (x + r))

        return -minimize_scalar(cold, bounds=(-200 * y, 0), options={"xatol": 1e-6}).fun - rise

    exact = 2 * brentq(hottest, 0.05, 60)
    assert physics.melt_width_mm(power, speed, k, capacity, rise) == pytest.approx(exact, rel=0.02)


def test_note_table_and_posterior_are_probabilities():
    assert defects.PRIOR.sum() == pytest.approx(1)
    np.testing.assert_allclose(defects.note_table().sum(axis=1), 1)
    np.testing.assert_allclose(defects.posterior().sum(axis=1), 1)
    told = defects.note_table().T @ defects.PRIOR
    np.testing.assert_allclose(told @ defects.posterior(), defects.PRIOR)


def test_a_strong_cause_spoils_a_bead(population):
    normal = population["labels"] == "Normal"
    state = population["latent_state"]
    assert normal[state > 6].mean() < 0.15 < 0.5 < normal[state == 0].mean()


def test_the_note_lifts_the_ceiling(study):
    found = ceiling(study, LIMITS, seed=0, draws=40)
    assert 0.90 <= found["without_note"] <= 0.92
    assert 0.93 <= found["with_note"] <= 0.95
    assert found["gain"] > 0.02
    assert 0.93 <= found["with_note_expected"] <= 0.95


def test_on_average_a_note_never_harms(population):
    found = ceiling(population[:200], LIMITS, seed=0, draws=10)
    assert found["with_note_expected"] >= found["without_note"]
