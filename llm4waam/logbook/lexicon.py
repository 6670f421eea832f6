"""What the columns, levels and units of a card are called in the free text of a shop floor.

The general words stand in `logbook.yaml` and in `card/welding_words.yaml`; a card adds its own: the
names, headers, phrases and meanings of its columns, its levels and aliases, its units. Together
they are the lexicon: patterns by which `tokens` cuts a text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

from llm4waam.card import vocabulary as welding
from llm4waam.card.card import Card
from llm4waam.card.quantities import accepted, meanings
from llm4waam.cleaning.guesses import unit_of_header
from llm4waam.core.settings import Section, read_yaml

Kind = Literal["level", "unlisted", "term", "number", "outcome", "missing", "word", "break"]
WORDS = 5  # of a name at most: a longer meaning is a sentence
PARTICLE = "(?:(?:은|는|이|가|을|를|의|로|으로|도|만|에|에서|와|과|으로는)(?![가-힣]))?"

_PLAIN_DIGITS = r"(?:\d+(?:[.,]\d+)*|\.\d+)"
# "3/64" and "1-1/2" of inches.
_DIGITS = rf"(?:(?:\d[ -])?\d{{1,2}}/(?:2|4|8|16|32|64)(?![\d/.,])|{_PLAIN_DIGITS})"


class QuantityWords(Section):
    """How one quantity is named in a log; see `logbook.yaml`."""

    unit: str | None = None
    words: list[str] = []  # noqa: RUF012 (pydantic copies the defaults)
    near: list[str] = []  # noqa: RUF012
    negative: list[str] = []  # noqa: RUF012
    symbols: list[str] = []  # noqa: RUF012
    bare: bool = False
    loose: bool = False


class Scopes(Section):
    """Patterns that tell whose value a number is; see `logbook.yaml`."""

    elsewhere: str
    own: str
    ends: str
    contrasts: str
    measured: str
    planned: str
    tells: str
    machines: str
    grounds: str
    plates: str
    same: str
    exception: str
    parts: str
    changes: str
    amounts: str
    second_holds: str
    first_holds: str
    swapped: str
    halfway: str


class Vocabulary(Section):
    """All of `logbook.yaml`."""

    quantities: dict[str, QuantityWords]
    unlisted: dict[str, list[str]]
    others: list[str]
    outcomes: list[str]
    outcome_words: list[str]
    per: dict[str, list[str]]
    units: dict[str, list[str]]
    inch_wires: list[str]
    metric_wires: list[str]
    faint: list[str]
    numbered: list[str]
    twofold: dict[str, str]
    links: list[str]
    fillers: list[str]
    splits: list[str]
    corrected: list[str]
    denied: list[str]
    far: list[str]
    denied_after: list[str]
    order: dict[str, str]
    scopes: Scopes
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
        self.quantities = self._quantities()
        self.units = self._spelled_units()
        unit = self._unit_pattern()
        self.unit = re.compile(rf"\s*{unit}", re.IGNORECASE)
        self.aside = re.compile(rf"\s*[(\[]\s*({unit})\s*[)\]]", re.IGNORECASE)
        self.number = self._number_pattern(unit)
        self.outcomes = self._outcome_pattern()
        self.scopes = {
            name: re.compile(pattern) if name == "parts" else re.compile(pattern, re.IGNORECASE)
            for name, pattern in vars(self.words.scopes).items()
        }
        self.near_words: dict[str, tuple[str, ...]] = {}
        for name in self.numbers:
            for one in self.of(name).near:
                known = self.near_words.get(one.casefold(), ())
                self.near_words[one.casefold()] = (*known, name)
        self.named: dict[str, list[tuple[str, Name]]] = {}
        for pattern, name in self._names():
            first = re.match(r"\\?(\w|[^\w\s(\\])", pattern)
            key = "" if first is None or pattern.startswith(("(", "\\d")) else first[1].casefold()
            self.named.setdefault(key, []).append((pattern, name))

    def of(self, name: str) -> QuantityWords:
        """The words of a column; of one that is no quantity of `logbook.yaml`, none."""
        return self.words.quantities.get(self.quantities.get(name, ""), QuantityWords())

    def column_of(self, quantity: str) -> str | None:
        """The column that is a quantity of `logbook.yaml`, None where the card has none."""
        return next((name for name, one in self.quantities.items() if one == quantity), None)

    def near(self, category: str) -> tuple[str, ...]:
        """Columns whose number may stand beside a level of the category."""
        kind = self.quantities.get(category, "")
        return tuple(n for n in self.numbers if f"{{{kind}}}" in self.of(n).near)

    def knows(self, units: tuple[str, ...]) -> bool:
        """Whether a value with such units, or with none, may be one of the card."""
        columns = [self.card.columns[name] for name in self.numbers]
        return not units or any(accepted(u, c.units) for u in units for c in columns)

    def meanings(self, spelled: str, per: str | None = None) -> tuple[str, ...]:
        """Units that a spelling may mean, () for none; `per` is a word such as "per minute"."""
        text = re.sub(r"(?:\^?-1|⁻¹)$", "", spelled.casefold())
        if per:
            [time] = [name for name, words in self.words.per.items() if per in words]
            text = f"{text}/{time}"
        own = self.units.get(text)
        return own or meanings(text) or ((spelled,) if spelled else ())

    def names_of(self, name: str) -> list[str]:
        """What the card calls a column: name and header without their units, phrase, meaning."""
        column = self.card.columns[name]
        spelled = (name, column.header or "", column.phrase or "", column.meaning)
        bare = [unit_of_header(one)[0].replace("_", " ").strip() for one in spelled if one]
        return list(dict.fromkeys(one for one in bare if one and len(one.split()) <= WORDS))

    def _quantities(self) -> dict[str, str]:
        """Column -> the quantity of `logbook.yaml` that it is, for those that are one.

        Where two columns may be one quantity, it is the one that is called so exactly, or none.
        """
        found: dict[str, list[str]] = {}
        for name in (*self.numbers, *self.categories):
            column = self.card.columns[name]
            called = {welding.plain(one) for one in self.names_of(name)}
            for quantity, known in self.words.quantities.items():
                if column.kind == "category":
                    kind = (welding.kind_of(column) or "").replace("_", " ")
                    fits = known.unit is None and (kind == quantity if kind else True)
                else:
                    fits = bool(known.unit and column.unit and accepted(known.unit, [column.unit]))
                words = {welding.plain(one) for one in (quantity, *known.words, *known.symbols)}
                same_kind = column.kind == "category" and welding.kind_of(column) is not None
                if fits and (called & words or same_kind):
                    found.setdefault(quantity, []).append(name)
        for quantity, names in found.items():
            if len(names) > 1:
                exact = {n for n in names if quantity in {o.casefold() for o in self.names_of(n)}}
                found[quantity] = [*exact] if len(exact) == 1 else []
        return {names[0]: quantity for quantity, names in found.items() if names}

    def _spelled_units(self) -> dict[str, tuple[str, ...]]:
        """Spelling in small letters -> the units that it may mean, those of the card among them."""
        found = {spelling: [*names] for spelling, names in welding.units().items()}
        for name, spellings in self.words.units.items():
            for one in spellings:
                found.setdefault(one.casefold(), []).append(name)
        for one in (unit for name in self.numbers for unit in self.card.columns[name].units):
            if one not in found.setdefault(one.casefold(), []):
                found[one.casefold()].append(one)
        return {spelling: tuple(dict.fromkeys(names)) for spelling, names in found.items()}

    def _names(self) -> Iterator[tuple[str, Name]]:
        """Patterns of everything that has a name, with what they stand for."""
        card, words, weak = self.card, self.words, welding.words().weak
        for name in self.categories:
            column = card.columns[name]
            everybodys = welding.further_spellings(column)
            for level, known in column.levels.items():
                for one in (level, *known.aliases, *everybodys.get(level, [])):
                    yield level_pattern(one), Name("level", (name,), level, one not in weak)
            for one in welding.not_on_card(column):
                yield level_pattern(one), Name("unlisted", (name,), strong=one not in weak)
            for pattern in words.unlisted.get(self.quantities.get(name, ""), []):
                yield f"(?:{pattern})", Name("unlisted", (name,))
        for name in (*self.numbers, *self.categories):
            own = self.of(name)
            for one in self.names_of(name):
                if len(one) == 1:
                    yield rf"(?-i:{re.escape(one)})(?=\s*[=:])", Name("term", (name,))
                else:
                    yield term(one), Name("term", (name,))
            for one in own.words:
                yield term(one), Name("term", (name,), negative=one in own.negative)
            for one in own.symbols:
                yield rf"(?-i:{one})(?=\s*[=:])", Name("term", (name,))
        for one, names in self.near_words.items():
            if "{" not in one:
                yield term(one), Name("term", names, strong=False)
        for one in words.others:
            yield term(one), Name("term")
        for one in (*welding.words().missing, *card.missing):
            if re.search(r"\w", one):
                yield re.escape(one) + r"(?!\w)", Name("missing")
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
        slash = r"\s*(?:/|per\b|·|\s(?:an?\s)?)\s*"
        spelled = []
        for one in sorted(self.units, key=len, reverse=True):
            pattern = re.escape(one).replace("/", slash).replace(r"\ ", r"\s?")
            if len(one) == 1 and one.isascii() and one.isalpha():
                # "A" is also a word: apart from its number only the capital letter is a unit.
                small = one if one in "mslgh" else one.upper()
                pattern = rf"(?<=\d){one}|(?-i:{small})"
            spelled.append(pattern)
        # "V=18.5 A=150": the A is no unit.
        end = r"(?:\^?-1|⁻¹)?(?![A-Za-z0-9])(?!\s*[=:]\s*\d)"
        return rf"(?:{'|'.join(spelled)}|[a-z]{{1,4}}/[a-z]{{1,4}}){end}"

    def _number_pattern(self, unit: str) -> re.Pattern:
        """Finds a number: words such as "per minute" before it, sign, range or product, unit."""
        per = "|".join(word for words in self.words.per.values() for word in words)
        more = "|".join((
            rf"(?:\s*(?:[-=]>|[-~–—*→±]|\+/-)\s*|/){_DIGITS}",
            rf"\s*(?:mm|cm|m|in\.?|\")?\s*x\s*{_DIGITS}",  # sizes of a plate
            rf"\s*(?:{unit})?\s*(?:[~±]|[-=]>|→|\bto\b|에서|부터)\s*{_DIGITS}",
        ))  # fmt: skip
        return re.compile(
            rf"(?:(?P<per>{per})\s*)?(?P<sign>[+-]\s*)?(?P<digits>{_DIGITS})(?P<more>(?:{more})*)"
            rf"(?:\s*(?P<unit>{unit})|\s*[(\[](?P<aside>{unit})[)\]]|(?![A-Za-z0-9]))(?:\s?(?:정도|쯤))?{PARTICLE}",
            re.IGNORECASE,
        )


@cache
def compiled(pattern: str) -> re.Pattern:
    """The pattern of a name; a log needs few of the thousand, and to compile all takes seconds."""
    return re.compile(pattern, re.IGNORECASE)


def level_pattern(spelled: str) -> str:
    """A pattern of a level; "AlMg 5 m/min" and "4043 mm" are for `tokens` to refuse."""
    end = "%?" * spelled.endswith("%") + r"(?![A-Za-z0-9])(?![.,]\d)" + PARTICLE
    return r"(?<![\d.,])" * spelled[0].isdigit() + loose(spelled, r"[\s\-_+/%:]*") + end


def loose(phrase: str, joints: str = r"[\s\-_]*") -> str:
    """A pattern that finds the phrase however its words are joined; "ER316L" finds "ER 316L"."""
    parts = [re.escape(part) for part in re.split(r"[\s\-_+/%]+", phrase.rstrip("*")) if part]
    parts = [re.sub(r"(?<=[A-Za-z])(?=\d)", r"[\\s-]?", part) for part in parts]
    # "층간 온도" as well as "층간온도".
    parts = [r"\s?".join(p) if re.fullmatch("[가-힣]{4,}", p) else p for p in parts]
    return (joints.join(parts) or re.escape(phrase)) + r"\w*" * phrase.endswith("*")


def term(phrase: str) -> str:
    """A pattern of a name, with the particle that Korean puts behind it."""
    # "WFS6.5" and "Ø1.2": a digit may follow.
    end = r"(?![A-Za-z_])" if phrase[-1].isascii() else ""
    return loose(phrase) + end + PARTICLE + ("" if phrase[-1].isascii() else "(?![가-힣])")
