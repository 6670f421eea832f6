"""The words of one card in one language, put together: values, names, moves, lists, sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from llm4waam.advice.counterfactual import Change, Move
from llm4waam.advice.findings import Findings
from llm4waam.advice.settings import Language
from llm4waam.advice.wording import called, with_forms, words
from llm4waam.card.card import Card
from llm4waam.card.quantities import format_number
from llm4waam.sentences.fields import field_of

DIGITS = 3  # what a reader takes in, and more than any model here is sure of


@dataclass(frozen=True)
class Writer:
    """The words of one card in one language."""

    card: Card
    language: Language

    def value(self, name: str, *values: float | str) -> str:
        """A field's or target's value with its unit; of two the span, with the unit once."""
        if isinstance(values[0], str):
            return values[0]
        one = field_of(self.card, name)
        unit = words()["units"].get(one.unit, one.unit)
        unit = "" if not unit or unit == "dimensionless" else unit if unit == "°" else f" {unit}"
        return self.span(*map(_digits, values)) + unit

    def span(self, *ends: str) -> str:
        """From one to the other; of one text alone that text."""
        return words()["span"][self.language].join(ends)

    def share(self, p: float) -> str:
        """A probability; none is said to be certain."""
        return f"{min(max(p, 0.01), 0.99):.0%}".replace("%", " %")

    def name(self, kind: str, key: str) -> str:
        """A field, label, rule or target; a field without a word of its own by its phrase."""
        if word := called(self.card, kind, key, self.language):
            return word
        if kind == "fields":
            return field_of(self.card, key).phrase or key
        return self.card.columns[key].meaning if kind == "targets" else key

    def good(self, findings: Findings) -> str:
        """A good bead, in the words of the card: "a normal bead", or its class and the task."""
        if findings.normal in words()["good"]:
            return words()["good"][findings.normal][self.language]
        return self.say("class", label=findings.normal, task=findings.aim.replace("_", " "))

    def say(self, key: str, *, then: bool = False, **values: str) -> str:
        """A sentence or a part of one; Korean words come with their particles.

        `then` is the form of a part that another follows.
        """
        texts = words()["sentences"][key]
        if self.language == "en":
            return texts["en"].format(**values)
        return texts["then" if then else "ko"].format(**values, **with_forms(values))

    def moves(self, moves: Sequence[Move]) -> str:
        """Moves as a list of what to do."""
        parts = []
        for number, move in enumerate(moves, start=1):
            a, b = _digits(move.before), self.value(move.field, move.after)
            name, then = self.name("fields", move.field), number < len(moves)
            parts.append(self.say(f"move_{move.direction}", then=then, field=name, a=a, b=b))
        return self.join(parts)

    def moves_in_short(self, moves: Sequence[Move]) -> str:
        """The set-points that are moved and where to: "travel speed to 8.5 mm/s"."""
        named = [(self.name("fields", m.field), self.value(m.field, m.after)) for m in moves]
        return self.join([self.say("move_short", field=name, b=b) for name, b in named])

    def moves_with_arrows(self, moves: Sequence[Move]) -> str:
        """The set-points that are moved, from where and to where: "travel speed 12 → 8.5 mm/s"."""
        parts = []
        for move in moves:
            a, b = _digits(move.before), self.value(move.field, move.after)
            parts.append(f"{self.name('fields', move.field)} {a} → {b}")
        return self.join(parts)

    def other(self, change: Change) -> str:
        """Another change: its kind, its moves in short and its chance."""
        kind = words()["kinds"][change.kind][self.language]
        moves = self.moves_in_short(change.moves)
        return self.say("other", kind=kind, moves=moves, p=self.share(change.chance))

    def labels(self, names: list[str]) -> str:
        """Labels as a list."""
        return self.join([self.name("labels", name) for name in names])

    def join(self, parts: list[str]) -> str:
        """Parts of a list: "a", "a and b", "a, b and c"."""
        last = words()["joined"][self.language]
        return last.join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def _digits(value: float) -> str:
    """A number of DIGITS digits, from ten thousand on in groups of three: 29,400."""
    digits = format_number(float(value), DIGITS)
    whole, point, rest = digits.partition(".")
    return f"{int(whole):,}{point}{rest}" if len(whole.lstrip("-")) > 4 else digits
