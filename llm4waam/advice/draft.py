"""A narration as its template wrote it: sentences with numbers in slots, and what they claim."""

import re
from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "ko"]
Kind = Literal["expectation", "certainty", "reason", "change", "rule", "unknown", "warning"]
SLOT = re.compile(r"\[\[\d+\]\]")


@dataclass(frozen=True)
class Claim:
    """One thing that a sentence says, and that every rewriting of it must still say.

    `subject` is the field, target or label as the sentence names it ("travel speed", "Humping").
    `direction` is where a change or a reason goes: up is raise, more, higher; down is lower, less.
    `slots` are the markers in the order of their meaning: a change holds (from, to). `negated`
    claims say that something is not so.
    """

    kind: Kind
    subject: str
    direction: Literal["up", "down"] | None = None
    slots: tuple[str, ...] = ()
    negated: bool = False


@dataclass(frozen=True)
class Draft:
    """Sentences of one language about one bead.

    `sentences` hold markers such as "[[1]]" in the place of a number with its unit; `slots` says
    what stands there ("[[1]]" -> "6.5 m/min"); `claims` has one tuple a sentence.
    """

    language: Language
    sentences: tuple[str, ...]
    slots: dict[str, str]
    claims: tuple[tuple[Claim, ...], ...]

    @property
    def marked(self) -> str:
        """The text with its markers."""
        return " ".join(self.sentences)

    @property
    def text(self) -> str:
        """The text that a person reads."""
        return fill(self.marked, self.slots)


def fill(marked: str, slots: dict[str, str]) -> str:
    """The text with every marker replaced; raises KeyError for a marker that is not known."""
    return SLOT.sub(lambda match: slots[match.group()], marked)
