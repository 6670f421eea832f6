"""Which of a change's two markers a text calls the start and which the end."""

import re

from stages.advice.guard_words import Words


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
