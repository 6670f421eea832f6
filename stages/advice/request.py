"""What a user asks of `stages.predict`: options, and the beads they name."""

import argparse
import logging
import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from stages.advice.output import FORMATS
from stages.beads.card import Card
from stages.beads.errors import StudyError
from stages.beads.intake import known_columns, read_rows
from stages.beads.logbook import read_log
from stages.beads.text import TextStyle

PRECISIONS = ("fp32", "int8")
EPILOG = (
    "Exit status: 0 all beads are answered, 1 a mistake, 2 a wrong option, 3 rows were skipped "
    "(each is named on the standard error)."
)


def read_request(arguments: list[str]) -> argparse.Namespace:
    """The options; `set` is a list of COLUMN=VALUE, `log` a text, `file` a path, one of them."""
    parser = argparse.ArgumentParser(
        "python -m stages.predict",
        description="What the final models say of new beads.",
        epilog=EPILOG,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", type=Path, help="a CSV table, or JSON lines (.jsonl)")
    source.add_argument(
        "--set", nargs="+", metavar="COLUMN=VALUE", help='one bead: travel_speed="30 cm/min" ...'
    )
    source.add_argument("--log", metavar="TEXT", help="one bead in your own words, en or ko")
    parser.add_argument("--format", choices=FORMATS, default="table")
    parser.add_argument("--encoder", choices=("bert", "roberta"), help="else advice.encoder")
    parser.add_argument(
        "--explain", action="store_true", help="reasons, advice and doubts, seconds a bead"
    )
    parser.add_argument(
        "--template", help="judge a bead by this sentence alone: faster, and not as it was learned"
    )
    parser.add_argument(
        "--precision", choices=PRECISIONS, default="fp32", help="int8: faster, a little wrong"
    )
    parser.add_argument("--language", choices=("en", "ko"), default="en")
    return parser.parse_args(arguments)


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


def rows_of(request: argparse.Namespace, card: Card) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Rows of cells by column, as `stages.beads.intake` takes them.

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
