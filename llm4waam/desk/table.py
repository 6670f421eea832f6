"""Answers to every row of a table that somebody dropped."""

import os
import zipfile
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
from llm4waam.desk.beads import MAX_TEXT
from llm4waam.desk.wording import said
from llm4waam.inference.user_table import CHUNK, check_table, chunks

MAX_ROWS = 10_000
MAX_UNPACKED_MB = 100  # of a workbook; 10,000 rows of 40 columns have about 16
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
    folder = f"{file.parent}{os.sep}"
    with heard() as lines:
        try:
            if file.suffix.lower() not in ENDINGS:
                expected = "a table: " + ", ".join(ENDINGS)
                raise StudyError(file, "its name does not end as one of a table", expected=expected)
            _require_unpackable(file)
            rows = map(_short_cells, read_rows(file, check_table(file, desk.card)))
            answers, entries, more = _answers(desk, rows, progress)
        except StudyError as error:
            line = in_language(_without(folder, str(error)), desk.card, language)
            raise StudyError.plain(line) from None
    notes = [in_language(_without(folder, line), desk.card, language) for line in lines]
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


def _require_unpackable(file: Path) -> None:
    """Raise StudyError for a workbook that a few MB of zeros could make fill the memory."""
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as packed:
        size = sum(one.file_size for one in packed.infolist())
    if size > MAX_UNPACKED_MB * 2**20:
        reason = f"a workbook of more than {MAX_UNPACKED_MB} MB when it is unpacked"
        raise StudyError(file, reason, expected="a table")


def _short_cells(row: Row) -> Row:
    """A row as it is, or why it has no cells: one is longer than any that a bead has."""
    number, cells = row
    if isinstance(cells, str):
        return row
    for name, cell in cells.items():
        if len(cell) > MAX_TEXT:
            return number, f"column {short(name, 60)}: {len(cell):,} letters are too many"
    return row


def _without(folder: str, line: str) -> str:
    """A line without the folder of an uploaded file, which is nothing to the person."""
    return line.replace(folder, "")


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
