"""Whether a number of a log fits a column, as the card's own cleaning judges it."""

from functools import lru_cache

import pandas as pd

from stages.beads.card import Card
from stages.beads.errors import StudyError
from stages.beads.ledger import Ledger
from stages.beads.lexicon import Lexicon
from stages.beads.log_words import Token
from stages.beads.parsing import parse_column
from stages.beads.units import unit


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


class Fits:
    """What the cells of one text would be in the clean table; each is cleaned once."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.checked: dict[tuple[str, str], tuple[object, str]] = {}

    def read(self, name: str, text: str) -> tuple[object, str]:
        """(value, "") as the card's cleaning reads the text, or (None, why it does not)."""
        if (name, text) not in self.checked:
            self.checked[name, text] = cleaned(text, self.lexicon.card, name)
        return self.checked[name, text]

    def fit(
        self, token: Token, name: str, turned: bool = False, beside: tuple[str, ...] = ()
    ) -> tuple[str | None, str]:
        """(text for the column, "") where the number fits there, else (None, the reason).

        `turned` turns the sign, as "drag" does; `beside` is what the unit beside the name means.
        """
        given = token.units or beside
        column, digits = self.lexicon.card.columns[name], token.value
        own = self.lexicon.own_units(name)
        if token.many:
            return None, "more than one number"
        if (token.dash or (turned and digits.startswith("-"))) and (column.range or (-1,))[0] < 0:
            return None, "a minus sign or a dash"
        digits = "-" + digits.lstrip("+") if turned else digits
        if given:
            units = [u for u in own if any(same(u, other) for other in given)]
            if not units:
                return None, f"the card does not accept this unit; expected {', '.join(own)}"
        else:
            units = own if column.unit_header else [column.raw_unit or column.unit or ""]
        texts = [f"{digits} {one}".strip() for one in units]
        good = [text for text in texts if self.read(name, text)[1] == ""]
        if given or len(texts) == 1:
            good, texts = good[:1], texts[:1]
        if len(good) == 1:
            return good[0], ""
        return None, f"unit not said: {' or '.join(good)}" if good else self.read(name, texts[0])[1]

    def measures(self, number: Token, name: str) -> bool:
        """Whether the card accepts the number's unit for the column."""
        own = self.lexicon.own_units(name)
        return any(same(u, other) for u in own for other in number.units)
