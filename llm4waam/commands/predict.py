"""`llm4waam predict`: beads of a file, of options or of a log; answers to them, or explanations."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pandas as pd

from llm4waam.advice.output import EXPLAINED, AnswerWords, body, explained, header
from llm4waam.advice.settings import AdviceParams, Language
from llm4waam.advice.wording import messages_in
from llm4waam.card.card import Card, read_card
from llm4waam.cleaning.log import CleaningLog
from llm4waam.core.errors import StudyError
from llm4waam.core.escapes import has_half_character, short
from llm4waam.core.settings import read_params
from llm4waam.core.tables import Row, read_rows
from llm4waam.inference.predictor import Predictor, load_predictor
from llm4waam.inference.user_table import check_table, chunks, known_columns, one_bead
from llm4waam.logbook.logbook import read_log
from llm4waam.sentences.prompts import TextStyle

SKIPPED = 3  # the exit status where rows were left out; 1 is a mistake, 2 a wrong option


@dataclass(frozen=True)
class Request:
    """The options: one of `file`, `pairs` (COLUMN=VALUE) and `log`, and how it is answered.

    `encoder` None is that of params.yaml, `template` None all templates of the study.
    """

    file: Path | None = None
    pairs: list[str] | None = None
    log: str | None = None
    format: str = "table"
    encoder: str | None = None
    explain: bool = False
    template: str | None = None
    language: Language = "en"


def predict_beads(request: Request, out: TextIO) -> int:
    """Write the answers to `out`; the exit status. Each row that is skipped is logged.

    Raises StudyError for a template that the models did not learn from, where there are no final
    models, and as `rows_of` does.
    """
    params = read_params(AdviceParams)
    style, card = _style(request, params.text), read_card(params.card_file)
    with messages_in(request.language, card):
        rows = rows_of(request, card)  # before models are waited for
        encoder = request.encoder or params.advice.encoder
        predictor = load_predictor(encoder, params.tasks, style, params.card_file)
        return _answer(request, params, predictor, rows, out)


def _answer(
    request: Request, params: AdviceParams, predictor: Predictor, rows: Iterator[Row], out: TextIO
) -> int:
    skipped: list[int | str] = []
    tables = _accepted(chunks(rows, predictor.card, predictor.style.information), skipped)
    outputs = {name: task.outputs for name, task in predictor.tasks.items()}
    words = AnswerWords(predictor.card, outputs, request.language)
    if request.explain:
        out.write(header(EXPLAINED, request.format))
        out.writelines(_explanations(predictor, params, tables, request, words))
    else:
        for number, answers in enumerate(predictor.answers_of_each(tables)):
            out.write("" if number else header(answers.columns.tolist(), request.format))
            out.write(body(answers, request.format, words))
    return SKIPPED if skipped else 0


def _style(request: Request, style: TextStyle) -> TextStyle:
    """How the study's sentences are made, or only the one template of the request."""
    if request.template is None:
        return style
    if request.template not in style.templates:
        expected = ", ".join(style.templates)
        raise StudyError("--template", "not learned", value=request.template, expected=expected)
    return style.model_copy(update={"templates": [request.template]})


def _accepted(
    parts: Iterable[tuple[pd.DataFrame, CleaningLog]], skipped: list[int | str]
) -> Iterator[pd.DataFrame]:
    """The tables that hold a bead; rows that are left out are logged and added to `skipped`."""
    for beads, log in parts:
        for row, column, value, _, reason in log.entries:
            name = log.names.get(row, "")
            said = f"row {row}" + f" ({short(name)})" * (name not in ("", f"row {row}"))
            logging.warning("skipped: %s, column %s: %r: %s", said, column, short(value), reason)
            skipped.append(row)
        if not beads.empty:
            yield beads


def _explanations(
    predictor: Predictor,
    params: AdviceParams,
    tables: Iterable[pd.DataFrame],
    request: Request,
    words: AnswerWords,
) -> Iterator[str]:
    # Here, as only those who ask for reasons should wait for scikit-learn.
    from llm4waam.advice.findings import make_examiner, read_tried
    from llm4waam.advice.narration import narrate

    card_file, trees = params.card_file, params.baselines.trees
    examiner = make_examiner(predictor, params.advice, card_file, trees, read_tried())
    for beads in tables:
        for place in range(len(beads)):
            findings = examiner.examine(beads.iloc[place])
            text = narrate(findings, examiner.predictor.card, request.language)
            yield explained(findings, text, request.format, words)


def rows_of(request: Request, card: Card) -> Iterator[Row]:
    """Rows of cells by column, as `llm4waam.inference.user_table` takes them; checked already.

    What a log does not say clearly is logged as a warning. Raises StudyError for a column that
    the card does not have, for a value given twice, for a log without a value, for text that is not
    UTF-8, and as `check_table` and `read_rows` do.
    """
    if request.file:
        return read_rows(request.file, check_table(request.file, card))
    if request.pairs:
        return iter([(1, _from_pairs(request.pairs, card))])
    return iter([(1, _from_log(request.log or "", card))])


def _from_pairs(pairs: list[str], card: Card) -> dict[str, str]:
    split = []
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign and not has_half_character(pair):
            expected = "COLUMN=VALUE with one of " + ", ".join(sorted(known_columns(card)))
            raise StudyError("--set", "no value", value=name, expected=expected)
        split.append((name, value))
    return one_bead(split, card, "--set")


def _from_log(text: str, card: Card) -> dict[str, str]:
    if has_half_character(text):
        raise StudyError("--log", "not UTF-8", value=text, expected="UTF-8")
    log = read_log(text, card)
    for doubt in log.doubts:
        logging.warning("in doubt: %s", doubt)
    for piece in log.not_understood:
        logging.warning("not understood: %s", piece)
    if not log.values:
        raise StudyError("--log", "no set-point was found", value=text[:80], expected="values")
    read = log.values | ({"note": log.note} if log.note else {})
    logging.info("read: %s", ", ".join(f"{name} = {value}" for name, value in read.items()))
    notes = {card.columns[name].header: log.note for name in card.named("note") if log.note}
    return log.values | notes
