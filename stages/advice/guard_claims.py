"""Whether a rewrite still says each claim of its draft: who, which way, from where to where."""

from dataclasses import dataclass, field

from stages.advice.draft import SLOT, Claim, Draft
from stages.advice.guard_order import order
from stages.advice.guard_reading import Names, Part, parts, sentences


@dataclass(frozen=True)
class Place:
    """Where a text says a claim: the parts of one sentence, and those that say its direction."""

    parts: tuple[Part, ...]
    led: tuple[Part, ...]

    @property
    def way(self) -> tuple[str, ...]:
        """Directions there, each once in a row; ("up", "down") where its neighbours disagree."""
        ways = [p.way for p in self.led]
        return ways[0] if len(set(ways)) == 1 else tuple(w for way in ways for w in way)

    @property
    def denied(self) -> int:
        """Denying words there."""
        return sum(p.negations for p in self.parts)


@dataclass
class Text:
    """A marked text in parts: one list a sentence."""

    names: Names
    owners: dict[str, str]
    sentences: list[list[Part]] = field(default_factory=list)

    @classmethod
    def read(cls, marked: str, claims: list[Claim], names: Names) -> "Text":
        """The text in parts."""
        owners: dict[str, str] = {}
        for claim in claims:
            for slot in claim.slots:
                if claim.subject in names.subjects:
                    owners.setdefault(slot, claim.subject)
        pairs = [(c.slots[0], c.slots[1]) for c in claims if len(c.slots) == 2]
        return cls(names, owners, [parts(s, names, pairs) for s in sentences(marked)])

    def places(self, claim: Claim) -> list[Place]:
        """Where the claim is said: at its slots, or at each naming of its subject without slots."""
        found = []
        for sentence in self.sentences:
            if claim.slots:
                at = [i for i, p in enumerate(sentence) if set(claim.slots) & set(p.anchors)]
                if at:
                    at = list(range(at[0], at[-1] + 1))
                    found.append(self._place(sentence, at))
            else:
                for i, p in enumerate(sentence):
                    if claim.subject in p.anchors and not self._slotted(p, claim.subject):
                        found.append(self._place(sentence, [i]))
        return found

    def _slotted(self, part: Part, subject: str) -> bool:
        return any(self.owners.get(anchor) == subject for anchor in part.anchors)

    def _place(self, sentence: list[Part], at: list[int]) -> Place:
        own = tuple(sentence[i] for i in at)
        led = [p for p in own if p.way]
        if not led:
            after = next((p for p in sentence[at[-1] + 1 :] if p.way), None)
            before = next((p for p in reversed(sentence[: at[0]]) if p.way), None)
            led = [p for p in (before, after) if p]
        return Place(own, tuple(led))


def claims_kept(draft: Draft, rewritten: str, names: Names) -> list[str]:
    """Objections to what became of the claims."""
    claims = [claim for of_sentence in draft.claims for claim in of_sentence]
    before, after = (Text.read(text, claims, names) for text in (draft.marked, rewritten))
    found: list[str] = []
    led: set[int] = set()
    for claim in claims:
        found += _claim(claim, before, after, led)
    explained = {w for c in claims if not c.direction for p in before.places(c) for w in _own(p)}
    for sentence in after.sentences:
        for p in sentence:
            if p.way and id(p) not in led and not set(p.way) <= explained:
                found.append(f"direction: {p.way[0]!r} where the draft says none: {p.text!r}")
        found += _bound(sentence, after)
    found += _labels(before, after) + _empty(before, after)
    for claim in claims:
        if claim.kind == "change" and len(claim.slots) == 2:
            found += order(claim.slots, rewritten, draft.marked, names.words)
    return found


def _claim(claim: Claim, before: Text, after: Text, led: set[int]) -> list[str]:
    if not claim.slots and claim.subject not in before.names.subjects:
        return []  # it is about no field or label, such as the models' agreement
    name = f"{claim.kind} of {claim.subject!r}"
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
        ways = [place.way for place in now]
        if want not in ways:
            found.append(f"direction: {name} goes {'/'.join(ways[0]) or 'nowhere'}")
    if claim.slots and any(p.denied for p in was) != any(p.denied for p in now):
        found.append(f"negation: {name}")
    if not claim.slots and any(p.denied for p in was) and not any(p.denied for p in now):
        found.append(f"negation: {name} is no longer denied")
    if not claim.slots and not any(p.denied for p in was) and all(p.denied for p in now):
        found.append(f"negation: {name} is denied")
    if claim.negated and was and not any(p.denied for p in was):
        found.append(f"negation: the draft's own wording of {name} is not understood")
    return found


def _own(place: Place) -> set[str]:
    return {way for p in place.parts for way in p.way}


def _bound(sentence: list[Part], text: Text) -> list[str]:
    """Slots of a sentence that stand nearer to another subject than to their own."""
    found = []
    for labels in (False, True):
        kind = [s for s in text.names.subjects if text.names.is_label(s) == labels]
        flat = [a for p in sentence for a in p.anchors if a in kind or text.owners.get(a) in kind]
        slots = [i for i, a in enumerate(flat) if SLOT.fullmatch(a)]
        named = [i for i, a in enumerate(flat) if a in kind]
        if not slots or not named:
            continue
        before = [next((flat[j] for j in reversed(named) if j < i), None) for i in slots]
        after = [next((flat[j] for j in named if j > i), None) for i in slots]
        owner = [text.owners[flat[i]] for i in slots]
        inside = [a for p in sentence for a in _strangers(p, kind, text)]
        listed = max(named) < min(slots) and [flat[j] for j in named] == list(dict.fromkeys(owner))
        if (inside and not listed) or (_astray(owner, before, after) and not listed):
            found.append(f"subject: the numbers of {owner[0]!r} stand with another name")
    return found


def _astray(owner: list[str], before: list[str | None], after: list[str | None]) -> bool:
    """Whether a slot follows another name than its own, or none and goes before another."""
    near = [b or a for b, a in zip(before, after, strict=True)]
    return near != owner and after != owner


def _strangers(part: Part, kind: list[str], text: Text) -> set[str]:
    """Subjects in a part that has slots, none of which is theirs."""
    owners = {text.owners[a] for a in part.anchors if text.owners.get(a) in kind}
    return {a for a in part.anchors if a in kind and owners and a not in owners}


def _labels(before: Text, after: Text) -> list[str]:
    """Labels that are lost; and those named beside a subject that the draft does not put there."""
    found = []
    was, now = (_beside(text) for text in (before, after))
    for label in before.names.labels:
        if any(label in p.anchors for s in before.sentences for p in s) and not any(
            label in p.anchors for s in after.sentences for p in s
        ):
            found.append(f"label: {label!r} is lost")
    for subject, labels in now.items():
        if strange := labels - was.get(subject, set()):
            found.append(f"label: {min(strange)!r} stands beside {subject!r}")
    return found


def _beside(text: Text) -> dict[str, set[str]]:
    """The labels in the parts that name a field."""
    found: dict[str, set[str]] = {}
    for sentence in text.sentences:
        for p in sentence:
            labels = {a for a in p.anchors if text.names.is_label(a)}
            for anchor in set(p.anchors) - labels - set(text.owners):
                found.setdefault(anchor, set()).update(labels)
    return found


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
