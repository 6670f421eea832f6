"""What the final models say of new beads: `python -m stages.predict beads.csv`, or `--help`."""

import logging
import sys
from argparse import Namespace
from collections.abc import Iterator

import pandas as pd

from stages.advice.evidence import make_examiner
from stages.advice.narration import write_draft
from stages.advice.narrator import narrate
from stages.advice.output import body, explained, header
from stages.advice.predictor import Predictor, load_predictor
from stages.advice.request import read_request, rows_of, style_of
from stages.advice.rewriters import rewriter_from_environment
from stages.beads.intake import chunks
from stages.beads.ledger import Ledger
from stages.beads.stage import run_stage
from stages.params import Params, read_params

SKIPPED = 3  # the exit status where rows were left out; 1 is a mistake, 2 a wrong option


def main(*arguments: str) -> None:
    """Answer for every bead that is asked about, and explain it where that is asked for."""
    request, params = read_request(list(arguments)), read_params()
    encoder = request.encoder or params.advice.encoder
    style = style_of(request, params.text)
    predictor = load_predictor(encoder, params.tasks, style, params.card_file)
    if request.precision == "int8":
        predictor = predictor.in_eight_bits()
    skipped: list[int | str] = []
    parts = chunks(rows_of(request, predictor.card), predictor.card, params.text.information)
    tables = _clean(parts, skipped)
    if request.explain:
        sys.stdout.writelines(_explanations(predictor, params, tables, request))
    else:
        for number, answers in enumerate(predictor.answers_of_each(tables)):
            sys.stdout.write("" if number else header(answers, request.format))
            sys.stdout.write(body(answers, request.format))
    if skipped:
        sys.exit(SKIPPED)


def _clean(
    parts: Iterator[tuple[pd.DataFrame, Ledger]], skipped: list[int | str]
) -> Iterator[pd.DataFrame]:
    """The tables that hold a bead; rows that are left out are logged and added to `skipped`."""
    for beads, ledger in parts:
        for row, column, value, _, reason in ledger.entries:
            logging.warning("skipped: row %s, column %s: %r: %s", row, column, value, reason)
            skipped.append(row)
        if not beads.empty:
            yield beads


def _explanations(
    predictor: Predictor, params: Params, tables: Iterator[pd.DataFrame], request: Namespace
) -> Iterator[str]:
    settings = params.advice.model_dump(include={"background", "bar", "margin", "seed"})
    examiner, rewriter = make_examiner(predictor, **settings), rewriter_from_environment()
    for beads in tables:
        for place in range(len(beads)):
            evidence = examiner.examine(beads.iloc[place])
            text = narrate(write_draft(evidence, predictor.card, request.language), rewriter).text
            yield explained(evidence, text, request.format)


if __name__ == "__main__":
    run_stage(main, *sys.argv[1:])
