"""Answers to what a user asks, as text: predictions, or explanations and advice."""

import logging
from argparse import Namespace
from collections.abc import Iterable, Iterator
from typing import TextIO

import pandas as pd

from llm4waam.advice.findings import make_examiner
from llm4waam.advice.narration import write_draft
from llm4waam.advice.narrator import narrate
from llm4waam.advice.rewriters import rewriter_from_environment
from llm4waam.advice.settings import Advice
from llm4waam.cleaning.log import CleaningLog
from llm4waam.commands.output import EXPLAINED, body, explained, header
from llm4waam.commands.request import rows_of
from llm4waam.inference.predictor import Predictor
from llm4waam.inference.user_table import chunks


def answer(request: Namespace, predictor: Predictor, settings: Advice, out: TextIO) -> int:
    """Write the answers to `out`; the number of rows that were skipped, each logged as a warning.

    `request` holds the options of `options.read_request`. Raises StudyError as `rows_of` does.
    """
    rows, skipped = rows_of(request, predictor.card), []
    tables = _clean(chunks(rows, predictor.card, predictor.style.information), skipped)
    if request.explain:
        out.write(header(EXPLAINED, request.format))
        out.writelines(_explanations(predictor, settings, tables, request))
    else:
        for number, answers in enumerate(predictor.answers_of_each(tables)):
            out.write("" if number else header(answers.columns.tolist(), request.format))
            out.write(body(answers, request.format))
    return len(skipped)


def _clean(
    parts: Iterable[tuple[pd.DataFrame, CleaningLog]], skipped: list[int | str]
) -> Iterator[pd.DataFrame]:
    """The tables that hold a bead; rows that are left out are logged and added to `skipped`."""
    for beads, log in parts:
        for row, column, value, _, reason in log.entries:
            logging.warning("skipped: row %s, column %s: %r: %s", row, column, value, reason)
            skipped.append(row)
        if not beads.empty:
            yield beads


def _explanations(
    predictor: Predictor, settings: Advice, tables: Iterable[pd.DataFrame], request: Namespace
) -> Iterator[str]:
    shared = settings.model_dump(include={"background", "bar", "margin", "seed"})
    examiner, rewriter = make_examiner(predictor, **shared), rewriter_from_environment()
    for beads in tables:
        for place in range(len(beads)):
            evidence = examiner.examine(beads.iloc[place])
            text = narrate(write_draft(evidence, predictor.card, request.language), rewriter).text
            yield explained(evidence, text, request.format)
