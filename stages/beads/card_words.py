"""What a card's columns, levels and units are called in a log."""

import re
from collections.abc import Iterator

from stages.beads.card import Card
from stages.beads.log_words import PARTICLE, ColumnWords, Token, loose, term, vocabulary


class CardWords:
    """The vocabulary of logs, as far as a card has what it names."""

    def __init__(self, card: Card) -> None:
        self.card, self.words = card, vocabulary()
        roles = ("set_point", "measurement")
        self.numbers = card.named(*roles, kind="number")
        self.categories = card.named(*roles, kind="category")

    def of(self, name: str) -> ColumnWords:
        """The words of a column; of a column that `logbook.yaml` does not know, none."""
        return self.words.columns.get(name, ColumnWords())

    def near(self, category: str) -> tuple[str, ...]:
        """Columns whose number may stand beside a level of the category."""
        return tuple(n for n in self.numbers if f"{{{category}}}" in self.of(n).near)

    def own_units(self, name: str) -> list[str]:
        """The units that the card accepts for a column, as the card spells them."""
        column = self.card.columns[name]
        units = (*column.accepted_units, column.raw_unit, column.unit)
        return list(dict.fromkeys(u for u in units if u))

    def knows(self, token: Token) -> bool:
        """Whether the token may be a value of the card, judged by its unit alone."""
        own = {unit.casefold() for name in self.numbers for unit in self.own_units(name)}
        return not token.units or any(unit.casefold() in own for unit in token.units)

    def spelled_units(self) -> dict[str, tuple[str, ...]]:
        """Spelling in small letters -> the units that it may mean."""
        words, found = self.words, {}
        for name, spellings in words.units.items():
            for one in spellings:
                found.setdefault(one.casefold(), []).append(name)
        for long, lengths in words.lengths.items():
            for short, times in words.times.items():
                for one in (f"{a}/{b}" for a in lengths for b in times):
                    found.setdefault(one.casefold(), []).append(f"{long}/{short}")
        for one in (unit for name in self.numbers for unit in self.own_units(name)):
            found.setdefault(one.casefold(), []).append(one)
        return {spelling: tuple(dict.fromkeys(names)) for spelling, names in found.items()}

    def names(self) -> Iterator[tuple[str, Token]]:
        """Patterns of everything that has a name, with what they stand for."""
        card, words = self.card, self.words
        for name in self.categories:
            for level, known in card.columns[name].levels.items():
                for one in (level, *known.aliases, *words.levels.get(name, {}).get(level, [])):
                    end = "%?" * one.endswith("%") + r"(?![A-Za-z0-9])(?![.,]\d)" + PARTICLE
                    token = Token(0, 0, "level", (name,), level, strong=one not in words.alone)
                    yield loose(one, r"[\s\-_+/%]*") + end, token
            for pattern in words.unlisted.get(name, []):
                yield f"(?:{pattern})", Token(0, 0, "unlisted", (name,))
        for name in (*self.numbers, *self.categories):
            phrase, own = card.columns[name].phrase, self.of(name)
            for one in (*([phrase] if phrase else []), *own.words):
                yield term(one), Token(0, 0, "term", (name,), negative=one in own.negative)
        for one in {word for name in self.numbers for word in self.of(name).near}:
            names = tuple(name for name in self.numbers if one in self.of(name).near)
            if "{" not in one:
                yield term(one), Token(0, 0, "term", names, strong=False)
        for one in words.others:
            yield term(one), Token(0, 0, "term")
        outcomes = {n: c for n, c in card.columns.items() if c.role == "outcome"}
        sizes = [(n.replace("_", " "), c.phrase) for n, c in outcomes.items() if c.kind == "number"]
        for one in (*words.outcomes, *(s for both in sizes for s in both if s)):
            yield term(one), Token(0, 0, "outcome", value="number")

    def outcome_words(self) -> re.Pattern:
        """Finds any word of an outcome in a text."""
        spelled = [*self.words.outcomes, *self.words.outcome_words]
        for name, column in self.card.columns.items():
            if column.role != "outcome":
                continue
            spelled += [name.replace("_", " "), *filter(None, (column.phrase, column.header))]
            lists = (*column.labels.items(), *((k, v.aliases) for k, v in column.levels.items()))
            spelled += [f"{one}*" for level, others in lists for one in (level, *others)]
        left = "(?<![A-Za-z])"
        found = [(left * p[0].isascii()) + loose(p) + r"(?![A-Za-z])" for p in spelled]
        return re.compile("|".join(found), re.IGNORECASE)
