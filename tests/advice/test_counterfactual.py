"""Advice: the smallest change, found against brute force, and when there is none."""

from dataclasses import replace
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from llm4waam.advice.counterfactual import Adviser, Move, carried_out
from llm4waam.advice.outcome import normal_shares, random_moves
from llm4waam.card.card import Card, read_card
from llm4waam.cleaning.clean import clean_table
from llm4waam.core.files import read_strings
from llm4waam.inference.applicability import ApplicabilityDomain

RAW = ROOT / "data/raw/waam_beads.csv"


@pytest.fixture(scope="module")
def card() -> Card:
    return read_card(Path(ROOT / "data/raw/waam_beads.yaml"))


@pytest.fixture(scope="module")
def table(card: Card) -> pd.DataFrame:
    return clean_table(*read_strings(RAW)[:1], card, {}, RAW)[0]


@pytest.fixture
def adviser(card: Card, table: pd.DataFrame):
    """A function: an adviser by a chance, everywhere inside the training data by default."""

    def make(chance, *, everywhere: bool = True, bar: float = 0.7, margin: float = 0.05) -> Adviser:
        domain = ApplicabilityDomain.fit(card, table, "pre_weld")
        if everywhere:
            domain = ApplicabilityDomain(card, domain.names, domain.training, np.inf)
        return Adviser(card, domain, chance, bar, margin)

    return make


def slow_enough(beads: pd.DataFrame) -> np.ndarray:
    """Normal below 6 mm/s."""
    return 1 / (1 + np.exp(3 * (beads["travel_speed_mm_s"].to_numpy() - 6)))


def fast_bead(table: pd.DataFrame) -> pd.Series:
    return table[table["travel_speed_mm_s"].between(9, 10)].iloc[0]


def test_the_smallest_step_that_reaches_the_bar_with_its_margin_is_found(adviser, table) -> None:
    one, bead = adviser(slow_enough), fast_bead(table)
    found = one.advise(bead)
    [move] = found.moves
    assert (move.field, move.direction) == ("travel_speed_mm_s", "down")
    assert found.expected >= 0.75
    one_step_less = Move(move.field, move.before, round(move.after + 0.1, 6))
    assert slow_enough(carried_out(bead, [(one_step_less,)], one.card))[0] < 0.75
    gentle, safe = (adviser(slow_enough, margin=m).advise(bead) for m in (0.0, 0.25))
    assert gentle.size < safe.size
    assert safe.expected >= 0.95


def test_no_smaller_change_of_one_or_two_set_points_would_do(adviser, table) -> None:
    def chance(beads: pd.DataFrame) -> np.ndarray:
        hot = 0.05 * beads["wire_feed_speed_m_min"] - 0.08 * beads["travel_speed_mm_s"]
        return np.clip(0.9 + hot.to_numpy() + 0.01 * beads["ctwd_mm"].to_numpy(), 0, 1)

    one, bead = adviser(chance), fast_bead(table)
    found = one.advise(bead)
    assert found.moves
    ranges = one.domain.ranges()
    steps = {n: one._values(n, float(bead[n]), 9) for n in one.controls(bead)}
    sizes = []
    for a, b in combinations(steps, 2):
        for x, y in product(steps[a], steps[b]):
            moves = (Move(a, bead[a], x), Move(b, bead[b], y))
            if chance(carried_out(bead, [moves], one.card))[0] >= 0.75:
                widths = [ranges[m.field][1] - ranges[m.field][0] for m in moves]
                gone = zip(moves, widths, strict=True)
                sizes.append(sum(abs(m.after - m.before) / w for m, w in gone))
    assert found.size <= min(sizes) + 1e-9


def test_only_what_can_be_turned_is_moved_in_its_steps_and_ranges(adviser, table, card) -> None:
    one = adviser(slow_enough)
    for n in range(0, len(table), 7):
        bead = table.iloc[n]
        moves, sizes = one.candidates(bead)
        assert (np.diff(sizes) >= 0).all()
        for change in moves[::5]:
            assert 1 <= len({move.field for move in change}) == len(change) <= 2
            for move in change:
                column = card.columns[move.field]
                low, high = one.domain.ranges()[move.field]
                assert column.step
                assert low - 1e-6 <= move.after <= high + 1e-6
                steps = (move.after - move.before) / column.step
                assert steps == pytest.approx(round(steps), abs=1e-4)
                assert move.after != move.before


def test_what_follows_from_set_points_is_never_moved_and_what_was_measured_is_forgotten(
    adviser, table, card
) -> None:
    one, bead = adviser(slow_enough), fast_bead(table)
    assert not {"voltage_v", "current_a", "heat_input_j_mm"} & set(one.controls(bead))
    rows = carried_out(bead, [(Move("travel_speed_mm_s", bead["travel_speed_mm_s"], 5.0),)], card)
    assert rows[["voltage_v", "current_a"]].isna().all(axis=None)
    before = card.with_formulas(bead.to_frame().T.infer_objects())["handbook_line_energy_j_mm"]
    after = card.with_formulas(rows)["handbook_line_energy_j_mm"]
    assert after.iloc[0] / before.iloc[0] == pytest.approx(bead["travel_speed_mm_s"] / 5.0)


def test_it_abstains_outside_where_all_is_well_and_where_nothing_helps(adviser, table) -> None:
    one, bead = adviser(slow_enough), fast_bead(table)
    far, slow, blind = bead.copy(), bead.copy(), bead.copy()
    far["travel_speed_mm_s"], slow["travel_speed_mm_s"] = 29.0, 4.0
    blind[one.controls(bead)] = np.nan
    assert one.advise(far).reason == "outside"
    assert one.advise(slow).reason == "normal"
    one = adviser(lambda beads: np.full(len(beads), 0.2))
    hopeless = one.advise(bead)
    assert (hopeless.reason, hopeless.moves, hopeless.expected) == ("none", (), None)
    assert one.advise(blind).reason == "outside"
    columns = {n: c.model_copy(update={"step": None}) for n, c in one.card.columns.items()}
    fixed = replace(one, card=one.card.model_copy(update={"columns": columns}))
    assert fixed.advise(bead).reason == "unknown"


def test_a_change_that_leads_out_of_the_training_data_is_not_tried(adviser, table) -> None:
    seen = []

    def chance(beads: pd.DataFrame) -> np.ndarray:
        seen.append(beads)
        return np.full(len(beads), 0.2)

    one = adviser(chance, everywhere=False)
    one.advise(fast_bead(table))
    assert one.domain.inside(pd.concat(seen)).all()
    assert sum(map(len, seen)) < len(one.candidates(fast_bead(table))[0])


def test_random_moves_are_as_large_and_stay_inside(adviser, table) -> None:
    one, bead = adviser(slow_enough, everywhere=False), fast_bead(table)
    rng, ranges = np.random.default_rng(0), one.domain.ranges()
    sizes = []
    for _ in range(20):
        moves = random_moves(one, bead, 0.2, 2, rng)
        assert one.domain.inside(carried_out(bead, [moves], one.card))[0]
        widths = {m.field: ranges[m.field][1] - ranges[m.field][0] for m in moves}
        sizes.append(sum(abs(m.after - m.before) / widths[m.field] for m in moves))
    assert np.mean(sizes) == pytest.approx(0.2, abs=0.05)


def test_the_simulator_humps_what_is_fast_and_spares_what_is_slower(table) -> None:
    bead = table[table["labels"] == "Humping"].iloc[:10]
    slower = bead.assign(travel_speed_mm_s=bead["travel_speed_mm_s"] * 0.65)
    as_run, after = (normal_shares(beads, table, 40, 3) for beads in (bead, slower))
    assert as_run.mean() < 0.2 < 0.35 < after.mean()
    assert (normal_shares(bead, table, 40, 3) == as_run).all()
