"""Which of a change's two markers a text calls the start and which the end."""

import re

from llm4waam.advice.draft import SLOT
from llm4waam.advice.guard_words import Words


def order(slots: tuple[str, ...], rewritten: str, marked: str, words: Words) -> list[str]:
    """Objections to the order of the two slots (from, to)."""
    roles = [role(slot, rewritten, words) for slot in slots[:2]]
    first, last = (rewritten.find(slot) for slot in slots[:2])
    wrong = roles[0] == "to" or roles[1] == "from" or "by" in roles
    if wrong or (first > last and roles != ["from", "to"]):
        # what the draft itself says in the same way is no objection
        if roles == [role(slot, marked, words) for slot in slots[:2]] and first < last:
            return []
        return [f"order: {slots[0]} and {slots[1]} are not from and to"]
    return []


def limits(marked: str, rewritten: str, words: Words) -> list[str]:
    """Slots that were a least or a greatest value and are so no longer, or the other way round."""
    was, now = (_limits(text, words) for text in (marked, rewritten))
    return [
        f"bound: {slot} is {now.get(slot)} instead of {was[slot]}"
        for slot in was
        if now.get(slot) != was[slot]
    ]


def _limits(text: str, words: Words) -> dict[str, str]:
    """The side of which each slot is the end, by the words next to it and to no other slot."""
    pieces = re.split(f"({SLOT.pattern})", text)
    found = {}
    for i in range(1, len(pieces), 2):
        beside = pieces[i - 1] if words.language == "en" else pieces[i + 1]
        sides = [side for side in ("least", "most") if words.found(side, beside)]
        if sides:
            found[pieces[i]] = "/".join(sides)
    return found


def role(slot: str, text: str, words: Words) -> str:
    """ "from", "to", "by" or "" for a marker, by the words before and behind it."""
    start = text.find(slot)
    before, after = text[:start].rstrip(" (~"), text[start + len(slot) :]
    found = set()
    for name in ("from", "to", "by"):
        edge = r"(?<!\w)" if words.language == "en" else ""
        if re.search(
            rf"{edge}(?:{words.groups[f'{name}_before'].pattern})$", before, re.IGNORECASE
        ):
            found.add(name)
        if re.match(rf"\)? ?(?:{words.groups[f'{name}_after'].pattern})", after, re.IGNORECASE):
            found.add(name)
    if words.language == "ko" and found == {"from", "to"}:
        found = (
            {"from"}
            if re.match("에서|부터", after)
            else {"to"}
            if re.match("으?로|까지", after)
            else found
        )
    return found.pop() if len(found) == 1 else "both" if found else ""
