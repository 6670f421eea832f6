"""Sentences to pretrain on: right in every unit, and about nobody's beads of the study."""

import math
import re

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from llm4waam.card.card import read_card
from llm4waam.card.quantities import convert, format_number
from llm4waam.core.files import read_table
from llm4waam.pretraining.corpus import make_corpus, other_laboratories
from llm4waam.sentences.fields import field_of
from llm4waam.simulator.study_table import study_table

CARD = read_card(ROOT / "data/raw/waam_beads.yaml")
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
SPEEDS = ("travel_speed_mm_s", "wire_feed_speed_m_min")


@pytest.fixture(scope="module")
def beads() -> pd.DataFrame:
    return other_laboratories(600, 77)


@pytest.fixture(scope="module")
def rows(beads: pd.DataFrame) -> list[dict]:
    return make_corpus(beads, CARD, 2, 77)


def test_every_bead_has_a_sentence_with_its_values_in_whatever_unit_is_written(beads, rows) -> None:
    assert len(rows) == len(beads)
    units: dict[str, set[str]] = {name: set() for name in SPEEDS}
    seen = set()
    for row, (_, bead) in zip(rows, CARD.with_formulas(beads).iterrows(), strict=True):
        for name, start, end, number in row["values"]:
            text = row["text"][start:end]
            seen.add(name)
            if number is None:
                assert text == bead[name]
                continue
            assert number == float(format_number(bead[name], field_of(CARD, name).digits))
            if name not in SPEEDS:
                assert float(text) == number
                continue
            column = CARD.columns[name]
            known = "|".join(map(re.escape, sorted(column.accepted_units, key=len, reverse=True)))
            after = re.match(rf" ({known})(?=[.,])", row["text"][end:])
            units[name].add(after.group(1) if after else "none")
            unit = after.group(1) if after else column.unit
            read = convert(float(text), unit, column.unit)
            assert math.isclose(read, number, rel_tol=1e-3), row["text"]
    assert seen == set(CARD.fields("post_weld", 2))
    for name in SPEEDS:  # the test has seen every unit, and none
        assert units[name] == {*CARD.columns[name].accepted_units, "none"}


def test_sentences_differ_in_what_they_say_and_how(rows) -> None:
    assert len({row["values"][0][0] for row in rows}) > 10
    shares = {
        "question": sum(row["text"].startswith("With ") for row in rows),
        "note": sum("perator" in row["text"] for row in rows),
        "measured": sum(any(v[0] == "voltage_v" for v in row["values"]) for row in rows),
        "indices": sum(any(v[0] == "balling_index" for v in row["values"]) for row in rows),
    }
    assert all(0.1 * len(rows) < count < 0.9 * len(rows) for count in shares.values()), shares


@pytest.mark.parametrize("tier", [0, 1])
def test_physics_above_the_tier_is_never_said(beads, tier: int) -> None:
    higher = {name for name, derived in CARD.derived.items() if derived.tier > tier}
    phrases = [CARD.derived[name].phrase for name in higher if CARD.derived[name].phrase]
    rows = make_corpus(beads, CARD, tier, 77)
    for row in rows:
        assert higher.isdisjoint(value[0] for value in row["values"])
        assert not [phrase for phrase in phrases if phrase in row["text"]]
    assert any(value[0] in CARD.derived for row in rows for value in row["values"]) is (tier > 0)


def test_outcomes_are_never_said(beads) -> None:
    outcomes = {"heat input is", "heat input ", "energy is", "Humping", "Lack of fusion", "Balling"}
    outcomes |= {"Bead cut", "Discontinuity", "Normal"}
    questions = [task.question for task in CARD.tasks.values()]
    for row in make_corpus(beads, CARD, 2, 5):
        text = row["text"].replace("expected line energy", "").replace("line energy", "")
        for question in questions:
            text = text.removesuffix(question)
        assert not [word for word in outcomes if word in text], text


def test_the_same_seed_gives_the_same_sentences(beads, rows) -> None:
    assert make_corpus(beads, CARD, 2, 77) == rows
    assert make_corpus(beads, CARD, 2, 78) != rows
    assert other_laboratories(600, 77).equals(beads)
    assert not other_laboratories(600, 78).equals(beads)


SET_POINTS = ["material", "transfer_mode", "wire_feed_speed_m_min", "travel_speed_mm_s"]
SET_POINTS += ["arc_length_correction_pct", "bead_length_mm"]
MEASURED = ["voltage_v", "current_a"]


def records(table: pd.DataFrame) -> set[tuple]:
    """Beads as a logbook shows them: set-points, and the arc as the study's meters are rounded."""
    shown = table[SET_POINTS + MEASURED].copy()
    shown["voltage_v"] = shown["voltage_v"].round(2)
    shown["current_a"] = shown["current_a"].round(1)
    speeds = ["wire_feed_speed_m_min", "travel_speed_mm_s"]
    shown[speeds] = shown[speeds].round(4)
    return set(shown.itertuples(index=False, name=None))


def pretraining_seeds() -> range:
    """The seeds of all lessons: scales, examination, and three tiers of epochs."""
    settings = PARAMS["pretrain"]
    return range(settings["seed"], settings["seed"] + sum(settings["epochs"]) + 2)


def test_no_bead_and_no_seed_of_the_study_is_pretrained_on() -> None:
    # Seeds 1 to 10 set up the simulator, and 0 its thresholds.
    assert {PARAMS["simulate"]["seed"], *range(11)}.isdisjoint(pretraining_seeds())
    study = study_table(PARAMS["simulate"]["seed"])
    known = records(study)
    assert len(known) == len(study) == 140
    seeds = pretraining_seeds()
    seen = [other_laboratories(PARAMS["pretrain"]["beads"], seed) for seed in seeds[::7]]
    others = pd.concat(seen, ignore_index=True)
    assert len(others) >= 9 * PARAMS["pretrain"]["beads"]
    assert set(others["campaign"]).isdisjoint(study["campaign"])
    assert known.isdisjoint(records(others))
    # The check finds a bead that is planted under another campaign's name.
    planted = study.iloc[[17]].assign(campaign="lab0001", record="lab0001-001")
    assert len(known & records(pd.concat([others, planted], ignore_index=True))) == 1


def test_the_raw_table_comes_from_the_seed_whose_beads_were_compared() -> None:
    raw = ROOT / "data/raw/waam_beads.csv"
    if not raw.is_file():
        pytest.skip("the raw table has not been made here")
    table = study_table(PARAMS["simulate"]["seed"])
    assert set(table["record"]) <= set(read_table(raw)["record"])
