"""Words, slots and claims of a narration while it is written."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import yaml

from stages.advice.draft import Claim, Language
from stages.advice.korean import with_particle
from stages.beads.card import Card
from stages.beads.numbers import format_number
from stages.beads.sentences import field_of

DIGITS = 3  # what a reader takes in, and more than any model here is sure of
WORDS = Path(__file__).with_name("words.yaml")


@lru_cache(maxsize=1)
def words() -> dict:
    """What words.yaml holds."""
    return yaml.safe_load(WORDS.read_text(encoding="utf-8"))


@dataclass
class Writer:
    """Writes one draft: sentences so far, and the numbers that stand in slots."""

    card: Card
    language: Language
    slots: dict[str, str] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)

    def slot(self, text: str) -> str:
        """The marker of a number; each number gets one of its own."""
        marker = f"[[{len(self.slots) + 1}]]"
        self.slots[marker] = text
        return marker

    def value(self, name: str, value: float | str) -> str:
        """The marker of a field's or target's value with its unit."""
        if isinstance(value, str):
            return self.slot(value)
        one = field_of(self.card, name)
        unit = words()["units"].get(one.unit, one.unit)
        unit = "" if not unit or unit == "dimensionless" else unit if unit == "°" else f" {unit}"
        return self.slot(format_number(float(value), DIGITS) + unit)

    def share(self, p: float) -> str:
        """The marker of a probability."""
        return self.slot(f"{min(max(p, 0.01), 0.99):.0%}".replace("%", " %"))

    def name(self, kind: str, key: str) -> str:
        """A field, label, rule or target; a field without a word of its own by its phrase."""
        known = words()[kind].get(key)
        if known:
            return known[self.language]
        return (field_of(self.card, key).phrase or key) if kind == "fields" else key

    def say(self, key: str, *, then: bool = False, **values: str) -> str:
        """A sentence or a part of one; Korean words come with their particles.

        `then` is the form of a part that another follows.
        """
        texts, korean, forms = words()["sentences"][key], self.language == "ko", {}
        for name in ("field", "fields", "target", "label", "parts"):
            if name in values and korean:
                word = values[name]
                forms |= {
                    f"{name}_topic": with_particle(word, "은"),
                    f"{name}_object": with_particle(word, "을"),
                    f"{name}_subject": with_particle(word, "이"),
                    f"{name}_as": with_particle(word, "으로"),
                }
        text = texts["then"] if then and korean else texts[self.language]
        return text.format(**values, **forms)

    def labels(self, names: list[str]) -> str:
        """Labels as a list."""
        return self.join([self.name("labels", name) for name in names])

    def join(self, parts: list[str]) -> str:
        """Parts of a list: "a", "a and b", "a, b and c"."""
        last = words()["joined"][self.language]
        return last.join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
