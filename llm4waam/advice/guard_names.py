"""What a draft names: the subjects of its claims, and which of them are labels."""

import re
from dataclasses import dataclass

from llm4waam.advice.draft import Draft
from llm4waam.advice.guard_words import Words, words_of


@dataclass(frozen=True)
class Names:
    """Subjects of a draft, and the labels among them; a text names the subject n as ⟨n⟩."""

    subjects: tuple[str, ...]
    labels: frozenset[str]
    words: Words

    @classmethod
    def of(cls, draft: Draft) -> "Names":
        """The subjects that the draft's sentences spell out, the longest first."""
        words = words_of(draft.language)
        claimed = [claim for claims in draft.claims for claim in claims if claim.subject]
        spelled = {
            claim.subject
            for claim in claimed
            if _spelling(claim.subject, words).search(draft.marked)
        }
        known = {m.group() for label in words.labels for m in re.finditer(label, draft.marked)}
        known = {k for k in known if not any(k in subject for subject in spelled)}
        labels = {s for s in spelled if any(re.search(p, s, re.I) for p in words.labels)} | known
        ordered = sorted(spelled | known, key=lambda name: (-len(name), name))
        return cls(tuple(ordered), frozenset(labels), words)

    def take(self, text: str) -> str:
        """The text with every subject as ⟨n⟩."""
        for number, name in enumerate(self.subjects):
            text = _spelling(name, self.words).sub(f"⟨{number}⟩", text)
        return text

    def give(self, text: str) -> str:
        """The text with its subjects again."""
        return re.sub(r"⟨(\d+)⟩", lambda match: self.subjects[int(match[1])], text)

    def is_label(self, subject: str) -> bool:
        """Whether a subject is a label rather than a field."""
        return subject in self.labels


def _spelling(name: str, words: Words) -> re.Pattern[str]:
    spaced = r"[\s-]*" if words.language == "ko" else r"[\s-]+"
    inner = spaced.join(re.escape(piece) for piece in name.split())
    if words.language == "ko":
        return re.compile(rf"(?<![가-힣A-Za-z]){inner}", re.IGNORECASE)
    return re.compile(rf"(?<![\w-]){inner}(?:s)?(?![\w-])", re.IGNORECASE)
