"""Korean particles after whatever a narration may put before them."""

import unicodedata

import pytest

from llm4waam.advice.korean import PAIRS, with_particle
from llm4waam.advice.narration import words


@pytest.mark.parametrize(
    ("word", "particle", "right"),
    [
        ("전압", "은", "전압은"),
        ("전류", "은", "전류는"),
        ("입열량", "이", "입열량이"),
        ("에너지", "이", "에너지가"),
        ("와이어 지름", "을", "와이어 지름을"),
        ("이송 속도", "을", "이송 속도를"),
        ("험핑", "과", "험핑과"),
        ("토치", "과", "토치와"),
        ("전압", "으로", "전압으로"),
        ("전류", "으로", "전류로"),
        ("와이어 재질", "으로", "와이어 재질로"),
        ("와이어 재질", "을", "와이어 재질을"),
        ("볼링", "이", "볼링이"),
    ],
)
def test_the_last_sound_of_a_hangul_word_decides(word: str, particle: str, right: str) -> None:
    assert with_particle(word, particle) == right


@pytest.mark.parametrize(("digit", "read"), list(enumerate("영일이삼사오육칠팔구")))
@pytest.mark.parametrize("particle", PAIRS)
def test_a_digit_is_read_aloud(digit: int, read: str, particle: str) -> None:
    ending = with_particle(read, particle).removeprefix(read)
    assert with_particle(f"1{digit}", particle) == f"1{digit}{ending}"


@pytest.mark.parametrize(
    ("letter", "read"),
    [
        ("L", "엘"),
        ("M", "엠"),
        ("N", "엔"),
        ("R", "알"),
        ("S", "에스"),
        ("V", "브이"),
        ("a", "에이"),
    ],
)
@pytest.mark.parametrize("particle", PAIRS)
def test_a_latin_letter_is_read_by_its_name(letter: str, read: str, particle: str) -> None:
    ending = with_particle(read, particle).removeprefix(read)
    assert with_particle(f"ER{letter}", particle) == f"ER{letter}{ending}"


@pytest.mark.parametrize(
    "brackets", ["(16.5 V)", "([[3]])", "(a(b)c)", "(a) (b)", " (3)", "(3) ", "()"]
)
def test_what_stands_in_brackets_is_passed_over(brackets: str) -> None:
    assert with_particle(f"전압{brackets}", "은") == f"전압{brackets}은"
    assert with_particle(f"전류{brackets}", "은") == f"전류{brackets}는"
    assert with_particle(f"재질{brackets}", "으로") == f"재질{brackets}로"


@pytest.mark.parametrize("word", ["", "...", ")", "(", "a)"])
def test_odd_words_have_some_form(word: str) -> None:
    assert with_particle(word, "은") in (f"{word}은", f"{word}는")


def test_decomposed_hangul_counts_as_composed() -> None:
    word = unicodedata.normalize("NFD", "전압")
    assert with_particle(word, "은").endswith("은")


def test_every_name_of_the_vocabulary_ends_as_its_last_letter_says() -> None:
    """Against an independent reckoning: Unicode decomposes a closed syllable into three."""
    names = [
        entry["ko"] for kind in ("fields", "labels", "targets") for entry in words()[kind].values()
    ]
    assert len(names) > 20
    for name in names:
        closed = len(unicodedata.normalize("NFD", name[-1])) == 3
        assert with_particle(name, "을").endswith("을" if closed else "를"), name
