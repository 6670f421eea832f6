"""A free-text log of one bead, English or Korean, to values for the columns of a card.

A wrong value is worse than none: what may mean two things is a doubt and no value.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from llm4waam.card.card import Card
from llm4waam.logbook.corrections import apply_corrections
from llm4waam.logbook.fits import Fits
from llm4waam.logbook.lexicon import lexicon
from llm4waam.logbook.scopes import mark_scopes
from llm4waam.logbook.tokens import LogText, Token
from llm4waam.logbook.values import Claims


@dataclass(frozen=True)
class Log:
    """What a log says.

    `values`: column -> text as the card's cleaning reads it, with its unit ("40 cm/min").
    `note`: what was said of the state of arc, wire, gas and plate, verbatim, or None.
    `not_understood`: verbatim pieces that were neither. `doubts`: one line each.
    """

    values: dict[str, str]
    note: str | None
    not_understood: list[str]
    doubts: list[str]


def read_log(text: str, card: Card) -> Log:
    """Read a log of one bead; nothing of an outcome is ever read as a value or as a note.

    Only set-points and measurements of the card are looked for. Raises StudyError only where
    `logbook.yaml` itself is wrong.
    """
    log = LogText(unicodedata.normalize("NFC", text), lexicon(card.model_dump_json()))
    fits = Fits(log.lexicon)
    doubts = [*mark_scopes(log, fits), *apply_corrections(log)]
    claims = Claims(log, fits)
    values = {name: claims.value_of(name) for name in card.columns}
    found = {name: value for name, value in values.items() if value is not None}
    for token in log.tokens:  # "material: 316L"
        read = token.columns and {*token.columns} <= {*found} & {*log.lexicon.categories}
        token.used |= token.kind == "term" and bool(read)
    note, rest = _leftovers(log)
    doubts = list(dict.fromkeys([*doubts, *claims.doubts]))
    return Log(found, "; ".join(note) or None, rest, doubts)


def _leftovers(log: LogText) -> tuple[list[str], list[str]]:
    """(clauses of the note, pieces that were not understood), verbatim and in order."""
    note, rest = [], []
    last: list[str] | None = None
    for run, follows in _runs(log):
        parts = [run]
        if _tells_outcome(log, run):
            parts = list(_split(log, run))
        for part in parts:
            if any(_means(log, token) for token in part):
                goes_on = follows and last is note and _goes_on(log, part)
                last = note if goes_on or _is_note(log, part) else rest
                last.append(log.said(part[0], part[-1]))
    return note, rest


def _runs(log: LogText) -> Iterator[tuple[list[Token], bool]]:
    """Neighbours that nothing has used, and whether nothing used stands before them.

    The small words beside what was used are left out.
    """
    run: list[Token] = []
    beside = far = False
    for token in [*log.tokens, None]:
        if token and not token.used and token.kind != "break":
            run.append(token)
            continue
        while token and token.used and run and log.is_small(run[-1]):
            run.pop()
        while beside and run and log.is_small(run[0]):
            run.pop(0)
        if run:
            yield run, not far
            far = False
        run, beside = [], bool(token and token.used)
        far |= beside


def _split(log: LogText, run: list[Token]) -> Iterator[list[Token]]:
    part: list[Token] = []
    for token in run:
        if log.is_word(token, log.words.splits):
            if part:
                yield part
            part = []
        else:
            part.append(token)
    if part:
        yield part


def _means(log: LogText, token: Token) -> bool:
    """Whether the token says something: no small word, and no "wire" or "gas" alone."""
    if token.kind == "term" and not token.strong:
        return False
    return not log.is_small(token) and any(c.isalnum() for c in log.said(token))


def _tells_outcome(log: LogText, run: list[Token]) -> bool:
    return bool(log.lexicon.outcomes.search(log.said(run[0], run[-1])))


def _goes_on(log: LogText, run: list[Token]) -> bool:
    """Whether the run only makes sense with the note before it."""
    plain = all(token.kind == "word" or not token.strong for token in run)
    said = log.said(run[0], run[-1])
    return plain and bool(re.match(log.words.continued, said)) and not _tells_outcome(log, run)


def _is_note(log: LogText, run: list[Token]) -> bool:
    said = log.said(run[0], run[-1])
    if _tells_outcome(log, run):
        return False
    if re.search(log.words.conditions, said, re.IGNORECASE):
        return True
    subject = re.compile(log.words.subjects, re.IGNORECASE)
    return bool(subject.search(said)) and any(
        token.kind == "word" and _means(log, token) and not subject.search(log.said(token))
        for token in run
    )
