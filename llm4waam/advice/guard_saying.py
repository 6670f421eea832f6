"""Whether a rewrite says of each subject what the draft says of it: known, enough, advised."""

import itertools
import re

from llm4waam.advice.draft import SLOT, Claim
from llm4waam.advice.guard_places import Text
from llm4waam.advice.guard_words import Words

# What a claim's own words say, and the words of which one must stand in its sentence.
KEPT = {
    name: name for name in ("known", "enough", "advised", "needed", "reached", "ratio", "training")
}
KEPT |= {"afterwards": "later"}
_JOINT = re.compile(r"[\s,()]*(?:and|및|과|와)?[\s,()]*")


def saying_kept(claims: list[Claim], before: Text, after: Text) -> list[str]:
    """Objections to claims whose sentence no longer says what it said, or says it of others."""
    words, found = before.names.words, []
    for claim in claims:
        was, now = before.places(claim), after.places(claim)
        for group, wanted in KEPT.items():
            said = any(words.found(group, part.text) for at in was for part in at.parts)
            if said and now and not any(at.says(wanted, words) for at in now):
                found.append(f"lost: {claim.subject!r} is {group}")
    return found + _judges(before, after) + _unknown(claims, before, after)


def ratios_kept(marked: str, rewritten: str, words: Words) -> list[str]:
    """Objections to slots that were ratios and are told as something else."""
    was, now = (_ratios(text, words) for text in (marked, rewritten))
    return [f"lost: {slot} is a ratio" for slot in sorted(was - now)]


def _ratios(text: str, words: Words) -> set[str]:
    """The slots that stand behind a ratio's name, alone or in a list."""
    pieces, found = re.split(f"({SLOT.pattern})", text), set()
    for i in range(1, len(pieces), 2):
        listed = _JOINT.fullmatch(pieces[i - 1]) and i > 1 and pieces[i - 2] in found
        if listed or words.found("ratio", pieces[i - 1]):
            found.add(pieces[i])
    return found


def _judges(before: Text, after: Text) -> list[str]:
    """Models that judge in a sentence on rules, more often than the draft has them there."""
    most = []
    for text in (before, after):
        words = text.names.words
        told = [text.names.give(" ".join(p.text for p in s)) for s in text.sentences]
        counts = [len(words.found("models", one)) for one in told if words.found("rules", one)]
        most.append(sum(counts))
    return ["subject: models for rules"] if most[1] > most[0] else []


def _unknown(claims: list[Claim], before: Text, after: Text) -> list[str]:
    """Fields told as unknown beside those that are."""
    unknown = {claim.subject for claim in claims if claim.kind == "unknown"}
    beside = []
    for text in (before, after):
        parts = itertools.chain.from_iterable(text.sentences)
        lists = [set(p.anchors) for p in parts if unknown & set(p.anchors)]
        beside.append({a for one in lists if not one & set(text.owners) for a in one})
    return [f"negation: {name!r} as unknown as others" for name in sorted(beside[1] - beside[0])]
