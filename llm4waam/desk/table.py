"""Answers to every row of a table that somebody dropped."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pandas as pd

from llm4waam.advice.output import AnswerWords, body, header
from llm4waam.advice.settings import Language
from llm4waam.advice.wording import column_called, in_language
from llm4waam.cleaning.log import WHOLE_ROW, Entry
from llm4waam.core.errors import StudyError
from llm4waam.core.escapes import short, visible
from llm4waam.core.files import significant
from llm4waam.core.heard import heard
from llm4waam.core.tables import Row, read_rows
from llm4waam.desk.answers import Desk
from llm4waam.desk.wording import said
from llm4waam.inference.user_table import CHUNK, check_table, chunks

MAX_ROWS = 10_000
ENDINGS = (".csv", ".tsv", ".txt", ".xlsx", ".jsonl", ".ndjson")


@dataclass(frozen=True)
class AnsweredTable:
    """`answers` as `Predictor.answers` gives them, `skipped` rows with the reason, and `said`.

    `skipped` has the columns row, column, value, reason; `said` is what concerns the whole table.
    """

    answers: pd.DataFrame
    skipped: pd.DataFrame
    said: list[str]


def answer_table(
    desk: Desk, file: Path, language: Language, progress: Callable[[int, int], None]
) -> AnsweredTable:
    """The answers to the first MAX_ROWS rows of a file; `progress` is told (done, all) rows.

    Raises StudyError, which names the file alone and not its folder, as `check_table` does.
    """
    with heard() as lines:
        try:
            if file.suffix.lower() not in ENDINGS:
                expected = "a table: " + ", ".join(ENDINGS)
                raise StudyError(file, "its name does not end as one of a table", expected=expected)
            rows = read_rows(file, check_table(file, desk.card))
            answers, entries, more = _answers(desk, rows, progress)
        except StudyError as error:
            raise StudyError.plain(str(error).replace(str(file), file.name)) from None
    notes = [in_language(line.replace(str(file), file.name), desk.card, language) for line in lines]
    if more:
        notes.append(said("too_many_rows", language, rows=f"{MAX_ROWS:,}"))
    skipped = [
        (
            row,
            "" if name == WHOLE_ROW else column_called(desk.card, name, language),
            short(value),
            in_language(reason, desk.card, language),
        )
        for row, name, value, _, reason in entries
    ]
    table = pd.DataFrame(skipped, columns=["row", "column", "value", "reason"])
    return AnsweredTable(answers, table, notes)


def _answers(
    desk: Desk, rows: Iterator[Row], progress: Callable[[int, int], None]
) -> tuple[pd.DataFrame, list[Entry], bool]:
    """(answers, entries of the cleaning log, whether the file goes on)."""
    first = list(islice(rows, MAX_ROWS))
    entries, parts, done = [], [], 0
    for beads, log in chunks(iter(first), desk.card, desk.information):
        entries += log.rejected()
        parts += [] if beads.empty else [desk.answers(beads)]
        done = min(done + CHUNK, len(first))
        progress(done, len(first))
    answers = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return answers, entries, next(rows, None) is not None


def shown_answers(desk: Desk, answers: pd.DataFrame, language: Language) -> pd.DataFrame:
    """The answers as a person reads and sorts them: numbers stay numbers, words in the language."""
    words, shown = _words(desk, language), {}
    for name in answers:
        values = answers[name]
        if values.dtype == float:
            shown[words.name(name)] = values.map(significant)
        else:
            texts = values.map({True: "yes", False: "no"}) if values.dtype == bool else values
            shown[words.name(name)] = [words.value(name, visible(str(one))) for one in texts]
    return pd.DataFrame(shown)


def as_csv(desk: Desk, answers: pd.DataFrame) -> str:
    """The answers as `llm4waam predict --format csv` writes them."""
    rows = body(answers, "csv", _words(desk, "en"))
    return header(answers.columns.tolist(), "csv") + rows


def _words(desk: Desk, language: Language) -> AnswerWords:
    outputs = {name: task.outputs for name, task in desk.predictor.tasks.items()}
    return AnswerWords(desk.card, outputs, language)
