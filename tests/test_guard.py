"""The guard: rewrites that lie are caught, honest ones pass."""

from functools import cache

import pytest
import yaml
from conftest import ROOT

from stages.advice.draft import Claim, Draft
from stages.advice.guard import objections

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
