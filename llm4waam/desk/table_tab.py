"""The tab of a table: drop a file, read the answers, see what was skipped, download all."""

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

import gradio as gr

from llm4waam.advice.settings import Language
from llm4waam.core.errors import StudyError
from llm4waam.core.files import write_text
from llm4waam.desk.answer_page import lines_page, problems_page
from llm4waam.desk.answers import Desk
from llm4waam.desk.labels import PRIVATE, Labels
from llm4waam.desk.table import (
    ENDINGS,
    MAX_ROWS,
    AnsweredTable,
    answer_table,
    as_csv,
    shown_answers,
)
from llm4waam.desk.wording import said

MAX_FILE_MB = 10
HIDDEN = {"visible": False, "interactive": False}


def table_tab(desk: Desk, chosen: gr.Radio, labels: Labels) -> None:
    """The components of the tab and what they do; `chosen` is the language."""
    limits = {"rows": f"{MAX_ROWS:,}", "size": f"{MAX_FILE_MB} MB"}
    file = labels.of(
        gr.File, label="drop", file_types=list(ENDINGS), type="filepath", elem_id="table-file",
        height=120,
    )  # fmt: skip
    hint = gr.HTML(said("table_hint", labels.language, **limits))
    labels.follow(hint, lambda language: {"value": said("table_hint", language, **limits)})
    summary = gr.HTML(elem_id="table-said")
    answers = labels.of(
        gr.Dataframe, label="answers", show_search="filter", elem_id="table-answers",
        max_height=520, **HIDDEN,
    )  # fmt: skip
    skipped = labels.of(gr.Dataframe, label="skipped", elem_id="table-skipped", wrap=True, **HIDDEN)
    download = labels.of(
        gr.DownloadButton, label="download", visible=False, elem_id="table-download"
    )
    written = gr.State(None)

    def answered(
        language: Language,
        path: str | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> list:
        nothing = [gr.update(visible=False)] * 3 + [None]
        if path is None:
            return ["", *nothing]
        try:
            found = answer_table(desk, Path(path), language, _rows_done(progress, language))
        except StudyError as error:
            return [problems_page([str(error)], language), *nothing]
        return _shown(desk, found, language)

    begun = file.change(
        answered, [chosen, file], [summary, answers, skipped, download, written],
        concurrency_limit=2, show_progress_on=summary, **PRIVATE,
    )  # fmt: skip
    # The button has a copy by now, which is deleted with the uploaded tables.
    begun.then(_delete, written, None, queue=False, **PRIVATE)


def _rows_done(progress: gr.Progress, language: Language) -> Callable[[int, int], None]:
    return lambda done, rows: progress(
        (done, rows), desc=said("rows", language), unit=said("row", language)
    )


def _shown(desk: Desk, found: AnsweredTable, language: Language) -> list:
    counts = {"answered": len(found.answers), "skipped": found.skipped["row"].nunique()}
    summary = lines_page([said("table_said", language, **counts), *found.said])
    heads = {name: said(name, language) for name in found.skipped}
    skipped = gr.update(value=found.skipped.rename(columns=heads), visible=len(found.skipped) > 0)
    if found.answers.empty:
        return [summary, gr.update(visible=False), skipped, gr.update(visible=False), None]
    shown, file = (
        shown_answers(desk, found.answers, language),
        _written(as_csv(desk, found.answers)),
    )
    return [
        summary,
        gr.update(value=shown, visible=True),
        skipped,
        gr.update(value=file, visible=True),
        file,
    ]


def _written(text: str) -> str:
    """A file with the text, in a folder of its own."""
    file = Path(mkdtemp()) / "answers.csv"
    write_text(file, text)
    return str(file)


def _delete(file: str | None) -> None:
    if file:
        shutil.rmtree(Path(file).parent, ignore_errors=True)
