"""Which column each value of a log belongs to."""

import re

from stages.beads.log_claims import Claims
from stages.beads.log_text import LogText
from stages.beads.log_words import Token


class Bindings(Claims):
    """The claims of a text, found in order.

    Names beside a number come first, then near words, then units alone. What stays unclear is
    entered in `doubts`.
    """

    def __init__(self, log: LogText) -> None:
        super().__init__(log)
        self._levels()
        self._named_numbers()
        self._near_numbers()
        self._bare_numbers()

    def _levels(self) -> None:
        for token in self.log.tokens:
            if token.kind == "unlisted":
                self.claim(token.columns[0], None, [token])
                self.doubts.append(f"{self.log.said(token)!r}: not on the card")
            elif token.kind == "level" and not token.dropped:
                self.claim(token.columns[0], token.value, [token])

    def _named_numbers(self) -> None:
        for chain in self.log.chains():
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
                number.units = number.units or names[0].units
                self._bind(names, number)

    def _good(self, pairs: list[tuple[list[Token], list[Token]]]) -> bool:
        """Whether every number fits its name; one that the card does not know takes any."""
        return bool(pairs) and all(
            not names[0].columns
            or self.fits.fit(number, names[0].columns[0], beside=names[0].units)[0]
            for names, [number] in pairs
        )

    def _bind(self, names: list[Token], number: Token) -> None:
        if not names[0].columns:
            number.claimed = True
            return
        [name] = names[0].columns
        text, reason = self.fits.fit(number, name, any(token.negative for token in names))
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
                    names = self.log.lexicon.near(near.columns[0])
                fits = {n: self.fits.fit(number, n)[0] for n in names if self._allowed(number, n)}
                good = [name for name, text in fits.items() if text]
                if len(good) == 1:
                    tokens = [number] if near.kind == "level" else [near, number]
                    self.claim(good[0], fits[good[0]], tokens)
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
        weak = token.kind == "term" and not token.strong and not token.claimed
        return token if weak or token.kind == "level" else None

    def _bare_numbers(self) -> None:
        """Numbers with a unit alone: by plausibility, then by what is left."""
        numbers, unsure = self.log.lexicon.numbers, []
        for _, number in self.open_numbers():
            if not number.units:
                continue
            fits = {n: self.fits.fit(number, n)[0] for n in numbers}
            good = [n for n, text in fits.items() if text]
            bare = [n for n in good if self.log.lexicon.of(n).bare]
            if len(bare) == 1:
                self.claim(bare[0], fits[bare[0]], [number])
            elif bare:
                unsure.append((number, {n: fits[n] for n in bare}))
            elif good:
                self.refuse([number], f"no name; may be {' or '.join(good)}")
            elif measured := [n for n in numbers if self.fits.measures(number, n)]:
                reason = f"no name, and no plausible {' or '.join(measured)}"
                self.refuse([number], "more than one number" if number.many else reason)
        order = self.log.words.order
        pair = [order.get(u) for number, _ in unsure for u in number.units]
        if pair == list(order.values()) and not {*pair} & {*self.claims}:
            for (number, fits), name in zip(unsure, pair, strict=True):
                self.claim(name, fits[name], [number])
            return
        for number, fits in unsure:
            left = {name: text for name, text in fits.items() if name not in self.claims}
            again = [n for n in fits if n not in left and self.said_already(n, fits[n])]
            if len(left) == 1 and len(unsure) == 1 and not again:
                self.claim(*next(iter(left.items())), [number])
            else:
                self.refuse([number], f"may be {' or '.join(fits)}")
