"""Whether a rewrite still says each claim of its draft: who, which way, from where to where."""

from llm4waam.advice.draft import Claim, Draft
from llm4waam.advice.guard_binding import bound
from llm4waam.advice.guard_doubt import doubt_kept
from llm4waam.advice.guard_labels import labels_kept
from llm4waam.advice.guard_names import Names
from llm4waam.advice.guard_order import limits, order
from llm4waam.advice.guard_places import Text
from llm4waam.advice.guard_saying import ratios_kept, saying_kept


def claims_kept(draft: Draft, rewritten: str, names: Names) -> list[str]:
    """Objections to what became of the claims."""
    claims = [claim for of_sentence in draft.claims for claim in of_sentence]
    before, after = (Text.read(text, claims, names) for text in (draft.marked, rewritten))
    found: list[str] = []
    led: set[int] = set()
    for claim in claims:
        found += _claim(claim, before, after, led)
    found += _negations(claims, before, after)
    found += _unexplained(claims, before, after, led)
    found += bound(after) + labels_kept(before, after) + doubt_kept(before, after)
    found += saying_kept(claims, before, after) + _empty(before, after)
    found += ratios_kept(draft.marked, rewritten, names.words)
    found += limits(draft.marked, rewritten, names.words)
    for claim in claims:
        if len(claim.slots) == 2 and claim.direction and claim.kind != "reason":
            found += order(claim.slots, rewritten, draft.marked, names.words)
        elif sorted(claim.slots, key=rewritten.find) != sorted(claim.slots, key=draft.marked.find):
            found.append(f"order: the numbers of {claim.subject!r} in another order")
    return found


def _claim(claim: Claim, before: Text, after: Text, led: set[int]) -> list[str]:
    if not claim.slots and claim.subject not in before.names.subjects:
        return []  # it is about no field or label, such as the models' agreement
    name = f"{claim.kind} of {claim.subject!r}"
    if claim.subject not in before.names.subjects and claim.kind != "certainty":
        return [f"subject: the draft's own wording of {name} is not understood"]
    was, now = before.places(claim), after.places(claim)
    if not now and claim.kind == "certainty" and not claim.slots:
        return []  # said of something else; the words of certainty are looked for in any case
    if not now:
        return [f"lost: {name}"]
    if claim.slots and len(now) > 1:
        return [f"order: the numbers of {name} stand in different sentences"]
    found = []
    if claim.direction:
        told = [p.way for p in was if p.way]
        want = next((way for way in told if len(way) > 1), (claim.direction,))
        if told and claim.direction not in want:
            return [f"direction: the draft's own wording of {name} is not understood"]
        for place in now:
            if place.way == want:
                led.update(id(p) for p in place.led)
            if len(want) > 1 and place.names != was[0].names:
                found.append(f"subject: {name} names things in another order")
        ways = [place.way for place in now]
        nowhere = claim.kind == "expectation" and () in ways  # "bring it to [[3]]"
        if want not in ways and not nowhere:
            found.append(f"direction: {name} goes {'/'.join(ways[0]) or 'nowhere'}")
    words = before.names.words
    if claim.kind == "expectation" and was[0].says("hedge", words) > now[0].says("hedge", words):
        found.append(f"certainty: {name} is said to be so")
    if was[0].lies_outside(words) not in {place.lies_outside(words) for place in now}:
        found.append(f"negation: {name}, by what is outside")
    denied, is_denied = (any(p.denied for p in places) for places in (was, now))
    if claim.slots and denied != is_denied:
        found.append(f"negation: {name}")
    if not claim.slots and denied and not is_denied:
        found.append(f"negation: {name} is no longer denied")
    if not claim.slots and not denied and all(p.denied for p in now):
        found.append(f"negation: {name} is denied")
    if claim.negated and was and not any(p.denied for p in was):
        found.append(f"negation: the draft's own wording of {name} is not understood")
    return found


def _negations(claims: list[Claim], before: Text, after: Text) -> list[str]:
    """Denying words that are new or lost; of what is unknown, one for each part is enough."""
    unknown = {claim.subject for claim in claims if claim.kind == "unknown"}
    counts = []
    for text in (before, after):
        every = [p for sentence in text.sentences for p in sentence]
        counts.append(sum(p.negations for p in every if not unknown & set(p.anchors)))
        if any(p.negations != 1 for p in every if unknown & set(p.anchors)):
            return ["negation: of what is unknown"]
    if counts[0] != counts[1]:
        return [f"negation: {counts[1]} denying words instead of {counts[0]}"]
    return []


def _unexplained(claims: list[Claim], before: Text, after: Text, led: set[int]) -> list[str]:
    """Directions of parts that lead no claim and that the draft has not beside the same name."""
    leading = {id(p) for c in claims if c.direction for at in before.places(c) for p in at.led}
    known = {
        (anchor, p.way)
        for sentence in before.sentences
        for p in sentence
        if id(p) not in leading
        for anchor in p.anchors
    }
    return [
        f"direction: {p.way[0]!r} where the draft says none: {p.text!r}"
        for sentence in after.sentences
        for p in sentence
        if p.way and id(p) not in led and not known & {(anchor, p.way) for anchor in p.anchors}
    ]


def _empty(before: Text, after: Text) -> list[str]:
    """Sentences that name nothing: no more of them than the draft has."""
    was, now = (
        [
            s
            for s in text.sentences
            if not any(p.anchors for p in s)
            and not any(text.names.words.found("sure", p.text) for p in s)
        ]
        for text in (before, after)
    )
    if len(now) > len(was):
        return [f"new: a sentence about nothing in the draft: {now[-1][0].text!r}"]
    return []
