"""What is said of a bead: golden texts of ten, and what must follow from the findings."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from narration_beads import BEADS, CARD, SLOWER

from llm4waam.advice.counterfactual import Counterfactual
from llm4waam.advice.narration import REASONS, Language, narrate, with_particle

GOLDEN = yaml.safe_load(Path(__file__).with_name("narrations.yaml").read_text(encoding="utf-8"))
LANGUAGES: tuple[Language, ...] = ("en", "ko")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", GOLDEN)
def test_ten_beads_are_narrated_word_for_word(name: str, language: Language) -> None:
    assert narrate(BEADS[name], CARD, language) == GOLDEN[name][language]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", BEADS)
def test_every_bead_has_sentences_of_its_language(name: str, language: Language) -> None:
    text = narrate(BEADS[name], CARD, language)
    assert text.endswith(".")
    assert "{" not in text
    assert any("가" <= sign <= "힣" for sign in text) is (language == "ko")


@pytest.mark.parametrize("language", LANGUAGES)
def test_outside_the_training_data_no_reason_and_no_move_is_given(language: Language) -> None:
    outside = BEADS["outside by range"]
    explained = replace(outside, attribution=BEADS["humping"].attribution)
    assert narrate(explained, CARD, language) == narrate(outside, CARD, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_turning_a_move_or_a_reason_round_turns_its_word(language: Language) -> None:
    bead = BEADS["humping"]
    back = replace(SLOWER, before=SLOWER.after, after=SLOWER.before)
    turned = replace(bead, advice=Counterfactual(0.21, (back,), 0.86))
    assert narrate(turned, CARD, language) != narrate(bead, CARD, language)
    values = -bead.attribution.values
    other = replace(bead, attribution=replace(bead.attribution, values=values))
    assert narrate(other, CARD, language) != narrate(bead, CARD, language)


def test_the_reasons_are_the_few_that_do_most_the_greatest_first() -> None:
    values = BEADS["humping"].attribution.values.copy()
    values["ctwd_mm"], values["material"] = 0.05, -0.4
    bead = replace(
        BEADS["humping"], attribution=replace(BEADS["humping"].attribution, values=values)
    )
    text = narrate(bead, CARD, "en")
    assert text.index("travel speed (14 mm/s) lowers") < text.index("wire feed speed (6.5 m/min)")
    assert text.count("odds ratio") == REASONS
    assert "contact tip" not in text.split("could")[0]


@pytest.mark.parametrize(("chance", "said"), [(0.9999, "99 %"), (0.0001, "1 %"), (0.5, "50 %")])
def test_no_probability_is_said_to_be_certain(chance: float, said: str) -> None:
    bead = replace(BEADS["good"], chance=chance)
    assert said in narrate(bead, CARD, "en")


def test_the_bar_is_not_called_met_where_a_defect_is_named() -> None:
    met = replace(BEADS["good"], named=["Humping"])
    assert narrate(met, CARD, "en") != narrate(BEADS["good"], CARD, "en")
    assert "Humping" in narrate(met, CARD, "en")


@pytest.mark.parametrize(
    ("word", "particle", "ending"),
    [
        *(("속도", "은", "는"), ("가스", "을", "를"), ("전압", "이", "이"), ("각도", "으로", "로")),
        *(
            ("노즐", "으로", "로"),
            ("간격(CTWD)", "은", "은"),
            ("CMT", "이", "가"),
            ("8", "을", "을"),
        ),
    ],
)
def test_a_korean_particle_follows_the_last_sound(word: str, particle: str, ending: str) -> None:
    assert with_particle(word, particle) == word + ending
