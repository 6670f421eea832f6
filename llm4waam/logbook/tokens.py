"""A free text cut into tokens, and what each token says."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from llm4waam.logbook.lexicon import Kind, Lexicon, compiled

# One character each, so that places in the text stay.
ALIKE = str.maketrans("−‐‑＋，．×✕％", "---+,.xx%")
_WORD = re.compile(
    r"(?:no|nr|ca|approx|subst|slt|bef)\.(?=\s)|"
    r"[A-Za-z][A-Za-z0-9']*(?:[-.+][A-Za-z0-9]+)*|[가-힣]+|\d[\w.,%-]*\w|\w+|\S"
)
_INCHES = re.compile(r"(?:(\d)[ -])?(\d{1,2})/(\d{1,2})")
_LEADS = re.compile(r"[-=]>|→|\bto\b|에서|부터", re.IGNORECASE)
_TO_BEHIND = re.compile(r"\s*(?:으로|로)(?![가-힣])")
_TO_BEFORE = re.compile(r"\bto\s+$", re.IGNORECASE)
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*|\.\d+")
_BREAK = re.compile(r"[,;!?\n。、()\[\]]|\.(?!\d)|(?<=\s)[-–—|/](?=\s)")


@dataclass
class Token:
    """A piece text[start:end]. `columns` are those that it may stand for, none for a stranger.

    A number has `value` (its digits) and `units`, every unit that its spelling may mean; `many` is
    a range or product, and `last` the digits at its end where it goes from one value to another;
    `dash` is a sign that may be a dash, `to` a particle or word that leads to the value. A level
    has its name as `value`.
    """

    start: int
    end: int
    kind: Kind
    columns: tuple[str, ...] = ()
    value: str = ""
    units: tuple[str, ...] = ()
    strong: bool = True
    negative: bool = False
    many: bool = False
    last: str = ""
    dash: bool = False
    to: bool = False
    used: bool = False
    claimed: bool = False
    dropped: bool = False


def cut(text: str, lexicon: Lexicon) -> list[Token]:
    """All tokens of the text, in order; nothing but white space lies between them."""
    plain, place, tokens = text.translate(ALIKE), 0, []
    while place < len(text):
        if plain[place].isspace() and plain[place] != "\n":
            place += 1
            continue
        tokens.append(_next(plain, place, lexicon))
        place = tokens[-1].end
    return tokens


def _next(plain: str, place: int, lexicon: Lexicon) -> Token:
    if found := _BREAK.match(plain, place):
        return Token(place, found.end(), "break")
    options = (*lexicon.named.get(plain[place].casefold(), ()), *lexicon.named.get("", ()))
    best, end = None, place
    for pattern, name in options:
        found = compiled(pattern).match(plain, place)
        if not found or found.end() <= end:
            continue
        # "AlMg 5 m/min" holds no AlMg5, and "ER70S 6.5" no ER70S-6.
        digit = name.kind in ("level", "unlisted") and found[0].rstrip()[-1].isdigit()
        digit &= len(found[0].split()) > 1 or found[0].isdigit()
        if not (digit and lexicon.unit.match(plain, found.end())):
            best, end = name, found.end()
    if best:
        # "WFS (m/min): 6.5"
        beside = lexicon.aside.match(plain, end) if best.kind == "term" else None
        units = lexicon.meanings(beside[1]) if beside else ()
        end = beside.end() if beside else end
        return Token(place, end, **vars(best), units=units)
    found = lexicon.number.match(plain, place)
    if not found:
        return Token(place, _WORD.match(plain, place).end(), "word")
    return _number(plain, place, found, lexicon)


def _number(plain: str, place: int, found: re.Match, lexicon: Lexicon) -> Token:
    sign, digits = (found["sign"] or "").strip(), found["digits"]
    units = lexicon.meanings(found["unit"] or found["aside"] or "", found["per"])
    many, last = bool(found["more"]), ""
    if _INCHES.fullmatch(digits):
        whole, over, under = (int(part or 0) for part in _INCHES.fullmatch(digits).groups())
        inches = over < under and (not units or "in" in units) and not many
        many = not inches
        if inches:
            digits, units = f"{whole + over / under:.6g}", ("in",)
    elif not units and not sign and _as_inches(digits) in lexicon.words.inch_wires:
        digits, units = _as_inches(digits), ("in",)
    if many and _LEADS.search(found["more"]):
        last = _DIGITS.findall(found["more"])[-1]
    tight = bool(sign) and found["sign"] == sign
    before = plain[:place].rstrip()[-1:]
    dash = sign == "-" and (not tight or plain[place - 1 : place].isalnum())
    dash |= not sign and before in ("-", "–", "—") and bool(before)
    value = ("" if dash or sign != "-" else "-") + digits
    to = found[0].endswith("로") or bool(_TO_BEHIND.match(plain, found.end()))
    to |= bool(_TO_BEFORE.search(plain[max(0, place - 6) : place]))
    kinds = {"many": many, "last": last, "dash": dash, "to": to}
    return Token(place, found.end(), "number", value=value, units=units, **kinds)


def _as_inches(digits: str) -> str:
    """A wire as it is written without its unit, such as 045 and 0.045: ".045"."""
    if re.fullmatch(r"0\d\d", digits):
        return f".{digits}"
    return digits[1:] if digits.startswith("0.0") else digits


class LogText:
    """One text with its tokens, which the readers of this text mark as used, claimed, dropped."""

    def __init__(self, text: str, lexicon: Lexicon) -> None:
        self.text, self.lexicon, self.words = text, lexicon, lexicon.words
        self.tokens = cut(text, lexicon)
        self._part_twofold()
        for place, token in enumerate(self.tokens):
            if token.kind == "missing" and not self._says_missing(place):
                token.kind = "word"
        for place, token in enumerate(self.tokens):
            named = token.kind in ("level", "unlisted")
            if named and (self._counted(place) or not (token.strong or self._stands_alone(place))):
                # "straight argon 35 cfh" does not tell the gas, and yet whose flow it is.
                near = self.lexicon.near_words.get(self.said(token).casefold(), ())
                token.kind, token.columns = ("term" if near else "word"), near

    def _says_missing(self, place: int) -> bool:
        """Whether a name stands before a word for "no value"; then both are understood."""
        for token in reversed(self.tokens[:place]):
            if token.kind == "term" and token.columns:
                token.used = self.tokens[place].used = True
                return True
            if not self.is_link(token):
                break
        return False

    def _part_twofold(self) -> None:
        """Make the first of "이송속도 6.5 m/min, 용접속도 8 mm/s" a name of two columns."""
        twofold = {
            id(token): name
            for token in self.tokens
            if token.kind == "term"
            and token.columns
            and (other := self.words.twofold.get(self.said(token).replace(" ", "")))
            and (name := self.lexicon.column_of(other))
        }
        plain = {t.columns for t in self.tokens if t.kind == "term" and id(t) not in twofold}
        for token in self.tokens:
            if id(token) in twofold and token.columns in plain:
                token.columns, token.strong = (*token.columns, twofold[id(token)]), False

    def said(self, *tokens: Token) -> str:
        """The text from the first token to the last, verbatim."""
        return " ".join(self.text[tokens[0].start : tokens[-1].end].split())

    def span(self, tokens: list[Token]) -> str:
        """The text that the tokens cover, in whatever order they come."""
        tokens = sorted(tokens, key=lambda token: token.start)
        return self.said(tokens[0], tokens[-1])

    def is_word(self, token: Token, words: list[str]) -> bool:
        """Whether the token is one of the words; "weld*" stands for all that begin with it."""
        return self.said(token).casefold() in words or any(
            len(word) > 1 and word.endswith("*") and self.said(token).startswith(word[:-1])
            for word in words
        )

    def is_link(self, token: Token) -> bool:
        """Whether the token may stand between a name and its number: "is", "of", ":"."""
        return token.kind in ("word", "break") and self.is_word(token, self.words.links)

    def is_small(self, token: Token) -> bool:
        """Whether the token alone says nothing: "ran", "with", "at"."""
        return self.is_link(token) or self.is_word(token, self.words.fillers)

    def plainly(self, tokens: list[Token]) -> str:
        """The tokens' texts in small letters, joined by single spaces."""
        return " ".join(self.said(token).casefold() for token in tokens)

    def name_before(self, place: int) -> str | None:
        """The column whose name stands directly before a token, None for none."""
        for token in reversed(self.tokens[:place]):
            if token.kind == "term" and token.strong:
                return token.columns[0] if len(token.columns) == 1 else None
            if not self.is_link(token):
                break
        return None

    def chains(self) -> Iterator[list[list[Token]]]:
        """Names and numbers that stand side by side, by turns; tokens of one name in one list."""
        chain: list[list[Token]] = []
        last: Token | None = None
        for token in self.tokens:
            beside, last = last, token
            name = token.kind == "outcome" or (
                token.kind == "term"
                and token.strong
                and not (token.columns and token.columns[0] in self.lexicon.categories)
            )
            if token.kind == "number" and not token.dropped:
                if chain and chain[-1][0].kind == "number":
                    yield chain
                    chain = []
                chain.append([token])
            elif name and chain and chain[-1][0].kind != "number":
                if chain[-1][0].columns == token.columns:
                    chain[-1].append(token)
                elif beside is chain[-1][-1] and not (chain[-1][0].columns and token.columns):
                    # "background current", "arc time": of something else.
                    chain[-1] = sorted((*chain[-1], token), key=lambda one: len(one.columns))
                else:
                    yield chain
                    chain = [[token]]
            elif name:
                chain.append([token])
            elif self._alloy(token) and chain and not chain[-1][0].columns:
                yield chain  # "job: Ti64 1.2 mm"
                chain = []
            elif not (token.used or self.is_link(token) or token.kind in ("level", "term")):
                yield chain
                chain = []
        yield chain

    def _counted(self, place: int) -> bool:
        """Whether what looks like an alloy is the number of something: "heat no. 4043"."""
        before = self.tokens[place - 1 : place] if place else []
        digits = self.said(self.tokens[place]).isdigit()
        return digits and bool(before) and self.is_word(before[0], self.words.numbered)

    def _alloy(self, token: Token) -> bool:
        """Whether the token is a level of the material."""
        material = self.lexicon.column_of("material")
        return token.kind == "level" and token.columns == (material,)

    def _stands_alone(self, place: int) -> bool:
        """Whether no word that is not understood stands in the same clause.

        Words of a change ("switched to pulse halfway") are understood.
        """
        changes = [self.lexicon.scopes[n] for n in ("changes", "swapped", "halfway", "own")]
        for side in (reversed(self.tokens[:place]), iter(self.tokens[place + 1 :])):
            for token in side:
                if token.kind == "break":
                    break
                known = self.is_link(token) or self.is_word(token, self.words.fillers)
                known |= token.kind == "word" and any(p.search(self.said(token)) for p in changes)
                if token.kind == "word" and not known:
                    return False
                if self.lexicon.scopes["plates"].match(self.said(token)):
                    return False
        return True
