"""The guard: rewrites that lie are caught, honest ones pass."""

import itertools
import re
from collections.abc import Iterator
from functools import cache

import pytest
import yaml
from conftest import ROOT

from llm4waam.advice.draft import Claim, Draft
from llm4waam.advice.guard import objections

CASES = yaml.safe_load((ROOT / "tests/rewrites.yaml").read_text(encoding="utf-8"))
LIES = [(name, lie) for name, lies in CASES["lies"].items() for lie in lies]
HONEST = [(name, text) for name, texts in CASES["honest"].items() for text in texts]


@cache
def draft(name: str) -> Draft:
    """A draft of tests/rewrites.yaml."""
    raw = CASES["drafts"][name]
    claims = tuple(
        tuple(Claim(**{**c, "slots": tuple(c.get("slots", ()))}) for c in sentence["claims"])
        for sentence in raw["sentences"]
    )
    texts = tuple(sentence["text"] for sentence in raw["sentences"])
    return Draft(raw["language"], texts, raw["slots"], claims)


def families(name: str, text: str) -> set[str]:
    return {objection.split(":")[0] for objection in objections(draft(name), text)}


@pytest.mark.parametrize("name", CASES["drafts"])
def test_a_draft_passes_as_it_is(name: str) -> None:
    assert objections(draft(name), draft(name).marked) == []


@pytest.mark.parametrize(("name", "lie"), LIES, ids=[f"{n}-{lie['wrong']}" for n, lie in LIES])
def test_a_lie_is_caught_for_what_it_is(name: str, lie: dict) -> None:
    assert lie["family"] in families(name, lie["text"])


def test_most_honest_rewrites_pass() -> None:
    passed = [text for name, text in HONEST if not objections(draft(name), text)]
    assert len(HONEST) >= 40
    assert len(passed) >= 0.9 * len(HONEST)


def test_the_set_is_large_and_in_both_languages() -> None:
    for cases in (LIES, HONEST):
        assert sum(draft(name).language == "ko" for name, _ in cases) >= 15
        assert len(cases) >= 40


TURNED = (
    ("raise", "lower"), ("raises", "lowers"), ("raised", "lowered"), ("raising", "lowering"),
    ("increase", "reduce"), ("increases", "reduces"), ("rise", "fall"), ("up", "down"),
    ("more likely", "less likely"), ("Reduce", "Increase"), ("Lower", "Raise"),
    ("높이", "낮추"), ("높입", "낮춥"), ("높였", "낮췄"), ("높아", "낮아"), ("늘리", "줄이"),
    ("올리", "내리"), ("커지", "작아지"), ("증가", "감소"),
)  # fmt: skip


def broken(name: str, text: str) -> Iterator[str]:
    """The text with two slots exchanged, with a direction turned, or without a sentence."""
    for one, other in itertools.combinations(draft(name).slots, 2):
        yield text.replace(one, "@").replace(other, one).replace("@", other)
    for pair in TURNED:
        for one, other in (pair, pair[::-1]):
            for found in re.finditer(rf"\b{one}\b" if one.isascii() else one, text):
                yield text[: found.start()] + other + text[found.end() :]
    sentences = re.split(r"(?<=\.) ", text)
    for left_out in sentences:
        yield " ".join(sentence for sentence in sentences if sentence != left_out)


@pytest.mark.parametrize(("name", "text"), HONEST)
def test_an_honest_rewrite_that_is_broken_in_one_place_is_caught(name: str, text: str) -> None:
    for lie in broken(name, text):
        assert objections(draft(name), lie), lie


@pytest.mark.parametrize(
    ("sign", "family"),
    [
        ("\u202e", "markup"),  # text from right to left
        ("\u200b", "markup"),  # a space without width
        ("½", "number"),
        ("３", "number"),
        ("②", "number"),
        ("%", "unit"),
        ("е", "language"),  # Cyrillic
        ("[", "marker"),
    ],
)
@pytest.mark.parametrize("name", ["humping", "험핑"])
def test_a_strange_sign_is_caught(name: str, sign: str, family: str) -> None:
    marked = draft(name).marked
    assert family in families(name, f"{marked[:20]} {sign} {marked[20:]}")


@pytest.mark.parametrize("text", ["", " ", ".", "[[1]]", "⟨0⟩ ⟨99⟩.", "\ud800", "a" * 200_000])
def test_anything_is_answered(text: str) -> None:
    assert objections(draft("humping"), text)
