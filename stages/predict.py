"""What the final models say of new beads: `python -m stages.predict beads.csv`, or `--help`."""

import argparse
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from stages.advice.evidence import make_examiner
from stages.advice.narration import write_draft
from stages.advice.output import FORMATS, body, explained, header
from stages.advice.predictor import Predictor, load_predictor
from stages.beads.errors import StudyError
from stages.beads.intake import chunks, known_columns, read_rows
from stages.beads.stage import run_stage
from stages.params import Params, read_params

SKIPPED = 3  # the exit status where rows were left out; 1 is a mistake, 2 a wrong option


def main(*arguments: str) -> None:
    """Predict every bead that is given, and explain it where that is asked for."""
    given = _parser().parse_args(arguments)
    params = read_params()
    predictor = load_predictor(params, given.encoder or params.advice.encoder)
    skipped = 0
    for number, (beads, ledger) in enumerate(
        chunks(_rows(given, predictor), predictor.card, params.text.information)
    ):
        for row, column, value, _, reason in ledger.entries:
            logging.warning("skipped: row %s, column %s: %r: %s", row, column, value, reason)
        skipped += len(ledger.entries)
        if beads.empty:
            continue
        answers = predictor.answers(beads)
        if number == 0 and not given.explain:
            sys.stdout.write(header(answers, given.format))
        if given.explain:
            sys.stdout.writelines(_explanations(predictor, params, beads, answers, given))
        else:
            sys.stdout.write(body(answers, given.format))
    if skipped:
        sys.exit(SKIPPED)


def _explanations(
    predictor: Predictor,
    params: Params,
    beads: pd.DataFrame,
    answers: pd.DataFrame,
    given: argparse.Namespace,
) -> Iterator[str]:
    settings = params.advice.model_dump(include={"background", "bar", "margin", "seed"})
    examiner = make_examiner(predictor, **settings)
    for place in range(len(beads)):
        evidence = examiner.examine(beads.iloc[place])
        if given.format != "json":
            yield body(answers.iloc[[place]], "table")
        yield explained(
            evidence, write_draft(evidence, predictor.card, given.language).text, given.format
        )


def _rows(given: argparse.Namespace, predictor: Predictor) -> Iterator[tuple[int, object]]:
    if given.file:
        yield from read_rows(given.file)
        return
    cells = {}
    for pair in given.set:
        name, _, value = pair.partition("=")
        if name not in known_columns(predictor.card):
            expected = ", ".join(sorted(known_columns(predictor.card)))
            raise StudyError("--set", "no such column", value=name, expected=expected)
        cells[name] = value
    yield 1, cells


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m stages.predict", description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", type=Path, help="a CSV table, or JSON lines (.jsonl)")
    source.add_argument("--set", nargs="+", default=[], metavar="COLUMN=VALUE", help="one bead")
    parser.add_argument("--format", choices=FORMATS, default="table")
    parser.add_argument("--encoder", choices=("bert", "roberta"), help="else advice.encoder")
    parser.add_argument("--explain", action="store_true", help="reasons and advice for each bead")
    parser.add_argument("--language", choices=("en", "ko"), default="en")
    return parser


if __name__ == "__main__":
    run_stage(main, *sys.argv[1:])
