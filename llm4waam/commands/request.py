"""The beads that a user asks about: of a file, of options, or of a log."""

import argparse
import itertools
import logging
import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from llm4waam.card.card import Card
from llm4waam.core.errors import StudyError
from llm4waam.inference.user_table import Row, known_columns, read_rows
from llm4waam.logbook.logbook import read_log
from llm4waam.sentences.prompts import TextStyle

LONG = 1000  # lines of a table, well above where the start is made good (benchmarks/inference.md)


def style_of(request: argparse.Namespace, style: TextStyle) -> TextStyle:
    """How the study's sentences are made, or only the one template that is asked for.

    Raises StudyError for a template that the models did not learn from.
    """
    if request.template is None:
        return style
    if request.template not in style.templates:
        expected = ", ".join(style.templates)
        raise StudyError("--template", "not learned", value=request.template, expected=expected)
    return style.model_copy(update={"templates": [request.template]})


def is_long(request: argparse.Namespace) -> bool:
    """Whether the seconds that ONNX Runtime takes to start are made good by its speed.

    They are not where beads are explained: that time goes elsewhere.
    """
    if request.explain or not request.file:
        return False
    with request.file.open("rb") as lines:
        return sum(1 for _ in itertools.islice(lines, LONG)) == LONG


def rows_of(request: argparse.Namespace, card: Card) -> Iterator[Row]:
    """Rows of cells by column, as `llm4waam.inference.user_table` takes them.

    What a log did not tell clearly is logged as a warning. Raises StudyError for a column that
    the card does not have, for a log without a value, and as `read_rows` does.
    """
    known = known_columns(card)
    if request.file:
        for number, cells in read_rows(request.file):
            if number == 1 and not isinstance(cells, str):
                strange = [name for name in cells if name not in known]
                for name in strange:
                    _refuse_slip(request.file, name, known)
                if strange:
                    logging.warning("columns that the card does not know: %s", ", ".join(strange))
            yield number, cells
    elif request.set:
        pairs = [pair.partition("=") for pair in request.set]
        for name, sign, _ in pairs:
            if name not in known or not sign:
                expected = "COLUMN=VALUE with one of " + ", ".join(sorted(known))
                raise StudyError("--set", "no such column", value=name, expected=expected)
        yield 1, {name: value for name, _, value in pairs}
    else:
        yield 1, _from_log(request.log, card)


def _refuse_slip(file: Path, name: str, known: set[str]) -> None:
    """A column that is nearly one of the card's would leave its set-point silently unknown."""
    plain = re.sub(r"\(.*?\)|\[.*?\]", "", name).strip().lower().replace(" ", "_")
    near = get_close_matches(plain, sorted(known), n=1, cutoff=0.75)
    if near:
        raise StudyError(file, "the card has no such column", column=name, expected=near[0])


def _from_log(text: str, card: Card) -> dict[str, str]:
    log = read_log(text, card)
    for doubt in log.doubts:
        logging.warning("in doubt: %s", doubt)
    for piece in log.not_understood:
        logging.warning("not understood: %s", piece)
    if not log.values:
        raise StudyError("--log", "no set-point was found", value=text[:80], expected="values")
    told = log.values | ({"note": log.note} if log.note else {})
    logging.info("read: %s", ", ".join(f"{name} = {value}" for name, value in told.items()))
    notes = {card.columns[name].header: log.note for name in card.named("note") if log.note}
    return log.values | notes
