"""A page of which a program writes the part between two marks."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from llm4waam.core.files import write_text
from llm4waam.plotting.pages import markdown_table, number

END = "<!-- end of tables -->\n"


def start(program: str) -> str:
    """The mark after which the tables of `python -m PROGRAM` stand."""
    return f"<!-- tables: written by `python -m {program}` -->\n"


def write_between(file: Path, program: str, lines: Sequence[str]) -> None:
    """Put these lines between the two marks of a page; the rest of it stays."""
    before, rest = file.read_text(encoding="utf-8").split(start(program))
    text = "\n".join([*lines, "", ""])
    write_text(file, before + start(program) + text + END + rest.split(END)[1])


def table(columns: Sequence[str], rows: Sequence[Sequence], left: int = 1) -> str:
    """Rows of texts and numbers as a Markdown table."""
    cells = pd.DataFrame([list(map(cell, row)) for row in rows], columns=list(columns))
    return markdown_table(cells, left)


def cell(value: str | float) -> str:
    """A text or number as a table shows it."""
    if isinstance(value, int):
        return f"{value:,}"
    return number(value) if isinstance(value, float) else value
