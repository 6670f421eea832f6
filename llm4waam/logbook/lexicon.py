"""What the columns, levels and units of a card are called in the free text of a shop floor.

The words stand in `logbook.yaml`; a card adds its own phrases, levels and units. Together they are
the lexicon: patterns by which `tokens` cuts a text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from llm4waam.card.card import Card
from llm4waam.core.settings import Section, read_yaml

Kind = Literal["level", "unlisted", "term", "number", "outcome", "word", "break"]
PARTICLE = "(?:(?:은|는|이|가|을|를|의|로|으로|도|만|에|에서|와|과|으로는)(?![가-힣]))?"

_DIGITS = r"(?:\d+(?:[.,]\d+)*|\.\d+)"


class ColumnWords(Section):
    """How one column is named in a log; see `logbook.yaml`."""

    words: list[str] = []  # noqa: RUF012 (pydantic copies the defaults)
    near: list[str] = []  # noqa: RUF012
    negative: list[str] = []  # noqa: RUF012
    bare: bool = False
    loose: bool = False


class Vocabulary(Section):
    """All of `logbook.yaml`."""

    columns: dict[str, ColumnWords]
    levels: dict[str, dict[str, list[str]]]
    alone: list[str]
    grounds: list[str]
    unlisted: dict[str, list[str]]
    others: list[str]
    outcomes: list[str]
    outcome_words: list[str]
    lengths: dict[str, list[str]]
    times: dict[str, list[str]]
    per: dict[str, list[str]]
    units: dict[str, list[str]]
    links: list[str]
    fillers: list[str]
    splits: list[str]
    corrected: list[str]
    denied: list[str]
    far: list[str]
    denied_after: list[str]
    order: dict[str, str]
    subjects: str
    conditions: str
    continued: str


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """The vocabulary of `logbook.yaml`; raises StudyError where that file is wrong."""
    return read_yaml(Vocabulary, Path(__file__).with_name("logbook.yaml"))


@dataclass(frozen=True)
class Name:
    """What a name stands for: the columns that it may mean, none for a stranger to the card.

    A level of a category has its name as `value`. A weak name ("wire") needs more beside it;
    a negative one ("drag") turns the sign of its number.
    """

    kind: Kind
    columns: tuple[str, ...] = ()
    value: str = ""
    strong: bool = True
    negative: bool = False


@lru_cache(maxsize=4)
def lexicon(card: str) -> "Lexicon":
    """The lexicon of a card, given as JSON; it takes half a second to build."""
    return Lexicon(Card.model_validate_json(card))


class Lexicon:
    """The words of logs, as far as a card has what they name, and their patterns.

    `named`: first character -> patterns and what they stand for, so that a long text is cut
    quickly. `number` finds a number with its sign, range and unit, `unit` a unit behind a number,
    `aside` a unit in brackets, `outcomes` any word of an outcome.
    """

    def __init__(self, card: Card) -> None:
        self.card, self.words = card, vocabulary()
        roles = ("set_point", "measurement")
        self.numbers = card.named(*roles, kind="number")
        self.categories = card.named(*roles, kind="category")
        self.units = self._spelled_units()
        unit = self._unit_pattern()
        self.unit = re.compile(rf"\s*{unit}", re.IGNORECASE)
        self.aside = re.compile(rf"\s*[(\[]\s*({unit})\s*[)\]]", re.IGNORECASE)
        self.number = self._number_pattern(unit)
        self.outcomes = self._outcome_pattern()
        self.named: dict[str, list[tuple[re.Pattern, Name]]] = {}
        for pattern, name in self._names():
            first = re.match(r"\\?(\w|[^\w\s(\\])", pattern)
            key = "" if first is None or pattern.startswith(("(", "\\d")) else first[1].casefold()
            self.named.setdefault(key, []).append((re.compile(pattern, re.IGNORECASE), name))

    def of(self, name: str) -> ColumnWords:
        """The words of a column; of a column that `logbook.yaml` does not know, none."""
        return self.words.columns.get(name, ColumnWords())

    def near(self, category: str) -> tuple[str, ...]:
        """Columns whose number may stand beside a level of the category."""
        return tuple(n for n in self.numbers if f"{{{category}}}" in self.of(n).near)

    def knows(self, units: tuple[str, ...]) -> bool:
        """Whether a value with such units, or with none, may be one of the card."""
        own = {unit.casefold() for name in self.numbers for unit in self.card.columns[name].units}
        return not units or any(unit.casefold() in own for unit in units)

    def meanings(self, spelled: str, per: str | None = None) -> tuple[str, ...]:
        """Units that a spelling may mean, () for none; `per` is a word such as "per minute"."""
        text = re.sub(r"(?:\^?-1|⁻¹)$", "", spelled.casefold())
        if per:
            [time] = [name for name, words in self.words.per.items() if per in words]
            text = f"{text}/{time}"
        slashed = re.sub(r"\s*(?:/|\bper\b|·|(?<=[a-z])\s)\s*", "/", text)
        for one in (text, slashed, text.replace(" ", "")):
            if one in self.units:
                return self.units[one]
        return (spelled,) if spelled else ()

    def _spelled_units(self) -> dict[str, tuple[str, ...]]:
        """Spelling in small letters -> the units that it may mean."""
        words, found = self.words, {}
        for name, spellings in words.units.items():
            for one in spellings:
                found.setdefault(one.casefold(), []).append(name)
        for long, lengths in words.lengths.items():
            for short, times in words.times.items():
                for one in (f"{a}/{b}" for a in lengths for b in times):
                    found.setdefault(one.casefold(), []).append(f"{long}/{short}")
        for one in (unit for name in self.numbers for unit in self.card.columns[name].units):
            found.setdefault(one.casefold(), []).append(one)
        return {spelling: tuple(dict.fromkeys(names)) for spelling, names in found.items()}

    def _names(self) -> Iterator[tuple[str, Name]]:
        """Patterns of everything that has a name, with what they stand for."""
        card, words = self.card, self.words
        for name in self.categories:
            for level, known in card.columns[name].levels.items():
                for one in (level, *known.aliases, *words.levels.get(name, {}).get(level, [])):
                    end = "%?" * one.endswith("%") + r"(?![A-Za-z0-9])(?![.,]\d)" + PARTICLE
                    found = Name("level", (name,), level, strong=one not in words.alone)
                    yield loose(one, r"[\s\-_+/%]*") + end, found
            for pattern in words.unlisted.get(name, []):
                yield f"(?:{pattern})", Name("unlisted", (name,))
        for name in (*self.numbers, *self.categories):
            phrase, own = card.columns[name].phrase, self.of(name)
            for one in (*([phrase] if phrase else []), *own.words):
                yield term(one), Name("term", (name,), negative=one in own.negative)
        for one in dict.fromkeys(word for name in self.numbers for word in self.of(name).near):
            names = tuple(name for name in self.numbers if one in self.of(name).near)
            if "{" not in one:
                yield term(one), Name("term", names, strong=False)
        for one in words.others:
            yield term(one), Name("term")
        outcomes = {n: c for n, c in card.columns.items() if c.role == "outcome"}
        sizes = [(n.replace("_", " "), c.phrase) for n, c in outcomes.items() if c.kind == "number"]
        for one in (*words.outcomes, *(s for both in sizes for s in both if s)):
            yield term(one), Name("outcome", value="number")

    def _outcome_pattern(self) -> re.Pattern:
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

    def _unit_pattern(self) -> str:
        """A pattern of one unit, the longest spelling first."""
        slash = r"\s*(?:/|per\b|·|\s)\s*"
        spelled = []
        for one in sorted(self.units, key=len, reverse=True):
            pattern = re.escape(one).replace("/", slash).replace(r"\ ", r"\s?")
            if len(one) == 1 and one.isascii() and one.isalpha():
                # "A" is also a word: apart from its number only the capital letter is a unit.
                small = one if one in "mslgh" else one.upper()
                pattern = rf"(?<=\d){one}|(?-i:{small})"
            spelled.append(pattern)
        return rf"(?:{'|'.join(spelled)}|[a-z]{{1,4}}/[a-z]{{1,4}})(?:\^?-1|⁻¹)?(?![A-Za-z0-9])"

    def _number_pattern(self, unit: str) -> re.Pattern:
        """Finds a number: words such as "per minute" before it, sign, range or product, unit."""
        per = "|".join(word for words in self.words.per.values() for word in words)
        more = "|".join((
            rf"\s*(?:[-=]>|[-~–—/x*→±]|\+/-)\s*{_DIGITS}",
            rf"\s*(?:{unit})?\s*(?:[~±x]|\bto\b|에서|부터)\s*{_DIGITS}",
        ))  # fmt: skip
        return re.compile(
            rf"(?:(?P<per>{per})\s*)?(?P<sign>[+-]\s*)?(?P<digits>{_DIGITS})(?P<more>(?:{more})*)"
            rf"(?:\s*(?P<unit>{unit})|\s*[(\[](?P<aside>{unit})[)\]]|(?![A-Za-z0-9]))(?:\s?(?:정도|쯤))?{PARTICLE}",
            re.IGNORECASE,
        )


def loose(phrase: str, joints: str = r"[\s\-_]*") -> str:
    """A pattern that finds the phrase however its words are joined; "ER316L" finds "ER 316L"."""
    parts = [re.escape(part) for part in re.split(r"[\s\-_+/%]+", phrase.rstrip("*")) if part]
    parts = [re.sub(r"(?<=[A-Za-z])(?=\d)", r"[\\s-]?", part) for part in parts]
    return (joints.join(parts) or re.escape(phrase)) + r"\w*" * phrase.endswith("*")


def term(phrase: str) -> str:
    """A pattern of a name, with the particle that Korean puts behind it."""
    # "WFS6.5" and "Ø1.2": a digit may follow.
    end = r"(?![A-Za-z_])" if phrase[-1].isascii() else ""
    return loose(phrase) + end + PARTICLE + ("" if phrase[-1].isascii() else "(?![가-힣])")
