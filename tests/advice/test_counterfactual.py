"""Advice: the best change, found against brute force, what is offered beside it, and when none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from llm4waam.advice.counterfactual import PRICES, Adviser, Change, Move, carried_out
from llm4waam.advice.trial import normal_shares, random_moves
from llm4waam.card.card import Card, read_card
from llm4waam.cleaning.clean import clean_table
from llm4waam.core.tables import read_strings
from llm4waam.inference.applicability import ApplicabilityDomain

RAW = ROOT / "data/raw/waam_beads.csv"


@pytest.fixture(scope="module")
def card() -> Card:
    return read_card(Path(ROOT / "data/raw/waam_beads.yaml"))


@pytest.fixture(scope="module")
def table(card: Card) -> pd.DataFrame:
    return clean_table(*read_strings(RAW)[:1], card, {}, RAW)[0]


class Judge:
    """An ensemble of one member that says what `chance` says."""

    members = ("one",)

    def __init__(self, chance) -> None:
        self.quick, self.asked = chance, []

    def around(self, beads: pd.DataFrame) -> np.ndarray:
        self.asked.append(beads)
        return self.quick(beads)[:, None]

    def chance(self, by_member: np.ndarray) -> np.ndarray:
        return by_member[:, 0]


@pytest.fixture
def adviser(card: Card, table: pd.DataFrame):
    """A function: an adviser by a chance, everywhere inside the training data by default."""

    def make(chance, *, everywhere: bool = True, bar: float = 0.7) -> Adviser:
        domain = ApplicabilityDomain.fit(card, table, "pre_weld")
        if everywhere:
            domain = ApplicabilityDomain(card, domain.names, domain.training, np.inf)
        return Adviser(card, domain, Judge(chance), bar)

    return make


def slow_enough(beads: pd.DataFrame) -> np.ndarray:
    """Normal below 6 mm/s."""
    return 1 / (1 + np.exp(3 * (beads["travel_speed_mm_s"].to_numpy() - 6)))


def fast_bead(table: pd.DataFrame) -> pd.Series:
    return table[table["travel_speed_mm_s"].between(9, 10)].iloc[0]


def test_a_change_is_weighed_against_its_size(adviser, table) -> None:
    """Slower is safer and further away: each kind is the best by its own price, by brute force."""
    one, bead = adviser(slow_enough), fast_bead(table)
    found = one.advise(bead)
    ranges, before = one.domain.ranges()["travel_speed_mm_s"], bead["travel_speed_mm_s"]
    step = one.card.columns["travel_speed_mm_s"].step
    speeds = before - step * np.arange(1, int((before - ranges[0]) / step) + 1)
    chances = slow_enough(pd.DataFrame({"travel_speed_mm_s": speeds}))
    sizes = (before - speeds) / (ranges[1] - ranges[0])
    kinds = {change.kind: change for change in found.changes}
    assert next(iter(kinds)) == "recommended"
    for kind in ("recommended", "smallest", "safest"):
        best = (chances - PRICES[kind] * sizes).max()
        change = kinds[kind]
        assert change.chance - PRICES[kind] * change.size == pytest.approx(best, abs=0.01)
        assert change.by_member == {"one": change.chance}
    assert kinds["smallest"].size < kinds["recommended"].size < kinds["safest"].size
    assert kinds["smallest"].chance < kinds["recommended"].chance < kinds["safest"].chance
    assert found.chance == pytest.approx(slow_enough(bead.to_frame().T.infer_objects())[0])


def test_what_is_offered_differs_and_one_moves_one_set_point(adviser, table) -> None:
    def chance(beads: pd.DataFrame) -> np.ndarray:
        hot = 0.05 * beads["wire_feed_speed_m_min"] - 0.08 * beads["travel_speed_mm_s"]
        return np.clip(0.9 + hot.to_numpy() + 0.02 * beads["ctwd_mm"].to_numpy(), 0, 1)

    one, bead = adviser(chance), fast_bead(table)
    found = one.advise(bead)
    offered = [change.moves for change in found.changes]
    assert 2 <= len(offered) == len(set(offered))
    assert [len(c.moves) for c in found.changes if c.kind == "single"] in ([], [1])
    for change in found.changes:
        after = carried_out(bead, change.moves, one.card)
        assert change.chance == pytest.approx(chance(after)[0])
        assert change.chance >= 0.7
        assert 1 <= len(change.moves) <= 2
    # No candidate is worth more than the recommended one.
    rows = carried_out(bead, one.candidates(bead), one.card)
    worth = chance(rows) - PRICES["recommended"] * one.candidates(bead).sizes
    best = found.changes[0]
    assert best.chance - PRICES["recommended"] * best.size == pytest.approx(worth.max())


def test_beads_are_advised_together_as_alone(adviser, table) -> None:
    one = adviser(slow_enough, everywhere=False)
    beads = table[table["travel_speed_mm_s"] > 8].iloc[:5]
    alone = [one.advise(beads.iloc[n]) for n in range(5)]
    assert list(one.advise_each(beads)) == alone
    assert list(one.advise_each(beads.iloc[:0])) == []


def test_only_what_can_be_turned_is_moved_in_its_steps_and_ranges(adviser, table, card) -> None:
    one = adviser(slow_enough)
    for n in range(0, len(table), 7):
        bead = table.iloc[n]
        candidates = one.candidates(bead)
        for number in range(0, len(candidates.after), 5):
            change = candidates.moves(number)
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
    moves = (Move("travel_speed_mm_s", bead["travel_speed_mm_s"], 5.0),)
    rows = carried_out(bead.copy(), moves, card)
    assert rows["note"].isna().all()  # it speaks of a weld that was
    assert rows[["voltage_v", "current_a"]].isna().all(axis=None)
    before = card.with_formulas(bead.to_frame().T.infer_objects())["handbook_line_energy_j_mm"]
    after = card.with_formulas(rows)["handbook_line_energy_j_mm"]
    assert after.iloc[0] / before.iloc[0] == pytest.approx(bead["travel_speed_mm_s"] / 5.0)


def test_it_abstains_outside_and_where_nothing_helps(adviser, table) -> None:
    one, bead = adviser(slow_enough), fast_bead(table)
    far, slow, blind = bead.copy(), bead.copy(), bead.copy()
    far["travel_speed_mm_s"] = 29.0
    slow["travel_speed_mm_s"] = one.domain.ranges()["travel_speed_mm_s"][0]
    blind[one.controls(bead)] = np.nan
    assert one.advise(far).reason == "outside"
    assert one.advise(slow).reason == "best"
    assert adviser(lambda beads: np.full(len(beads), 0.2)).advise(bead).reason == "none"
    hopeless = adviser(lambda beads: np.full(len(beads), 0.2)).advise(bead)
    assert (hopeless.moves, hopeless.changes, hopeless.chance) == ((), (), 0.2)
    assert one.advise(blind).reason == "outside"
    columns = {n: c.model_copy(update={"step": None}) for n, c in one.card.columns.items()}
    fixed = replace(one, card=one.card.model_copy(update={"columns": columns}))
    assert fixed.advise(bead).reason == "unknown"


def test_a_change_that_leads_out_of_the_training_data_is_not_tried(adviser, table) -> None:
    one, bead = adviser(slow_enough, everywhere=False), fast_bead(table)
    everywhere = adviser(slow_enough)
    one.advise(bead)
    assert one.domain.inside(pd.concat(one.ensemble.asked)).all()
    assert 0 < len(one.candidates(bead).after) < len(everywhere.candidates(bead).after)


def test_random_moves_are_as_large_and_stay_inside(adviser, table) -> None:
    one, bead = adviser(slow_enough, everywhere=False), fast_bead(table)
    rng, ranges = np.random.default_rng(0), one.domain.ranges()
    like = Change("recommended", (Move("a", 0, 1), Move("b", 0, 1)), 0.8, 0.2, {})
    sizes = []
    for _ in range(20):
        moves = random_moves(one, bead, like, rng)
        assert one.domain.inside(carried_out(bead, moves, one.card))[0]
        widths = {m.field: ranges[m.field][1] - ranges[m.field][0] for m in moves}
        sizes.append(sum(abs(m.after - m.before) / widths[m.field] for m in moves))
    assert np.mean(sizes) == pytest.approx(0.2, abs=0.05)


def test_the_simulator_humps_what_is_fast_and_spares_what_is_slower(table) -> None:
    bead = table[table["labels"] == "Humping"].iloc[:10]
    slower = bead.assign(travel_speed_mm_s=bead["travel_speed_mm_s"] * 0.65)
    as_run, after = (normal_shares(beads, table, 40, 3) for beads in (bead, slower))
    assert as_run.mean() < 0.2 < 0.35 < after.mean()
    assert (normal_shares(bead, table, 40, 3) == as_run).all()
