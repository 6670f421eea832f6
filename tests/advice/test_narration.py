"""What a template writes of hand-made evidence: nothing lost, nothing twice, every sign a word."""

import math
import re
from collections import Counter
from dataclasses import replace

import pandas as pd
import pytest
from conftest import ROOT

from llm4waam.advice.counterfactual import Advice, Move
from llm4waam.advice.draft import SLOT, Draft, Language
from llm4waam.advice.findings import Evidence
from llm4waam.advice.guard import objections
from llm4waam.advice.narration import Writer, words, write_draft
from llm4waam.advice.rules import Finding
from llm4waam.advice.shapley import Attribution
from llm4waam.card.card import read_card

CARD = read_card(ROOT / "data/raw/waam_beads.yaml")
BEAD = pd.Series(
    {
        "bead": "b1",
        "material": "ER70S-6",
        "transfer_mode": "CMT",
        "shielding_gas": "Ar+18%CO2",
        "wire_diameter_mm": 1.2,
        "wire_feed_speed_m_min": 6.55,
        "travel_speed_mm_s": 10.4,
        "arc_length_correction_pct": -5.0,
        "ctwd_mm": 15.0,
        "gas_flow_l_min": math.nan,
        "torch_angle_deg": 10.0,
        "interpass_temperature_c": 116.0,
        "bead_length_mm": 100.0,
        "voltage_v": math.nan,
        "current_a": math.nan,
        "note": "dirty plate {not} [[9]]",
    }
)
ANSWER = pd.Series(
    {
        "bead": "b1",
        "heat_input_j_mm": 312.34,
        "heat_input_j_mm_low": 287.9,
        "heat_input_j_mm_high": 341.2,
        "energy_j": 61808.4,
        "energy_j_low": 55000.0,
        "energy_j_high": 70000.0,
    }
)
SLOWER = Move("travel_speed_mm_s", 10.4, 8.2)
MORE_WIRE = Move("wire_feed_speed_m_min", 6.55, 7.35)
FAST = Finding("too fast", "travel_speed_mm_s", "high", 10.4, 9.3, "Humping")
STARVED = Finding("starved", "bead_section_mm2", "low", 11.9, 12.4, "Discontinuity")


def attribution(**values: float) -> Attribution:
    """An attribution with these contributions to the logit."""
    found = pd.Series(values, dtype=float)
    return Attribution(found, found * 0, 0.0, float(found.sum()))


REASONS = attribution(travel_speed_mm_s=-1.2, note=0.5, gas_flow_l_min=-0.3, ctwd_mm=0.05)
NONE = Advice(0.31, reason="none")
DEFECT = Evidence(BEAD, ANSWER, 0.31, 0.8, ["Humping"], "Normal", NONE, [FAST], attribution=REASONS)
NORMAL = replace(
    DEFECT, chance=0.93, named=["Normal"], advice=Advice(0.93, reason="normal"), findings=[]
)
ONE_MOVE = Advice(0.31, (SLOWER,), 0.86)
TWO_MOVES = Advice(0.31, (SLOWER, MORE_WIRE), 0.86)
OUT = Advice(0.31, reason="outside")
EVIDENCE: dict[str, Evidence] = {
    "a normal bead": NORMAL,
    "a defect": DEFECT,
    "two defects": replace(DEFECT, named=["Humping", "Lack of fusion"]),
    "a defect is named though normal is likely": replace(NORMAL, named=["Balling"]),
    "normal is named though unlikely": replace(DEFECT, named=["Normal"]),
    "no label is named": replace(DEFECT, named=[]),
    "one move": replace(DEFECT, advice=ONE_MOVE, after={"heat_input_j_mm": 391.27}),
    "two moves": replace(DEFECT, advice=TWO_MOVES, after={"heat_input_j_mm": 412.0}),
    "a move without a formula": replace(DEFECT, advice=ONE_MOVE),
    "a move and a rule after it": replace(
        DEFECT, advice=ONE_MOVE, after={"heat_input_j_mm": 391.27}, findings_after=[STARVED]
    ),
    "no set-point to turn": replace(DEFECT, advice=Advice(0.31, reason="unknown")),
    "a value out of range": replace(
        DEFECT, advice=OUT, outside=[("travel_speed_mm_s", 19.5, (1.5, 14.39))]
    ),
    "an unknown word": replace(
        DEFECT, advice=OUT, outside=[("material", "ER4043", "ER316L, ER70S-6")]
    ),
    "a wire that was not told": replace(
        DEFECT, advice=OUT, outside=[("material", "", ""), ("travel_speed_mm_s", "", "")]
    ),
    "a far combination": replace(DEFECT, advice=OUT, outside=[("", "0.91", "0.54")]),
    "two reasons to be outside": replace(
        DEFECT,
        advice=OUT,
        outside=[
            ("wire_feed_speed_m_min", 14.0, (2.5, 9.0)),
            ("shielding_gas", "Ar+30%He", "Ar"),
        ],
    ),
    "rules that find nothing": replace(DEFECT, findings=[]),
    "rules that find a normal bead wrong": replace(NORMAL, findings=[STARVED]),
    "two rules": replace(DEFECT, findings=[FAST, STARVED]),
    "a rule of another defect": replace(DEFECT, findings=[STARVED]),
    "rules where the models disagree": replace(DEFECT, named=["Normal"]),
    "a defect that is named after the change": replace(
        DEFECT, advice=ONE_MOVE, named_after=["Humping"]
    ),
    "fields that are missing": replace(DEFECT, missing=["gas_flow_l_min", "voltage_v"]),
    "a normal bead with a missing field": replace(NORMAL, missing=["current_a"]),
    "no intervals": replace(
        DEFECT, answer=ANSWER.where(~ANSWER.index.str.endswith(("_low", "_high")), math.nan)
    ),
    "no regression": replace(DEFECT, answer=ANSWER[["bead"]]),
    "no attribution": replace(DEFECT, attribution=None),
    "reasons too small to name": replace(DEFECT, attribution=attribution(ctwd_mm=0.09)),
    "a huge odds ratio": replace(DEFECT, attribution=attribution(material=6.0, ctwd_mm=-6.0)),
    "almost nothing": replace(
        NORMAL, answer=ANSWER[["bead"]], attribution=None, advice=Advice(0.93, reason="normal")
    ),
}
LANGUAGES: list[Language] = ["en", "ko"]
EACH = [(name, language) for name in EVIDENCE for language in LANGUAGES]


def draft(name: str, language: Language) -> Draft:
    """The draft of one of the cases."""
    return write_draft(EVIDENCE[name], CARD, language)


@pytest.mark.parametrize(("name", "language"), EACH)
def test_a_draft_has_two_to_five_sentences_and_each_its_claims(
    name: str, language: Language
) -> None:
    found = draft(name, language)
    assert found.language == language
    assert 2 <= len(found.sentences) <= 5
    assert len(found.claims) == len(found.sentences)
    for sentence in found.sentences:
        assert sentence == sentence.strip()
        assert sentence.endswith(".")
        assert "  " not in sentence
        assert ".." not in sentence
        assert sentence[0] == sentence[0].upper()


@pytest.mark.parametrize(("name", "language"), EACH)
def test_every_slot_stands_once_and_is_filled(name: str, language: Language) -> None:
    found = draft(name, language)
    assert Counter(SLOT.findall(found.marked)) == Counter(found.slots.keys())
    for told in found.slots.values():
        assert isinstance(told, str)
        assert told.strip()
        assert "nan" not in told
        assert not re.search(r"\de[+-]", told)
    assert not re.search(r"\[\[|\]\]|[{}]|\bnan\b|None(?! of)", found.text)
    outside_slots = SLOT.sub("", found.marked)
    assert not re.search(r"\d", outside_slots)


@pytest.mark.parametrize(("name", "language"), EACH)
def test_a_claim_s_slots_and_subject_stand_in_its_own_sentence(
    name: str, language: Language
) -> None:
    found = draft(name, language)
    for sentence, claims in zip(found.sentences, found.claims, strict=True):
        # A rule's numbers belong to the rule and to the field that it looks at.
        claimed = [s for claim in claims if claim.kind != "rule" for s in claim.slots]
        assert {s for claim in claims for s in claim.slots} <= set(SLOT.findall(sentence))
        assert len(claimed) == len(set(claimed))
        for claim in claims:
            if claim.kind != "expectation":
                assert claim.subject.lower() in sentence.lower(), claim


@pytest.mark.parametrize(("name", "language"), EACH)
def test_a_korean_draft_is_korean_and_an_english_one_is_not(name: str, language: Language) -> None:
    bare = SLOT.sub("", draft(name, language).marked)
    hangul = re.search("[가-힣]", bare)
    assert bool(hangul) == (language == "ko")
    if language == "ko":
        assert not re.search("[A-Za-z]{2,}", bare)


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_languages_tell_the_same_numbers(language: Language) -> None:
    for name in EVIDENCE:
        told, other = (draft(name, one) for one in (language, "en"))
        assert sorted(told.slots.values()) == sorted(other.slots.values()), name
        kinds = [[(c.kind, c.direction, c.negated) for c in claims] for claims in told.claims]
        assert kinds == [
            [(c.kind, c.direction, c.negated) for c in claims] for claims in other.claims
        ]


TELLING = [
    ("a normal bead", "expected to be Normal, with a probability of 93 %", "정상일 것으로"),
    ("a normal bead", "No change is advised, because", "변경을 권하지 않습니다"),
    ("a normal bead", "the bar of 80 %", "기준 80 %에"),
    (
        "a defect",
        "expected to show Humping; the probability of a normal bead is 31 %",
        "험핑이 예상",
    ),
    ("a defect", "No change tried inside the training data is enough", "시도한 어떤 변경도"),
    (
        "a defect",
        "heat input should be near 312 J/mm (288 J/mm to 341 J/mm",
        "입열량은 312 J/mm 안팎",
    ),
    ("two defects", "show Humping and Lack of fusion;", "험핑, 융합 불량이 예상"),
    ("a defect is named though normal is likely", "models disagree", "볼링이 지목"),
    ("normal is named though unlikely", "no defect is named, yet", "지목된 결함은 없는데"),
    ("no label is named", "no defect is named, yet", "지목된 결함은 없는데"),
    (
        "one move",
        "to 86 %, lower travel speed from 10.4 mm/s to 8.2 mm/s;",
        "이송 속도를 10.4 mm/s에서",
    ),
    ("one move", "heat input is then about 391 J/mm", "약 391 J/mm"),
    ("two moves", "8.2 mm/s and raise wire feed speed from 6.55 m/min to 7.35 m/min", "낮추고"),
    ("a move without a formula", "8.2 mm/s.", "8.2 mm/s까지 낮추십시오."),
    (
        "a move and a rule after it",
        "after the change the rules find it starved",
        "변경 뒤에는",
    ),
    ("no set-point to turn", "no set-point that could be turned", "설정값이 알려지지 않아"),
    (
        "a value out of range",
        "travel speed (19.5 mm/s) lies outside the training range (1.5 mm/s to",
        "학습 범위(1.5 mm/s~14.4 mm/s)를 벗어나므로",
    ),
    (
        "an unknown word",
        "wire (ER4043) is not among those of the training beads (ER316L, ER70S-6)",
        "와이어 재질(ER4043)은 학습 비드의 값",
    ),
    (
        "a wire that was not told",
        "because wire is unknown and travel speed is unknown",
        "와이어 재질을 알 수 없고, 이송 속도를 알 수 없으므로",
    ),
    ("a far combination", "the distance (0.91) from the training beads lies beyond", "한계(0.54)"),
    (
        "rules that find nothing",
        "model and rules of thumb disagree, as the rules find nothing wrong",
        "엇갈려 규칙은 문제를 지적하지 않습니다",
    ),
    (
        "rules that find a normal bead wrong",
        "rules of thumb disagree, as the rules point to Discontinuity and find the bead starved",
        "판단이 엇갈려 규칙은 불연속을 가리키는 와이어 부족",
    ),
    (
        "two rules",
        "agree on Humping, as they find the bead too fast (travel speed 10.4 mm/s, usually at most "
        "9.3 mm/s); they also point to Discontinuity, as they find it starved",
        "지적하고, 규칙은 불연속을 가리키는 와이어 부족",
    ),
    (
        "a rule of another defect",
        "model and rules of thumb disagree, as the rules point to Discontinuity and find",
        "판단이 엇갈려 규칙은 불연속을 가리키는",
    ),
    (
        "rules where the models disagree",
        "The rules of thumb point to Humping, as they find the bead too fast",
        "경험 규칙은 험핑을 가리키는 과속",
    ),
    (
        "a defect is named though normal is likely",
        "Whether a change is needed is in doubt: the probability of a normal bead reaches the bar "
        "of 80 %, yet the models name Balling.",
        "기준 80 %에 이르지만 볼링이 지목되어 변경이 필요한지는 확실하지 않습니다",
    ),
    (
        "a defect that is named after the change",
        "after the change the models disagree, as they name Humping even then",
        "변경 뒤에도 험핑이 지목되어 모델들의 판단이 엇갈립니다",
    ),
    (
        "a defect",
        "The rules of thumb agree on Humping, as they find the bead too fast (travel speed 10.4",
        "판단이 험핑으로 일치하여 규칙도 과속(이송",
    ),
    (
        "fields that are missing",
        "no value is known for gas flow and voltage",
        "가스 유량, 전압은 알 수",
    ),
    ("a huge odds ratio", "(odds ratio 400)", "(승산비 400)"),
    ("a huge odds ratio", "(odds ratio 0.0025)", "(승산비 0.0025)"),
    ("a defect", "the unknown gas flow lowers", "알 수 없는 가스 유량은"),
    ("a defect", "the operator's note raises", "작업자 메모는"),
]


@pytest.mark.parametrize(("name", "english", "korean"), TELLING)
def test_a_draft_tells_what_the_evidence_says(name: str, english: str, korean: str) -> None:
    assert english.lower() in draft(name, "en").text.lower()
    assert korean in draft(name, "ko").text


@pytest.mark.parametrize("language", LANGUAGES)
def test_outside_the_training_data_no_reason_and_no_move_is_given(language: Language) -> None:
    told = [c for claims in draft("a value out of range", language).claims for c in claims]
    assert "warning" in {claim.kind for claim in told}
    assert not [c for c in told if c.kind == "reason" or (c.kind == "change" and not c.negated)]


UP = {"en": "raise", "ko": "높"}
DOWN = {"en": "lower", "ko": "낮"}


def directions(found: Draft, kind: str) -> list[tuple[str, str]]:
    """(direction of the claim, direction of the word in its sentence) of each claim of a kind."""
    told = []
    for sentence, claims in zip(found.sentences, found.claims, strict=True):
        mine = [claim for claim in claims if claim.kind == kind and claim.direction]
        if mine:
            for goal in (c for c in claims if c.kind == "expectation" and c.direction):
                sentence = sentence.split(goal.slots[0])[1]  # "To raise the probability to ..."
            pattern = f"{UP[found.language]}|{DOWN[found.language]}"
            ways = [
                "up" if word == UP[found.language] else "down"
                for word in re.findall(pattern, sentence.lower())
            ]
            assert len(ways) == len(mine)
            told += list(zip([claim.direction for claim in mine], ways, strict=True))
    return told


@pytest.mark.parametrize("language", LANGUAGES)
def test_turning_the_sign_of_a_contribution_turns_its_word(language: Language) -> None:
    signs = {"travel_speed_mm_s": -1.2, "note": 0.9, "gas_flow_l_min": -0.3}
    for turned in (None, *signs):
        values = {n: -v if n == turned else v for n, v in signs.items()}
        bead = replace(DEFECT, attribution=attribution(**values))
        right = ["up" if v > 0 else "down" for v in values.values()]
        assert directions(write_draft(bead, CARD, language), "reason") == [(w, w) for w in right]


@pytest.mark.parametrize("language", LANGUAGES)
def test_turning_a_move_round_turns_its_word(language: Language) -> None:
    for first in (SLOWER, Move(SLOWER.field, SLOWER.after, SLOWER.before)):
        for second in (MORE_WIRE, Move(MORE_WIRE.field, MORE_WIRE.after, MORE_WIRE.before)):
            bead = replace(DEFECT, advice=Advice(0.31, (first, second), 0.86))
            found = write_draft(bead, CARD, language)
            assert directions(found, "change") == [(m.direction,) * 2 for m in (first, second)]
            [(change, claims)] = [
                (sentence, claims)
                for sentence, claims in zip(found.sentences, found.claims, strict=True)
                if any(claim.kind == "change" for claim in claims)
            ]
            moved = [claim for claim in claims if claim.kind == "change"]
            for claim, move in zip(moved, (first, second), strict=True):
                told = [float(found.slots[slot].split(" ")[0]) for slot in claim.slots]
                assert told == [move.before, move.after]
                assert change.index(claim.slots[0]) < change.index(claim.slots[1])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_reasons_are_the_three_that_do_most_the_greatest_first(language: Language) -> None:
    values = {"ctwd_mm": 0.2, "material": -0.9, "travel_speed_mm_s": 0.5, "torch_angle_deg": -0.3}
    found = write_draft(replace(DEFECT, attribution=attribution(**values)), CARD, language)
    [claims] = [c for c in found.claims if c and c[0].kind == "reason"]
    names = [words()["fields"][n][language] for n in ("material", "travel_speed_mm_s")]
    assert [claim.subject for claim in claims][:2] == names
    assert len(claims) == 3
    ratios = [found.slots[claim.slots[-1]] for claim in claims]
    assert ratios == ["0.41", "1.6", "0.74"]


@pytest.mark.parametrize(
    ("chance", "told"), [(0.0, "1 %"), (0.004, "1 %"), (0.496, "50 %"), (1.0, "99 %")]
)
def test_no_probability_is_told_as_certain(chance: float, told: str) -> None:
    assert Writer(CARD, "en").share(chance) == "[[1]]"
    found = write_draft(replace(DEFECT, chance=chance), CARD, "en")
    assert found.slots["[[1]]"] == told


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("travel_speed_mm_s", 10.449, "10.4 mm/s"),
        ("arc_length_correction_pct", -5.0, "-5 %"),
        ("torch_angle_deg", 10.0, "10°"),
        ("interpass_temperature_c", 116.0, "116 °C"),
        ("bead_section_mm2", 12.345, "12.3 mm²"),
        ("energy_j", 61808.0, "61800 J"),
        ("wire_travel_ratio", 10.5, "10.5"),
        ("material", "ER70S-6", "ER70S-6"),
    ],
)
def test_a_value_is_told_with_its_unit(field: str, value: float | str, told: str) -> None:
    writer = Writer(CARD, "en")
    assert writer.slots[writer.value(field, value)] == told


@pytest.mark.parametrize(("name", "language"), EACH)
def test_the_guard_lets_an_unchanged_draft_pass(name: str, language: Language) -> None:
    found = draft(name, language)
    assert objections(found, found.marked) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_rules_agree_only_on_a_defect_that_the_model_names(language: Language) -> None:
    agree = {"en": "agree on", "ko": "일치"}[language]
    for finding in (FAST, STARVED):
        for named in (["Humping"], ["Discontinuity"], ["Balling"], ["Normal"], []):
            told = write_draft(replace(DEFECT, named=named, findings=[finding]), CARD, language)
            assert (agree in told.text) == (finding.leads_to in named)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_bar_is_not_called_met_where_a_defect_is_named(language: Language) -> None:
    met = words()["sentences"]["met"][language].split("{bar}")[1]
    assert met in write_draft(NORMAL, CARD, language).text
    torn = replace(NORMAL, named=["Balling"])
    assert (torn.reason, NORMAL.reason) == ("doubtful", "normal")
    told = write_draft(torn, CARD, language).text
    assert (met if language == "ko" else "No change is advised") not in told
