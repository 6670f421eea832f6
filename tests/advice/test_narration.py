"""What is said of a bead: golden texts, and what must follow from the findings."""

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from narration_beads import BEADS, CARD, STARVED, TOO_FAST, attribution

from llm4waam.advice.counterfactual import Counterfactual
from llm4waam.advice.findings import Findings
from llm4waam.advice.narration import (
    narrate,
    tell,
    tied_reasons,
)
from llm4waam.advice.settings import Language
from llm4waam.advice.wording import with_particle, words
from llm4waam.advice.writer import Writer

GOLDEN = yaml.safe_load(Path(__file__).with_name("narrations.yaml").read_text(encoding="utf-8"))
LANGUAGES: tuple[Language, ...] = ("en", "ko")
HUMPING = BEADS["humping"]


def english(findings: Findings) -> str:
    return narrate(findings, CARD, "en")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", BEADS)
def test_a_bead_is_narrated_word_for_word(name: str, language: Language) -> None:
    assert narrate(BEADS[name], CARD, language).split("\n") == GOLDEN[name][language]


def test_the_golden_texts_hold_every_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    used, say = set(), Writer.say

    def noted(self: Writer, key: str, *, then: bool = False, **values: str) -> str:
        used.add((key, then))
        return say(self, key, then=then, **values)

    monkeypatch.setattr(Writer, "say", noted)
    for bead in BEADS.values():
        narrate(bead, CARD, "ko")
    for key, forms in words()["sentences"].items():
        assert (key, False) in used, key
        assert (key, True) in used or "then" not in forms, key


def test_the_reasons_are_the_three_that_do_most_the_greatest_first() -> None:
    values = {"ctwd_mm": 0.2, "material": -0.9, "travel_speed_mm_s": 0.5, "torch_angle_deg": -0.3}
    text = english(replace(HUMPING, attribution=attribution(values)))
    places = [text.index(f"odds ratio {ratio}") for ratio in ("0.41", "1.6", "0.74")]
    assert places == sorted(places)
    assert text.count("odds ratio") == 3


def test_outside_the_training_data_no_reason_is_given() -> None:
    far = BEADS["far"]
    assert english(replace(far, attribution=HUMPING.attribution)) == english(far)


def test_what_is_not_to_be_relied_on_is_said_before_it_is_said() -> None:
    for name in ("far", "outside by range and word"):
        assert english(BEADS[name]).startswith("The prediction is not to be relied on")


def test_doubt_about_a_change_comes_before_the_change() -> None:
    """Nothing that is advised is taken back by a later sentence."""
    for name, bead in BEADS.items():
        if bead.advice.moves:
            before, _, after = english(bead).partition("Do this")
            assert "raise the" not in before, name
            assert "disagree" not in after, name
            doubted = bool(bead.rules_after or bead.defects_after)
            assert after.startswith(" on a trial bead first") == doubted, name
            assert ("After the advised change" in before) == doubted, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_part_is_short_and_the_text_is_made_of_them(language: Language) -> None:
    for name, bead in BEADS.items():
        told = tell(bead, CARD, language)
        lists = [told.numbers, told.reasons, told.doubts, told.doubts_after, told.promise]
        lists += [told.numbers_after, told.others]
        parts = [told.expectation, told.do_this, *(one for part in lists for one in part)]
        parts = [one for one in parts if one]
        assert sorted(told.text().split()) == sorted(" ".join(parts).split()), name
        assert len(told.reasons) <= 3
        for one in parts:
            assert one.endswith("."), one
            assert one[0] == one[0].upper(), one
            # Two broken rules with their limits, or two reasons to trust nothing, are the longest.
            assert len(one) < 260, one


def test_before_advice_is_looked_for_none_is_said() -> None:
    """A page may show the first findings while the others are made."""
    first = replace(HUMPING, advice=Counterfactual(), attribution=None)
    told = tell(first, CARD, "en")
    assert told.expectation.startswith("The bead is expected to show Humping")
    assert (told.do_this, told.promise, told.reasons, told.others) == ("", [], [], [])


def test_a_good_bead_is_called_what_the_card_calls_it() -> None:
    other = BEADS["a class of another card"]
    for language in LANGUAGES:
        text = narrate(other, CARD, language)
        assert 'visual test "passes"' in text
        assert "normal bead" not in text
        assert "정상" not in text
    assert "The models disagree" not in english(other)  # there is one alone


def test_reasons_that_cannot_be_told_apart_are_not_ranked() -> None:
    values = {"travel_speed_mm_s": -1.0, "ctwd_mm": 0.9, "material": -0.3}
    for error, tied in ((0.0, []), (0.1, ["travel_speed_mm_s", "ctwd_mm"]), (1.0, list(values))):
        told = attribution(values, error)
        assert tied_reasons(told, list(values)) == tied
        text = english(replace(HUMPING, attribution=told))
        assert ("is not certain" in text) is bool(tied)


def test_rules_agree_only_on_a_defect_that_the_model_names() -> None:
    for rule in (TOO_FAST, STARVED):
        for named in (["Humping"], ["Discontinuity"], ["Balling"], ["Normal"], []):
            text = english(replace(HUMPING, named=named, rules=[rule]))
            assert ("agree on" in text) == (rule.leads_to in named)


@pytest.mark.parametrize(("chance", "said"), [(0.0, "1 %"), (0.496, "50 %"), (1.0, "99 %")])
def test_no_probability_is_said_to_be_certain(chance: float, said: str) -> None:
    assert f"the probability of a normal bead is {said}." in english(
        replace(HUMPING, chance=chance)
    )


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("travel_speed_mm_s", 10.449, "10.4 mm/s"),
        ("arc_length_correction_pct", -5.0, "-5 %"),
        ("torch_angle_deg", 10.0, "10°"),
        ("interpass_temperature_c", 116.0, "116 °C"),
        ("bead_section_mm2", 12.345, "12.3 mm²"),
        ("wire_travel_ratio", 10.5, "10.5"),
        ("material", "ER70S-6", "ER70S-6"),
    ],
)
def test_a_value_is_said_with_its_unit(field: str, value: float | str, said: str) -> None:
    assert Writer(CARD, "en").value(field, value) == said


@pytest.mark.parametrize(
    ("word", "particle", "right"),
    [
        ("전압", "으로", "전압으로"),
        ("전류", "으로", "전류로"),
        ("와이어 재질", "으로", "와이어 재질로"),
        ("와이어 재질", "을", "와이어 재질을"),
        ("전압(16.5 V)", "은", "전압(16.5 V)은"),
        ("전류(a(b)c)", "은", "전류(a(b)c)는"),
        ("ER316L", "이", "ER316L이"),
        ("CMT", "이", "CMT가"),
        ("10", "으로", "10으로"),
        ("10 %", "으로", "10 %로"),
        ("10°", "으로", "10°로"),
        ("13.5 mm", "으로", "13.5 mm로"),
        ("8", "으로", "8로"),
        (unicodedata.normalize("NFD", "전압"), "은", unicodedata.normalize("NFD", "전압") + "은"),
        ("", "은", "는"),
        ("a)", "은", "a)는"),
    ],
)
def test_a_korean_particle_follows_the_last_sound(word: str, particle: str, right: str) -> None:
    assert with_particle(word, particle) == right


def test_every_korean_name_ends_as_its_last_letter_says() -> None:
    """Against an independent reckoning: Unicode decomposes a closed syllable into three."""
    kinds = ("fields", "labels", "targets")
    for name in [entry["ko"] for kind in kinds for entry in words()[kind].values()]:
        closed = len(unicodedata.normalize("NFD", name[-1])) == 3
        assert with_particle(name, "을").endswith("을" if closed else "를"), name
