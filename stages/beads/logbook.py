"""A free-text log of one bead, English or Korean, to values for the columns of a card.

A wrong value is worse than none: what may mean two things is a doubt and no value.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import pandas as pd

from stages.beads.card import Card
from stages.beads.errors import StudyError
from stages.beads.ledger import Ledger
from stages.beads.lexicon import Lexicon, Token, lexicon
from stages.beads.parsing import parse_column
from stages.beads.units import unit


@dataclass(frozen=True)
class Log:
    """What a log says.

    `values`: column -> text as the card's cleaning reads it, with its unit ("40 cm/min").
    `note`: what was said of the state of arc, wire, gas and plate, verbatim, or None.
    `not_understood`: verbatim pieces that were neither. `doubts`: one line each.
    """

    values: dict[str, str] = field(default_factory=dict)
    note: str | None = None
    not_understood: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def read_log(text: str, card: Card) -> Log:
    """Read a log of one bead; nothing of an outcome is ever read as a value or as a note.

    Only set-points and measurements of the card are looked for. Raises StudyError only where
    `logbook.yaml` itself is wrong.
    """
    return _Reading(unicodedata.normalize("NFC", text), lexicon(card.model_dump_json())).log()


def cleaned(text: str, card: Card, name: str) -> tuple[object, str]:
    """(value in the card's unit, "") of a cell, or (None, why the card's cleaning rejects it)."""
    headers = (column.header for column in card.columns.values())
    units = (column.unit_header for column in card.columns.values())
    raw = pd.DataFrame({h: [""] for h in (*headers, *units) if h}, dtype=str)
    raw[card.columns[name].header] = text
    ledger = Ledger()
    try:
        value = parse_column(raw, card, name, ledger, "log").iloc[0]
    except StudyError as error:
        return None, str(error)
    reasons = [entry[-1] for entry in ledger.entries if entry[3] == "rejected"]
    return (None, reasons[0]) if reasons else (value, "")


@lru_cache(maxsize=1024)
def same(one: str, other: str) -> bool:
    """Whether two spellings name the same unit; one that nobody knows is only like itself."""
    if one == other:
        return True
    try:
        return unit(one) == unit(other)
    except ValueError:
        return False


class _Reading:
    """One text on its way to a log: tokens, then what they are bound to, then what is left."""

    def __init__(self, text: str, known: Lexicon) -> None:
        self.text, self.lexicon, self.words = text, known, known.words
        self.tokens = known.cut(text)
        self.doubts: list[str] = []
        self.claims: dict[str, list[tuple[str | None, list[Token]]]] = {}
        self.checked: dict[tuple[str, str], tuple[object, str]] = {}

    def log(self) -> Log:
        self._correct()
        self._levels()
        self._named_numbers()
        self._near_numbers()
        self._bare_numbers()
        values = {name: self._settle(name) for name in self.lexicon.card.columns}
        note, rest = self._leftovers()
        found = {name: value for name, value in values.items() if value is not None}
        return Log(found, "; ".join(note) or None, rest, list(dict.fromkeys(self.doubts)))

    # What a token says

    def said(self, *tokens: Token) -> str:
        """The text from the first token to the last, verbatim."""
        return " ".join(self.text[tokens[0].start : tokens[-1].end].split())

    def span(self, tokens: list[Token]) -> str:
        """The text that the tokens cover, in whatever order they come."""
        tokens = sorted(tokens, key=lambda token: token.start)
        return self.said(tokens[0], tokens[-1])

    def is_word(self, token: Token, words: list[str]) -> bool:
        return self.said(token).casefold() in words or any(
            len(word) > 1 and word.endswith("*") and self.said(token).startswith(word[:-1])
            for word in words
        )

    def is_link(self, token: Token) -> bool:
        return token.kind in ("word", "break") and self.is_word(token, self.words.links)

    def read(self, name: str, text: str) -> tuple[object, str]:
        """(value, "") as the card's cleaning reads the text, or (None, why it does not)."""
        if (name, text) not in self.checked:
            self.checked[name, text] = cleaned(text, self.lexicon.card, name)
        return self.checked[name, text]

    def fit(self, token: Token, name: str, turned: bool = False) -> tuple[str | None, str]:
        """(text for the column, "") where the number fits there, else (None, the reason)."""
        column, digits = self.lexicon.card.columns[name], token.value
        own = self.lexicon.own_units(name)
        if token.many:
            return None, "more than one number"
        if (token.dash or (turned and digits.startswith("-"))) and (column.range or (-1,))[0] < 0:
            return None, "a minus sign or a dash"
        digits = "-" + digits.lstrip("+") if turned else digits
        if token.units:
            units = [u for u in own if any(same(u, other) for other in token.units)]
            if not units:
                return None, f"the card does not accept this unit; expected {', '.join(own)}"
        else:
            units = own if column.unit_header else [column.raw_unit or column.unit or ""]
        texts = [f"{digits} {one}".strip() for one in units]
        good = [text for text in texts if self.read(name, text)[1] == ""]
        if token.units or len(texts) == 1:
            good, texts = good[:1], texts[:1]
        if len(good) == 1:
            return good[0], ""
        return None, f"unit not said: {' or '.join(good)}" if good else self.read(name, texts[0])[1]

    # Corrections

    def _correct(self) -> None:
        """Drop what the log takes back: "6, no 6.5", "not 6.5 but 7", "7, not 6.5"."""
        places = [n for n, t in enumerate(self.tokens) if t.kind in ("number", "level")]
        denied = {n: self._denied(n) for n in places}
        for first, second in zip(places, places[1:], strict=False):
            one, two = self.tokens[first], self.tokens[second]
            gap = self.tokens[first + 1 : second]
            if one.dropped or one.kind != two.kind or not self._alike(one, two):
                continue
            words = [t for t in gap if t.kind == "word" and not self.is_link(t)]
            spoken = " ".join(self.said(t).casefold() for t in words)
            named = any(t.kind == "term" for t in gap)
            swap = bool(spoken) and (
                spoken in self.words.corrected
                or all(word in self.words.corrected for word in spoken.split())
            )
            plain = not [t for t in gap if self.said(t) in (".", ";", "\n")] and len(gap) < 8
            if swap and (named or two.kind == "level"):
                one.dropped = two.dropped = True
                self.doubts.append(f"{self.said(one, two)!r}: unclear which of the two holds")
            elif plain and not named and (swap or denied[first] != denied[second]):
                lost, kept = (one, two) if swap or denied[first] else (two, one)
                lost.dropped, kept.units = True, kept.units or lost.units
                for token in (lost, *gap, *denied[first], *denied[second]):
                    token.used = True
                denied[first] = denied[second] = []
        for n, words in denied.items():
            if words and not self.tokens[n].dropped:
                self.tokens[n].dropped = True
                self.doubts.append(f"{self.said(self.tokens[n])!r}: denied or not sure")

    def _alike(self, one: Token, two: Token) -> bool:
        if one.kind == "level":
            return one.columns == two.columns
        units = {*one.units} & {*two.units}
        return bool(units) or not (one.units and two.units)

    def _denied(self, place: int) -> list[Token]:
        """The words that deny the value at a place, [] where none does."""
        before = []
        for token in reversed(self.tokens[max(0, place - 6) : place]):
            if token.kind == "term" or self.is_link(token):
                continue
            if token.kind == "word" and self.is_word(token, self.words.fillers):
                continue
            before.insert(0, token)
            spoken = " ".join(self.said(t).casefold() for t in before)
            if spoken in self.words.denied:
                return before
            if not any(phrase.endswith(" " + spoken) for phrase in self.words.denied):
                break
        after = self.tokens[place + 1 : place + 3]
        if after and self.said(after[0]) == "?":
            return after[:1]
        for token in after:
            if self.is_word(token, self.words.denied_after):
                return [token]
            if not self.is_link(token):
                break
        return []

    # Bindings

    def claim(self, name: str, text: str | None, tokens: list[Token]) -> None:
        """Enter what the tokens say of a column; None for something that no value of it is."""
        for token in tokens:
            token.claimed = True
        self.claims.setdefault(name, []).append((text, tokens))

    def refuse(self, tokens: list[Token], reason: str) -> None:
        """Enter a doubt about tokens and leave their number alone."""
        for token in tokens:
            token.claimed = True
        self.doubts.append(f"{self.span(tokens)!r}: {reason}")

    def open_numbers(self) -> Iterator[tuple[int, Token]]:
        """Places and tokens of the numbers that nothing has claimed yet."""
        for place, token in enumerate(self.tokens):
            if token.kind == "number" and not token.dropped and not token.claimed:
                yield place, token

    def _levels(self) -> None:
        for place, token in enumerate(self.tokens):
            if token.kind == "unlisted":
                self.claim(token.columns[0], None, [token])
                self.doubts.append(f"{self.said(token)!r}: the card has no such {token.columns[0]}")
            elif token.kind == "level" and not token.dropped:
                if token.strong or self._stands_alone(place):
                    self.claim(token.columns[0], token.value, [token])

    def _stands_alone(self, place: int) -> bool:
        """Whether no word that is not understood stands in the same clause."""
        for side in (reversed(self.tokens[:place]), iter(self.tokens[place + 1 :])):
            for token in side:
                if token.kind == "break":
                    break
                known = self.is_link(token) or self.is_word(token, self.words.fillers)
                if token.kind == "word" and not known:
                    return False
        return True

    def _chains(self) -> Iterator[list[list[Token]]]:
        """Names and numbers that stand side by side, by turns; tokens of one name in one list."""
        chain: list[list[Token]] = []
        for token in self.tokens:
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
                else:
                    yield chain
                    chain = [[token]]
            elif name:
                chain.append([token])
            elif not (token.used or self.is_link(token) or token.kind in ("level", "term")):
                yield chain
                chain = []
        yield chain

    def _named_numbers(self) -> None:
        for chain in self._chains():
            if len(chain) < 2:
                continue
            first = chain[0][0].kind == "number"
            before = [(chain[n - 1], chain[n]) for n in range(1 + first, len(chain), 2)]
            after = [(chain[n + 1], chain[n]) for n in range(not first, len(chain) - 1, 2)]
            both = [self._good(pairs) for pairs in (before, after)]
            odd = first and len(chain) % 2 == 1
            if odd and all(both) and any(names[0].columns for names, _ in before):
                self.refuse([t for part in chain for t in part], "which name has which number")
                continue
            likely, other = (after, before) if first and not odd else (before, after)
            pairs = other if not self._good(likely) and self._good(other) else likely
            names, number = pairs[-1]
            if number is chain[-2] and names[0].columns == chain[-1][0].columns:
                pairs[-1] = ([*names, *chain[-1]], number)  # "torch angle 10 deg drag"
            for names, [number] in pairs:
                self._bind(names, number)

    def _good(self, pairs: list[tuple[list[Token], list[Token]]]) -> bool:
        """Whether every number fits its name; one that the card does not know takes any."""
        return bool(pairs) and all(
            not names[0].columns or self.fit(number, names[0].columns[0])[0]
            for names, [number] in pairs
        )

    def _bind(self, names: list[Token], number: Token) -> None:
        if not names[0].columns:
            number.claimed = True
            return
        [name] = names[0].columns
        text, reason = self.fit(number, name, any(token.negative for token in names))
        if text is None:
            self.refuse([*names, number], reason)
        else:
            self.claim(name, text, [*names, number])

    def _near_numbers(self) -> None:
        for place, number in self.open_numbers():
            for near in (self._beside(place, -1), self._beside(place, 1)):
                if near is None:
                    continue
                names = near.columns
                if near.kind == "level":
                    names = self.lexicon.near(near.columns[0])
                fits = {n: self.fit(number, n)[0] for n in names if self._allowed(number, n)}
                good = [name for name, text in fits.items() if text]
                if len(good) == 1:
                    tokens = [number] if near.kind == "level" else [near, number]
                    self.claim(good[0], fits[good[0]], tokens)
                    break

    def _allowed(self, number: Token, name: str) -> bool:
        """A number without a unit beside a near word: "wire 1.2" but not "wire 2"."""
        long = len(re.sub(r"\D", "", number.value)) > 1
        return bool(number.units) or (long and self.lexicon.of(name).loose)

    def _beside(self, place: int, step: int) -> Token | None:
        """The near word or level next to a place; ahead, only if no number follows it."""
        place += step
        while 0 <= place < len(self.tokens) and (
            self.is_link(self.tokens[place]) and self.tokens[place].kind == "word"
        ):
            place += step
        if not 0 <= place < len(self.tokens):
            return None
        token = self.tokens[place]
        following = self.tokens[place + 1 : place + 2] if step > 0 else []
        if following and following[0].kind == "number":
            return None
        weak = token.kind == "term" and not token.strong and not token.claimed
        return token if weak or token.kind == "level" else None

    def _bare_numbers(self) -> None:
        """Numbers with a unit alone: by plausibility, then by what is left."""
        numbers, unsure = self.lexicon.numbers, []
        for _, number in self.open_numbers():
            if not number.units:
                continue
            fits = {n: self.fit(number, n)[0] for n in numbers}
            good = [n for n, text in fits.items() if text]
            bare = [n for n in good if self.lexicon.of(n).bare]
            if len(bare) == 1:
                self.claim(bare[0], fits[bare[0]], [number])
            elif bare:
                unsure.append((number, {n: fits[n] for n in bare}))
            elif good:
                self.refuse([number], f"no name; may be {' or '.join(good)}")
            elif measured := [n for n in numbers if self._measures(number, n)]:
                self.refuse([number], f"no name, and no plausible {' or '.join(measured)}")
        order = self.words.order
        pair = [order.get(u) for number, _ in unsure for u in number.units]
        if pair == list(order.values()) and not {*pair} & {*self.claims}:
            for (number, fits), name in zip(unsure, pair, strict=True):
                self.claim(name, fits[name], [number])
            return
        for number, fits in unsure:
            left = {name: text for name, text in fits.items() if name not in self.claims}
            again = [n for n in fits if n not in left and self._said(n, fits[n])]
            if len(left) == 1 and len(unsure) == 1 and not again:
                self.claim(*next(iter(left.items())), [number])
            else:
                self.refuse([number], f"may be {' or '.join(fits)}")

    def _measures(self, number: Token, name: str) -> bool:
        own = self.lexicon.own_units(name)
        return any(same(u, other) for u in own for other in number.units)

    def _said(self, name: str, text: str) -> bool:
        """Whether the column has been given this very value."""
        value = self.read(name, text)[0]
        return any(said and self.read(name, said)[0] == value for said, _ in self.claims[name])

    def _settle(self, name: str) -> str | None:
        """The value of a column where all claims agree; None, and a doubt, where they do not."""
        claims = self.claims.get(name, [])
        if not claims or (claims[0][0] is None and len(claims) == 1):
            return None
        values = {None if text is None else self.read(name, text)[0] for text, _ in claims}
        if len(values) > 1:
            spelled = " and ".join(dict.fromkeys(repr(self.span(tokens)) for _, tokens in claims))
            self.doubts.append(f"{name}: said more than once, {spelled}")
            return None
        for _, tokens in claims:
            for token in tokens:
                token.used = True
        return claims[0][0]

    # What is left

    def _leftovers(self) -> tuple[list[str], list[str]]:
        """(clauses of the note, pieces that were not understood), verbatim and in order."""
        note, rest = [], []
        for run in self._runs():
            parts = [run]
            if self._tells_outcome(run):
                parts = list(self._split(run))
            for part in parts:
                if any(self._means(token) for token in part):
                    (note if self._is_note(part) else rest).append(self.said(part[0], part[-1]))
        return note, rest

    def _runs(self) -> Iterator[list[Token]]:
        """Neighbours that nothing has used, without the small words beside what was used."""
        run: list[Token] = []
        beside = False
        for token in [*self.tokens, None]:
            if token and not token.used and token.kind != "break":
                run.append(token)
                continue
            while token and token.used and run and self._is_small(run[-1]):
                run.pop()
            while beside and run and self._is_small(run[0]):
                run.pop(0)
            if run:
                yield run
            run, beside = [], bool(token and token.used)

    def _split(self, run: list[Token]) -> Iterator[list[Token]]:
        part: list[Token] = []
        for token in run:
            if self.is_word(token, self.words.splits):
                if part:
                    yield part
                part = []
            else:
                part.append(token)
        if part:
            yield part

    def _is_small(self, token: Token) -> bool:
        return self.is_link(token) or self.is_word(token, self.words.fillers)

    def _means(self, token: Token) -> bool:
        """Whether the token says something: no small word, no name of a value that is read."""
        if token.kind == "term" and not token.strong:
            return False
        if token.kind == "term" and token.columns and token.columns[0] in self.claims:
            return token.columns[0] not in self.lexicon.categories
        return not self._is_small(token) and any(c.isalnum() for c in self.said(token))

    def _tells_outcome(self, run: list[Token]) -> bool:
        return bool(self.lexicon.outcomes.search(self.said(run[0], run[-1])))

    def _is_note(self, run: list[Token]) -> bool:
        said = self.said(run[0], run[-1])
        if self._tells_outcome(run):
            return False
        if re.search(self.words.conditions, said, re.IGNORECASE):
            return True
        subject = re.compile(self.words.subjects, re.IGNORECASE)
        return bool(subject.search(said)) and any(
            token.kind == "word" and self._means(token) and not subject.search(self.said(token))
            for token in run
        )
