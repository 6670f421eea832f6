"""The lexicon of a card: what its columns are called in a log, and a text cut into tokens.

What a card's columns, levels and units are called in a log.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from llm4waam.card.card import Card
from llm4waam.logbook.tokens import PARTICLE, ColumnWords, Token, loose, term, vocabulary


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


# One character each, so that places in the text stay.
ALIKE = str.maketrans("−‐‑＋，．×✕％", "---+,.xx%")
_DIGITS = r"(?:\d+(?:[.,]\d+)*|\.\d+)"
_WORD = re.compile(
    r"(?:no|nr|ca|approx|subst|slt|bef)\.(?=\s)|"
    r"[A-Za-z][A-Za-z0-9']*(?:[-.+][A-Za-z0-9]+)*|[가-힣]+|\d[\w.,%-]*\w|\w+|\S"
)
_BREAK = re.compile(r"[,;!?\n。、()\[\]]|\.(?!\d)|(?<=\s)[-–—|/](?=\s)")


@lru_cache(maxsize=4)
def lexicon(card: str) -> "Lexicon":
    """The lexicon of a card, given as JSON; it takes half a second to build."""
    return Lexicon(Card.model_validate_json(card))


class Lexicon(CardWords):
    """A card's words, made ready to cut texts."""

    def __init__(self, card: Card) -> None:
        super().__init__(card)
        self.units = self.spelled_units()
        self.number = self._number()
        self.outcomes = self.outcome_words()
        self.named: dict[str, list[tuple[re.Pattern, Token]]] = {}
        for pattern, token in self.names():
            # By the first character, so that a long text is cut quickly.
            first = re.match(r"\\?(\w|[^\w\s(\\])", pattern)
            key = "" if first is None or pattern.startswith(("(", "\\d")) else first[1].casefold()
            self.named.setdefault(key, []).append((re.compile(pattern, re.IGNORECASE), token))

    def cut(self, text: str) -> list[Token]:
        """All tokens of the text, in order; nothing but white space lies between them."""
        plain, place, tokens = text.translate(ALIKE), 0, []
        while place < len(text):
            if plain[place].isspace() and plain[place] != "\n":
                place += 1
                continue
            tokens.append(self._next(plain, place))
            place = tokens[-1].end
        return tokens

    def _next(self, plain: str, place: int) -> Token:
        if found := _BREAK.match(plain, place):
            return Token(place, found.end(), "break")
        options = (*self.named.get(plain[place].casefold(), ()), *self.named.get("", ()))
        best, end = None, place
        for pattern, token in options:
            found = pattern.match(plain, place)
            if not found or found.end() <= end:
                continue
            # "AlMg 5 m/min" holds no AlMg5, and "ER70S 6.5" no ER70S-6.
            digit = token.kind == "level" and found[0][-1].isdigit() and len(found[0].split()) > 1
            if not (digit and self.unit.match(plain, found.end())):
                best, end = token, found.end()
        if best:
            # "WFS (m/min): 6.5"
            beside = self.aside.match(plain, end) if best.kind == "term" else None
            units = self.meanings(beside[1]) if beside else ()
            return replace(best, start=place, end=beside.end() if beside else end, units=units)
        found = self.number.match(plain, place)
        if not found:
            return Token(place, _WORD.match(plain, place).end(), "word")
        sign = (found["sign"] or "").strip()
        units = self.meanings(found["unit"] or found["aside"] or "", found["per"])
        tight = bool(sign) and found["sign"] == sign
        before = plain[:place].rstrip()[-1:]
        dash = sign == "-" and (not tight or plain[place - 1 : place].isalnum())
        dash |= not sign and before in ("-", "–", "—") and bool(before)
        value = ("" if dash or sign != "-" else "-") + found["digits"]
        many = bool(found["more"])
        return Token(place, found.end(), "number", value=value, units=units, many=many, dash=dash)

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

    def _number(self) -> re.Pattern:
        slash = r"\s*(?:/|per\b|·|\s)\s*"
        spelled = []
        for one in sorted(self.units, key=len, reverse=True):
            pattern = re.escape(one).replace("/", slash).replace(r"\ ", r"\s?")
            if len(one) == 1 and one.isascii() and one.isalpha():
                # "A" is also a word: apart from its number only the capital letter is a unit.
                small = one if one in "mslgh" else one.upper()
                pattern = rf"(?<=\d){one}|(?-i:{small})"
            spelled.append(pattern)
        unit = rf"(?:{'|'.join(spelled)}|[a-z]{{1,4}}/[a-z]{{1,4}})(?:\^?-1|⁻¹)?(?![A-Za-z0-9])"
        self.aside = re.compile(rf"\s*[(\[]\s*({unit})\s*[)\]]", re.IGNORECASE)
        self.unit = re.compile(rf"\s*{unit}", re.IGNORECASE)
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
