"""Whether a rewrite is as sure as its draft, of the same things and for the same reasons."""

import itertools
from collections import Counter

from llm4waam.advice.draft import SLOT
from llm4waam.advice.guard_places import Text
from llm4waam.advice.guard_reading import Part
from llm4waam.advice.guard_words import Words

KINDS = ("agreed", "trusted", "interval")


def doubt_kept(before: Text, after: Text) -> list[str]:
    """Objections to words of certainty, to "although" for "because", to praise of what is not."""
    was, now = (_assurances(text) for text in (before, after))
    found = [f"certainty: {_told(one)} is lost" for one in sorted(was - now)]
    found += [f"certainty: {_told(one)} is brought in" for one in sorted(now - was)]
    reasons, spites = _linked(before, "because"), _linked(after, "although")
    found += [
        f"reason: {anchor!r} is told in spite of what it is told for"
        for anchor in sorted((reasons - _linked(before, "although")) & spites)
    ]
    praised = [_praise(text) for text in (before, after)]
    return found + [f"new: {word!r} of what is denied" for word in praised[1] - praised[0]]


def _assurances(text: Text) -> set[tuple[str, bool, bool]]:
    """What words of certainty speak of ("sure" where of nothing in KINDS), whether they deny it and
    whether rules are sure of it; an interval has no opposite."""
    words, found = text.names.words, set()
    for part in itertools.chain.from_iterable(text.sentences):
        rules = bool(words.found("rules", text.names.give(part.text)))
        denied = (part.negations - len(words.found("outside", part.text))) % 2 == 1
        for word in words.found("sure", part.text):
            kind = next((k for k in KINDS if words.groups[k].search(word)), "sure")
            found.add((kind, kind != "interval" and denied, kind == "agreed" and rules))
    return found


def _told(assurance: tuple[str, bool, bool]) -> str:
    kind, denied, rules = assurance
    return f"{'not ' * denied}{kind}{' by rules' * rules}"


def _linked(text: Text, group: str) -> set[str]:
    """Slots, or names where there are none, of the sentences that hold a word of a group."""
    found: set[str] = set()
    for sentence in text.sentences:
        if _inside(sentence, group, text.names.words):
            anchors = {a for p in sentence for a in p.anchors}
            found |= {a for a in anchors if SLOT.fullmatch(a)} or anchors
    return found


def _inside(sentence: list[Part], group: str, words: Words) -> bool:
    return any(words.found(group, part.text) for part in sentence)


def _praise(text: Text) -> Counter[str]:
    """Words that praise, in parts that deny."""
    words = text.names.words
    parts = [p for p in itertools.chain.from_iterable(text.sentences) if p.negations]
    return Counter(word for p in parts for word in words.found("helpful", p.text))
