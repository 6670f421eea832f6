"""Whether slots and labels still stand with the names that they belong to."""

import re

from llm4waam.advice.draft import SLOT
from llm4waam.advice.guard_places import Text
from llm4waam.advice.guard_reading import Part

_BESIDE = re.compile(rf"({SLOT.pattern}) (?:for|of|that of) (?:the |a )?⟨(\d+)⟩")


def bound(text: Text) -> list[str]:
    """Slots that stand nearer to another name than to their own."""
    found: list[str] = []
    labels, rules = set(text.names.labels), set(text.second.values())
    fields = set(text.names.subjects) - labels - rules
    for kind, owners in ((fields, text.owners), (labels, text.owners), (rules, text.second)):
        last = None
        for sentence in text.sentences:
            found += _sentence(sentence, text, kind, owners, last)
            last = next((a for p in sentence[::-1] for a in p.anchors[::-1] if a in kind), last)
    return found


def _sentence(
    sentence: list[Part], text: Text, kind: set[str], owners: dict[str, str], last: str | None
) -> list[str]:
    """Objections to the slots that belong to names of a kind: fields, labels or rules.

    `last` is the name of that kind in the sentences before: "It is to go from [[3]] to [[4]]."
    """
    said = " ".join(p.text for p in sentence)
    beside = {m[1]: text.names.subjects[int(m[2])] for m in _BESIDE.finditer(said)}
    flat = [a for p in sentence for a in p.anchors if a in kind or owners.get(a) in kind]
    slots = [i for i, a in enumerate(flat) if SLOT.fullmatch(a)]
    named = [i for i, a in enumerate(flat) if a in kind]
    if not slots:
        return []
    owner = [owners[flat[i]] for i in slots]
    alone = owners is text.second  # a rule's name stands apart from the field's and its slots
    others = [] if alone else [a for p in sentence for a in _strangers(p, kind, text)]
    if not named:
        astray = any(name != last for name in owner)
    elif max(named) < min(slots) and [flat[i] for i in named] == list(dict.fromkeys(owner)):
        astray, others = False, []  # one list of names, then one of numbers
    else:
        before = [next((flat[j] for j in named[::-1] if j < i), None) for i in slots]
        after = [next((flat[j] for j in named if j > i), None) for i in slots]
        near = [beside.get(flat[i]) or b or a for i, b, a in zip(slots, before, after, strict=True)]
        told = [beside.get(flat[i]) or b or last for i, b in zip(slots, before, strict=True)]
        astray = owner not in (near, after, told)
    if astray or others:
        return [f"subject: the numbers of {owner[0]!r} stand with another name"]
    return []


def _strangers(part: Part, kind: set[str], text: Text) -> list[str]:
    """Names in a part that has slots: of the kind and none of theirs, or of the other kind and
    next before a slot whose own name is not before it."""
    there = {text.owners[a] for a in part.anchors if text.owners.get(a) in kind}
    found = [a for a in part.anchors if a in kind and there and a not in there]
    for i, anchor in enumerate(part.anchors):
        own = text.owners.get(anchor)
        names = [a for a in part.anchors[:i] if not SLOT.fullmatch(a)]
        if own in kind and names and own not in names:
            found.append(names[-1])
    return found
