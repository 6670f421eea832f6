"""Which value of a log belongs to which column.

What is of something else (`scopes`) or taken back (`corrections`) is dropped before. Then the
tokens claim columns: names beside a number, near words, units alone. Whether a number fits a column
is for the cleaning of the card to say. What stays unclear is a doubt and no value.
"""

import re
from collections.abc import Iterator

from llm4waam.card.quantities import accepted
from llm4waam.logbook.fits import Fits
from llm4waam.logbook.scopes import clauses_of
from llm4waam.logbook.tokens import LogText, Token


class Claims:
    """What the tokens of a text say of the columns, found in order; the rest is in `doubts`.

    `claims`: column -> (text as the cleaning reads it, the tokens that say so).
    """

    def __init__(self, log: LogText, fits: Fits) -> None:
        self.log, self.fits = log, fits
        self.claims: dict[str, list[tuple[str | None, list[Token]]]] = {}
        self.strange: dict[str, list[Token]] = {}  # values that may be another's, by column
        self.column: dict[int, str] = {}  # by the token's id
        self.doubts: list[str] = []
        self.clauses = {id(t): clause for clause in clauses_of(log) for t in clause.tokens}
        self._levels()
        self._named_numbers()
        self._measured_numbers()
        self._wires()
        self._near_numbers()
        self._bare_numbers()
        self._measured_numbers(told=True)

    def value_of(self, name: str) -> str | None:
        """The value of a column where all claims agree; None, and a doubt, where they do not."""
        claims = self.claims.get(name, [])
        if all(text is None for text, _ in claims):
            return None
        claims = self._as_measured(claims)
        values = {None if text is None else self.fits.read(name, text)[0] for text, _ in claims}
        signs = [t for t in self.log.tokens if t.negative and t.columns == (name,)]
        if not all(token.claimed for token in signs):  # "torch angle 10 deg, in drag"
            self.doubts.append(f"{name}: {self.log.said(signs[0])!r} may turn its sign")
            return None
        measured = self.log.lexicon.scopes["measured"]
        bare = [
            tokens
            for _, tokens in claims
            if not any((t.kind == "term" and t.strong) or self._is(t, measured) for t in tokens)
        ]
        if name in self.strange and bare:
            others = [repr(self.log.said(token)) for token in self.strange[name]]
            spelled = dict.fromkeys([*(repr(self.log.span(tokens)) for tokens in bare), *others])
            self.doubts.append(f"{name}: said more than once, {' and '.join(spelled)}")
            return None
        if len(values) > 1:
            spelled = dict.fromkeys(repr(self.log.span(tokens)) for _, tokens in claims)
            self.doubts.append(f"{name}: said more than once, {' and '.join(spelled)}")
            return None
        for _, tokens in claims:
            for token in tokens:
                token.used = True
        return claims[0][0]

    def _levels(self) -> None:
        """Levels of categories claim their column; what is not on the card is a doubt."""
        for token in self.log.tokens:
            if token.kind == "unlisted" and not token.dropped:
                self._claim(token.columns[0], None, [token])
                self.doubts.append(f"{self.log.said(token)!r}: not on the card")
            elif token.kind == "level" and not token.dropped:
                self._claim(token.columns[0], token.value, [token])

    def _named_numbers(self) -> None:
        """Numbers before or behind names: whichever of the two fits throughout a chain."""
        for chain in self.log.chains():
            if len(chain) < 2:
                continue
            first = chain[0][0].kind == "number"
            before = [(chain[n - 1], chain[n]) for n in range(1 + first, len(chain), 2)]
            after = [(chain[n + 1], chain[n]) for n in range(not first, len(chain) - 1, 2)]
            both = [self._good(pairs) for pairs in (before, after)]
            odd = first and len(chain) % 2 == 1
            if odd and all(both) and any(names[0].columns for names, _ in before):
                self._refuse([t for part in chain for t in part], "which name has which number")
                continue
            likely, other = (after, before) if first and not odd else (before, after)
            pairs = other if not self._good(likely) and self._good(other) else likely
            names, number = pairs[-1]
            if number is chain[-2] and names[0].columns == chain[-1][0].columns:
                pairs[-1] = ([*names, *chain[-1]], number)  # "torch angle 10 deg drag"
            if not self._good(pairs):
                pairs = self._one_by_one(chain) or pairs
            for names, [number] in pairs:
                number.units = number.units or names[0].units
                self._bind(names, number)

    def _one_by_one(self, chain: list[list[Token]]) -> list[tuple[list[Token], list[Token]]]:
        """Pairs of a chain in which some number has no name: each by the one name that it fits."""
        found: list[tuple[list[Token], list[Token]]] = []
        for place, part in enumerate(chain):
            if part[0].kind != "number" or not part[0].units:
                continue
            beside = [chain[n] for n in (place - 1, place + 1) if 0 <= n < len(chain)]
            good = [names for names in beside if names[0].columns and self._good([(names, part)])]
            if len(good) == 1 and good[0] not in [names for names, _ in found]:
                found.append((good[0], part))
        return found

    def _good(self, pairs: list[tuple[list[Token], list[Token]]]) -> bool:
        """Whether every number fits its name; one that the card does not know takes any."""
        return bool(pairs) and all(
            not names[0].columns
            or self.fits.fit(number, names[0].columns[0], beside=names[0].units, per_minute=True)[0]
            for names, [number] in pairs
        )

    def _bind(self, names: list[Token], number: Token) -> None:
        if not names[0].columns:
            number.claimed = True
            return
        [name] = names[0].columns
        turned = any(token.negative for token in names)
        spoken = any(self.log.said(token).casefold() != "travel" for token in names)
        text, reason = self.fits.fit(number, name, turned, per_minute=spoken)
        if text is None:
            self._refuse([*names, number], reason)
        else:
            self._claim(name, text, [*names, number])

    def _measured_numbers(self, told: bool = False) -> None:
        """Name the second number of "CTWD 15 mm nominal, really 18 mm" by the first.

        `told`: only that of a meter or a person, such as "12 L/min, but the flow meter said 9".
        """
        named = None
        for place, token in enumerate(self.log.tokens):
            if token.kind != "number":
                continue
            own = self.clauses[id(token)].own and not token.claimed and not token.dropped
            own &= not told or self._is(token, self.log.lexicon.scopes["tells"])
            if own and named and (text := self.fits.fit(token, named)[0]):
                self._claim(named, text, [token])
            named = self.column.get(id(token)) or self.log.name_before(place)

    def _is(self, token: Token, pattern: re.Pattern) -> bool:
        """Whether the pattern stands in the token's clause."""
        return self.clauses[id(token)].says(pattern)

    def _as_measured(
        self, claims: list[tuple[str | None, list[Token]]]
    ) -> list[tuple[str | None, list[Token]]]:
        """The claims that were measured, where others were only set; else all."""
        scopes = self.log.lexicon.scopes
        pattern = scopes["exception" if scopes["same"].search(self.log.text) else "measured"]
        there = [one for one in claims if any(self._is(token, pattern) for token in one[1])]
        return there if there and len({text for text, _ in claims}) > 1 else claims

    def _wires(self) -> None:
        """Wires without a name: ".045" anywhere, "1.2" alone in its clause."""
        name, words = self.log.lexicon.column_of("wire diameter"), self.log.words
        for _, number in self._open_numbers() if name else ():
            inches = number.units == ("in",) and number.value in words.inch_wires
            bare = not number.units and number.value in words.metric_wires
            bare = bare and all(
                token is number or self.log.is_small(token)
                for token in self.clauses[id(number)].tokens
            )
            text = self.fits.fit(number, name)[0] if inches or bare else None
            if text and not self._of_plate(number):
                self._claim(name, text, [number])

    def _strange(self, number: Token) -> bool:
        """Whether a word that is not understood stands in the clause of a number."""
        tokens = self.clauses[id(number)].tokens
        return any(t.kind == "word" and not self.log.is_small(t) for t in tokens)

    def _of_plate(self, number: Token) -> bool:
        """Whether a length stands in a clause of the plate, or of what else is no bead."""
        length = not number.units or any(accepted(unit, ["mm"]) for unit in number.units)
        return length and self._is(number, self.log.lexicon.scopes["grounds"])

    def _near_numbers(self) -> None:
        """Numbers beside a weak name or a level, where they fit one column: "wire 1.2"."""
        for place, number in self._open_numbers():
            for near in (self._beside(place, -1), self._beside(place, 1)):
                if near is None:
                    continue
                names = near.columns
                if {*near.columns} & {*self.log.lexicon.categories}:
                    names = self.log.lexicon.near(near.columns[0])
                # "argon 18 L", "속도 80 cm"
                flow = "L" in number.units or "속도" in self.log.said(near)
                fits = {
                    n: self.fits.fit(number, n, per_minute=flow)[0]
                    for n in names
                    if self._allowed(number, n)
                }
                good = [name for name, text in fits.items() if text]
                signed = good and self.log.lexicon.card.columns[good[0]].bounds[0] < 0
                if signed and self._strange(number):  # "torch 10 deg back"
                    self._refuse([number], "which way it leans is not clear")
                    break
                if good and self._of_plate(number):
                    self._refuse([number], "may be of the plate or of a gap")
                    break
                if len(good) == 1:
                    tokens = [near, number] if near.kind == "term" else [number]
                    self._claim(good[0], fits[good[0]], tokens)
                    break

    def _allowed(self, number: Token, name: str) -> bool:
        """A number without a unit beside a near word: "wire 1.2" but not "wire 2"."""
        long = len(re.sub(r"\D", "", number.value)) > 1
        return bool(number.units) or (long and self.log.lexicon.of(name).loose)

    def _beside(self, place: int, step: int) -> Token | None:
        """The near word or level next to a place; ahead, only if no number follows it."""
        place += step
        while 0 <= place < len(self.log.tokens) and (
            self.log.is_link(self.log.tokens[place]) and self.log.tokens[place].kind == "word"
        ):
            place += step
        if not 0 <= place < len(self.log.tokens):
            return None
        token = self.log.tokens[place]
        following = self.log.tokens[place + 1 : place + 2] if step > 0 else []
        if following and following[0].kind == "number":
            return None
        named = bool({*token.columns} & {*self.log.lexicon.categories})  # "보호가스 15리터"
        weak = token.kind == "term" and not token.claimed and (named or not token.strong)
        return token if weak or token.kind in ("level", "unlisted") else None

    def _bare_numbers(self) -> None:
        """Numbers with a unit alone: by plausibility, then by what is left."""
        numbers, unsure = self.log.lexicon.numbers, []
        for place, number in self._open_numbers():
            if not number.units:
                continue
            fits = {n: self.fits.fit(number, n)[0] for n in numbers}
            good = [n for n, text in fits.items() if text]
            bare = [n for n in good if self.log.lexicon.of(n).bare]
            strange = self._strange_beside(place) if bare and not number.to else ""
            if strange:  # "clutch 24 V", and "8 mm/s or 10 mm/s": then no other is read either
                self._refuse([number], f"may be another's: {strange!r}")
                for name in bare:
                    self.strange.setdefault(name, []).append(number)
            elif len(bare) == 1:
                self._claim(bare[0], fits[bare[0]], [number])
            elif bare:
                unsure.append((number, {n: fits[n] for n in bare}))
            elif len(good) == 1 and self._temperature(number, good[0]):
                self._claim(good[0], fits[good[0]], [number])
            elif good:
                self._refuse([number], f"no name; may be {' or '.join(good)}")
            elif measured := [n for n in numbers if self.fits.measures(number, n)]:
                reason = f"no name, and no plausible {' or '.join(measured)}"
                self._refuse([number], "more than one number" if number.many else reason)
        order = {u: self.log.lexicon.column_of(q) for u, q in self.log.words.order.items()}
        pair = [order.get(u) for number, _ in unsure for u in number.units]
        if pair == list(order.values()) and not {None, *self.claims} & {*pair}:
            for (number, fits), name in zip(unsure, pair, strict=True):
                self._claim(name, fits[name], [number])
            return
        for number, fits in unsure:
            left = {name: text for name, text in fits.items() if name not in self.claims}
            again = [n for n in fits if n not in left and self._said_already(n, fits[n])]
            if len(left) == 1 and len(unsure) == 1 and not again:
                self._claim(*next(iter(left.items())), [number])
            else:
                self._refuse([number], f"may be {' or '.join(fits)}")

    def _temperature(self, number: Token, name: str) -> bool:
        """Whether a temperature is named in the clause: "preheated with the torch to 120 C"."""
        tokens = [t for t in self.clauses[id(number)].tokens if t.kind == "term"]
        heat = any(accepted(unit, ["degC"]) for unit in number.units) and "degC" in number.units
        return heat and any(name in t.columns for t in tokens) and all(t.columns for t in tokens)

    def _strange_beside(self, place: int) -> str:
        """The word beside a number that names it as something unknown, "" where there is none."""
        token = self.log.tokens[place - 1] if place else None
        if token is None or token.kind != "word" or token.used or self.log.is_small(token):
            return ""
        said, number = self.log.said(token), self.log.tokens[place]
        electric = any(accepted(unit, ("V", "A")) for unit in number.units)
        proper = said != said.lower() and not electric  # "AlMg 5 m/min"; but "Kemppi 350 A"
        symbols = [one for q in self.log.words.quantities.values() for one in q.symbols]
        scopes = ("own", "measured", "planned", "changes", "amounts", "parts")
        known = any(self.log.lexicon.scopes[n].search(said) for n in scopes)
        known |= bool(re.search(self.log.words.conditions, said)) or said in symbols
        return "" if known or proper or not said[0].isalpha() else said

    def _claim(self, name: str, text: str | None, tokens: list[Token]) -> None:
        """Enter what the tokens say of a column; None for something that no value of it is."""
        for token in tokens:
            token.claimed = True
            self.column[id(token)] = name
        self.claims.setdefault(name, []).append((text, tokens))

    def _refuse(self, tokens: list[Token], reason: str) -> None:
        """Enter a doubt about tokens and leave their number alone."""
        for token in tokens:
            token.claimed = True
        self.doubts.append(f"{self.log.span(tokens)!r}: {reason}")

    def _open_numbers(self) -> Iterator[tuple[int, Token]]:
        """Places and tokens of the numbers that nothing has claimed yet."""
        for place, token in enumerate(self.log.tokens):
            if token.kind == "number" and not token.dropped and not token.claimed:
                yield place, token

    def _said_already(self, name: str, text: str) -> bool:
        """Whether the column has been given this very value."""
        value = self.fits.read(name, text)[0]
        return any(said and self.fits.read(name, said)[0] == value for said, _ in self.claims[name])
