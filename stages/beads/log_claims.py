"""What tokens of a log are claimed to say of the columns, and what becomes of it."""

from collections.abc import Iterator

from stages.beads.log_fits import Fits
from stages.beads.log_text import LogText
from stages.beads.log_words import Token


class Claims:
    """Column -> (text as the cleaning reads it, the tokens that say so); doubts, a line each."""

    def __init__(self, log: LogText) -> None:
        self.log, self.fits = log, Fits(log.lexicon)
        self.claims: dict[str, list[tuple[str | None, list[Token]]]] = {}
        self.doubts: list[str] = []

    def claim(self, name: str, text: str | None, tokens: list[Token]) -> None:
        """Enter what the tokens say of a column; None for something that no value of it is."""
        for token in tokens:
            token.claimed = True
        self.claims.setdefault(name, []).append((text, tokens))

    def refuse(self, tokens: list[Token], reason: str) -> None:
        """Enter a doubt about tokens and leave their number alone."""
        for token in tokens:
            token.claimed = True
        self.doubts.append(f"{self.log.span(tokens)!r}: {reason}")

    def open_numbers(self) -> Iterator[tuple[int, Token]]:
        """Places and tokens of the numbers that nothing has claimed yet."""
        for place, token in enumerate(self.log.tokens):
            if token.kind == "number" and not token.dropped and not token.claimed:
                yield place, token

    def said_already(self, name: str, text: str) -> bool:
        """Whether the column has been given this very value."""
        value = self.fits.read(name, text)[0]
        return any(said and self.fits.read(name, said)[0] == value for said, _ in self.claims[name])

    def settle(self, name: str) -> str | None:
        """The value of a column where all claims agree; None, and a doubt, where they do not."""
        claims = self.claims.get(name, [])
        if all(text is None for text, _ in claims):
            return None
        values = {None if text is None else self.fits.read(name, text)[0] for text, _ in claims}
        signs = [t for t in self.log.tokens if t.negative and t.columns == (name,)]
        if not all(token.claimed for token in signs):  # "torch angle 10 deg, in drag"
            self.doubts.append(f"{name}: {self.log.said(signs[0])!r} may turn its sign")
            return None
        if len(values) > 1:
            spelled = dict.fromkeys(repr(self.log.span(tokens)) for _, tokens in claims)
            self.doubts.append(f"{name}: said more than once, {' and '.join(spelled)}")
            return None
        for _, tokens in claims:
            for token in tokens:
                token.used = True
        return claims[0][0]
