"""The narration's own sentences before the guard: understood as they are, caught when they lie."""

import itertools
import re
from collections.abc import Iterator
from functools import cache

import pytest
import yaml
from beads_told import BEADS, CARD
from conftest import ROOT

from llm4waam.advice.draft import Draft, Language
from llm4waam.advice.guard import objections
from llm4waam.advice.guard_names import Names
from llm4waam.advice.narration import words, write_draft


def read(name: str) -> Iterator[tuple[Language, str, object]]:
    """(language, bead, case) of a file of cases."""
    for language, beads in yaml.safe_load((ROOT / "tests" / name).read_text("utf-8")).items():
        for bead, cases in beads.items():
            yield from ((language, bead, case) for case in cases)


REWRITES = list(read("narration_rewrites.yaml"))
TOLD = list(read("narration_lies.yaml"))
DRAFTS = list(itertools.product(BEADS, ("en", "ko")))
TURNS = 7  # odd, so that both languages have every turn
# What is turned round, and what is denied: each against the other, one place at a time.
TURNED = {
    "en": [("raises", "lowers"), ("raise", "lower"), ("at most", "at least"), ("below", "above")],
    "ko": [("높이", "낮추"), ("높입", "낮춥"), ("올리", "내리"), ("이상", "이하"), ("아래", "위")],
}
DENIED = {
    "en": [
        (r"\bno (change|value|defect|set-point)", r"a \1"), (r"No (change|value)", r"A \1"),
        (r" not\b", ""), ("nothing", "something"), ("disagree", "agree"), ("unknown ", ""),
        ("outside", "inside"), ("beyond", "within"),
    ],
    "ko": [
        ("지 않습", "겠습"), ("하지 않아", "하여"), ("하지 않고", "하고"),
        ("알려지지 않아", "알려져"), ("엇갈려", "일치하여"),
        ("없는", "있는"), ("없고", "있고"), ("없습", "있습"), ("없으므로", "있으므로"),
        ("벗어나", "들어가"),
    ],
}  # fmt: skip
ADDED = {
    "en": ["Use more gas.", "Preheat the plate.", "The result is certain."],
    "ko": ["가스를 더 쓰십시오.", "모재를 예열하십시오.", "결과는 확실합니다."],
}


@cache
def drafted(bead: str, language: Language) -> Draft:
    """The draft of a bead of tests/beads_told.py."""
    return write_draft(BEADS[bead], CARD, language)


def replaced(text: str, pattern: str, by: str) -> Iterator[str]:
    """The text with one place of a pattern replaced, for each place."""
    for found in re.finditer(pattern, text):
        yield text[: found.start()] + found.expand(by) + text[found.end() :]


def exchanged(text: str, one: str, other: str) -> str:
    return text.replace(one, "@").replace(other, one).replace("@", other)


def lies(draft: Draft, turn: int) -> Iterator[str]:
    """What the draft does not say, each one step away from it.

    There are hundreds of ways to exchange slots and names, of which each turn takes its share.
    """
    text, language, slots = draft.marked, draft.language, draft.slots
    pairs = [(a, b) for a, b in itertools.combinations(slots, 2) if slots[a] != slots[b]]
    for one, other in pairs[turn::TURNS]:
        yield exchanged(text, one, other)
    for pair in TURNED[language]:
        for one, other in (pair, pair[::-1]):
            yield from replaced(text, rf"\b{one}\b" if language == "en" else one, other)
    for pattern, by in DENIED[language]:
        yield from replaced(text, pattern, by)
    # Of what is unknown and of defects there are only lists, whose order says nothing.
    listed = {c.subject for of in draft.claims for c in of if not c.slots}
    for kind in ("fields", "rules", "labels", "targets"):
        known = {names[language] for names in words()[kind].values()}
        named = [name for name in Names.of(draft).subjects if name in known]
        for one, other in itertools.combinations(named, 2):
            swapped = exchanged(text, one, other)
            list_of_both = rf"{one}(, | and ){other}|{other}(, | and ){one}"
            apart = kind == "labels" and not re.search(list_of_both, text)
            free = {one, other} <= listed and not apart
            if not free and sorted(swapped) == sorted(text):
                yield swapped
        others = [(a, b) for a, b in itertools.product(named, sorted(known)) if a != b]
        for one, other in others[turn::TURNS]:
            yield from replaced(text, rf"(?<!\w){re.escape(one)}", other)
    for number in range(len(draft.sentences)):
        yield " ".join(draft.sentences[:number] + draft.sentences[number + 1 :])
    for more in ADDED[language]:
        yield f"{text} {more}"
        yield f"{more} {text}"


@pytest.mark.parametrize(("bead", "language"), DRAFTS)
def test_a_draft_is_understood(bead: str, language: Language) -> None:
    draft = drafted(bead, language)
    assert objections(draft, draft.marked) == []
    assert 2 <= len(draft.sentences) <= 5
    bound = {slot for of in draft.claims for claim in of for slot in claim.slots}
    assert bound == set(draft.slots)


@pytest.mark.parametrize(("bead", "language"), DRAFTS)
def test_every_lie_is_caught(bead: str, language: Language) -> None:
    """The drafts take turns."""
    draft = drafted(bead, language)
    told = set(lies(draft, DRAFTS.index((bead, language)) % TURNS)) - {draft.marked}
    assert len(told) >= 10
    assert [lie for lie in told if not objections(draft, lie)] == []


@pytest.mark.parametrize(
    ("language", "bead", "lie"), TOLD, ids=[f"{bead}-{lie[0]}" for _, bead, lie in TOLD]
)
def test_a_lie_in_a_model_s_words_is_caught(language: Language, bead: str, lie: list[str]) -> None:
    draft, (_, told, instead) = drafted(bead, language), lie
    assert draft.marked.count(told) == 1
    assert objections(draft, draft.marked.replace(told, instead))


def test_nine_of_ten_honest_rewrites_pass() -> None:
    passed = [text for lang, bead, text in REWRITES if not objections(drafted(bead, lang), text)]
    assert len(REWRITES) >= 40
    assert len(passed) >= 0.9 * len(REWRITES)


def test_the_lies_are_many_and_in_both_languages() -> None:
    assert len(TOLD) >= 100
    assert sum(language == "ko" for language, _, _ in TOLD) >= 40
