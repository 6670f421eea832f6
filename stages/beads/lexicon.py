"""The lexicon of a card: what its columns are called in a log, and a text cut into tokens."""

import re
from dataclasses import replace
from functools import lru_cache

from stages.beads.card import Card
from stages.beads.card_words import CardWords
from stages.beads.log_words import PARTICLE, Token

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
