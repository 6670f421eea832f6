"""A log cut into tokens, and what each of them says."""

from collections.abc import Iterator

from llm4waam.logbook.lexicon import Lexicon
from llm4waam.logbook.tokens import Token


class LogText:
    """One text with its tokens, which the readers of this text mark as used, claimed, dropped."""

    def __init__(self, text: str, lexicon: Lexicon) -> None:
        self.text, self.lexicon, self.words = text, lexicon, lexicon.words
        self.tokens = lexicon.cut(text)
        for place, token in enumerate(self.tokens):
            if token.kind == "level" and not token.strong and not self._stands_alone(place):
                token.kind, token.columns = "word", ()

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

    def is_small(self, token: Token) -> bool:
        """Whether the token alone says nothing: "ran", "with", "at"."""
        return self.is_link(token) or self.is_word(token, self.words.fillers)

    def plainly(self, tokens: list[Token]) -> str:
        """The tokens' texts in small letters, joined by single spaces."""
        return " ".join(self.said(token).casefold() for token in tokens)

    def chains(self) -> Iterator[list[list[Token]]]:
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

    def _stands_alone(self, place: int) -> bool:
        """Whether no word that is not understood stands in the same clause."""
        for side in (reversed(self.tokens[:place]), iter(self.tokens[place + 1 :])):
            for token in side:
                if token.kind == "break":
                    break
                known = self.is_link(token) or self.is_word(token, self.words.fillers)
                other = token.kind == "word" and not known
                if other or self.is_word(token, self.words.grounds):
                    return False
        return True
