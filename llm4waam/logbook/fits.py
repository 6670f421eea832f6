"""Whether a number of a log fits a column: what it would be as a cell of the card's table."""

import pandas as pd

from llm4waam.card.card import Card
from llm4waam.card.quantities import accepted
from llm4waam.cleaning.log import CleaningLog
from llm4waam.cleaning.parsing import parse_column
from llm4waam.logbook.lexicon import Lexicon
from llm4waam.logbook.tokens import Token

SHORT = {"ft**3/hour": "cfh", "ft**3/min": "cfm"}  # as people write what pint calls so


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
        self,
        token: Token,
        name: str,
        turned: bool = False,
        beside: tuple[str, ...] = (),
        per_minute: bool = False,
    ) -> tuple[str | None, str]:
        """(text for the column, "") where the number fits there, else (None, the reason).

        `turned` turns the sign, as "drag" does; `beside` is what the unit beside the name means;
        `per_minute`: "6 m" of a speed and "18 L" of a flow are those of a minute.
        """
        given = token.units or beside
        column, digits = self.lexicon.card.columns[name], token.value
        own = column.units
        if token.many:
            return None, "more than one number"
        if (token.dash or (turned and digits.startswith("-"))) and column.bounds[0] < 0:
            return None, "a minus sign or a dash"
        digits = "-" + digits.lstrip("+") if turned else digits
        if given:
            said = [*given, *(f"{u}/min" for u in given if per_minute and u in ("m", "cm", "L"))]
            units = [found for one in said if (found := accepted(one, own))]
            if not units:
                return None, f"the card does not accept this unit; expected {', '.join(own)}"
        else:
            units = own if column.unit_header else [column.raw_unit or column.unit or ""]
        texts = [f"{digits} {SHORT.get(one, one)}".strip() for one in units]
        good = [text for text in texts if self.read(name, text)[1] == ""]
        if given or len(texts) == 1:
            good, texts = good[:1], texts[:1]
        if len(good) == 1:
            return good[0], ""
        return None, f"unit not said: {' or '.join(good)}" if good else self.read(name, texts[0])[1]

    def measures(self, number: Token, name: str) -> bool:
        """Whether the card accepts the number's unit for the column."""
        own = self.lexicon.card.columns[name].units
        return any(accepted(one, own) for one in number.units)


def cleaned(text: str, card: Card, name: str) -> tuple[object, str]:
    """(value in the card's unit, "") of a cell, or (None, why the card's cleaning rejects it)."""
    headers = (column.header for column in card.columns.values())
    units = (column.unit_header for column in card.columns.values())
    raw = pd.DataFrame({h: [""] for h in (*headers, *units) if h}, dtype=str)
    raw[card.columns[name].header] = text
    cleaning = CleaningLog()
    value = parse_column(raw, card, name, cleaning, alone=True).iloc[0]
    rejected = cleaning.rejected()
    return (None, rejected[0].reason) if rejected else (value, "")
