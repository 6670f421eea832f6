"""The guard: why a rewrite of a draft may not stand in its place."""

from llm4waam.advice.draft import Draft
from llm4waam.advice.guard_claims import claims_kept
from llm4waam.advice.guard_form import closed_words, form
from llm4waam.advice.guard_names import Names


def objections(draft: Draft, rewritten: str) -> list[str]:
    """Why `rewritten`, with its markers, may not stand; empty where it says what the draft says.

    Every objection opens with its family (marker, number, unit, direction, order, subject, label,
    negation, certainty, degree, bound, new, lost, language, length, markup, preamble or end). The
    guard knows words, not meanings: it is strict, and a false alarm costs only that the template's
    text stands.
    """
    names = Names.of(draft)
    found = form(draft, rewritten, names)
    if any(objection.startswith(("marker", "length")) for objection in found):
        return found  # without its markers no claim has a place; and a long text takes long
    found += closed_words(draft, rewritten, names)
    return found + claims_kept(draft, rewritten, names)
