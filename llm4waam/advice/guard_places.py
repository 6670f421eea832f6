"""Where a marked text says a claim, and which of its parts lead it up or down."""

from dataclasses import dataclass, field

from llm4waam.advice.draft import SLOT, Claim
from llm4waam.advice.guard_names import Names
from llm4waam.advice.guard_reading import Part, parts, sentences
from llm4waam.advice.guard_words import Words


@dataclass(frozen=True)
class Place:
    """Where a text says a claim: the parts of a `sentence`, and those that say its direction."""

    sentence: tuple[Part, ...]
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

    @property
    def names(self) -> list[str]:
        """The names in the parts that say its direction, in order."""
        return [a for p in self.led for a in p.anchors if not SLOT.fullmatch(a)]

    def lies_outside(self, words: Words) -> bool:
        """Whether the claim's own parts speak of what is outside a range."""
        return any(words.found("outside", p.text) for p in self.parts)

    def says(self, group: str, words: Words) -> bool:
        """Whether the sentence has a word of a group."""
        return any(words.found(group, p.text) for p in self.sentence)


@dataclass
class Text:
    """A marked text in parts: one list a sentence.

    `owners` are the names that slots belong to; `second` the names that share a slot with another:
    a rule has the slots of the field by which it speaks.
    """

    names: Names
    owners: dict[str, str]
    second: dict[str, str]
    sentences: list[list[Part]] = field(default_factory=list)

    @classmethod
    def read(cls, marked: str, claims: list[Claim], names: Names) -> "Text":
        """The text in parts."""
        owners: dict[str, str] = {}
        second: dict[str, str] = {}
        for claim in claims:
            for slot in claim.slots:
                if claim.subject not in names.subjects:
                    continue
                if owners.setdefault(slot, claim.subject) != claim.subject:
                    second[slot] = claim.subject
        pairs = [(c.slots[0], c.slots[1]) for c in claims if len(c.slots) == 2]
        return cls(names, owners, second, [parts(s, names, pairs) for s in sentences(marked)])

    def places(self, claim: Claim) -> list[Place]:
        """Where the claim is said: at its slots, or at each naming of its subject without slots."""
        found = []
        for sentence in self.sentences:
            if claim.slots:
                at = [i for i, p in enumerate(sentence) if set(claim.slots) & set(p.anchors)]
                if at:
                    at = list(range(at[0], at[-1] + 1))
                    found.append(self._place(sentence, at, claim.kind == "reason"))
            else:
                for i, p in enumerate(sentence):
                    if claim.subject in p.anchors and not self._slotted(p, claim.subject):
                        found.append(self._place(sentence, [i], True))
        return found

    def _others(self, part: Part, own: tuple[Part, ...]) -> bool:
        """Whether a part speaks of another field than that whose slots stand in `own`."""
        owners = {self.owners[a] for p in own for a in p.anchors if a in self.owners}
        fields = {a for a in part.anchors if a in self.names.subjects} - self.names.labels
        return bool(owners) and bool(fields - owners)

    def _slotted(self, part: Part, subject: str) -> bool:
        return any(self.owners.get(anchor) == subject for anchor in part.anchors)

    def _place(self, sentence: list[Part], at: list[int], shared: bool) -> Place:
        """The place of parts; `shared`: another name may stand beside what says its direction."""
        own = tuple(sentence[i] for i in at)
        led = [p for p in own if p.way]
        if not led:
            rest = [p for p in sentence if p.way and (shared or not self._others(p, own))]
            after = next((p for p in sentence[at[-1] + 1 :] if p.way), None)
            before = next((p for p in reversed(sentence[: at[0]]) if p.way), None)
            led = [p for p in (before, after) if p and any(p is other for other in rest)]
        return Place(tuple(sentence), own, tuple(led))
