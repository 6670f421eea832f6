"""The command `llm4waam`: what people ask of the finished study.

Only what reads options stands here, so that a slip is told before anything slow is imported.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from llm4waam.core.errors import require_file
from llm4waam.core.stage import run_stage

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="BERT and RoBERTa on process records of wire arc additive manufacturing.",
)


class Format(StrEnum):
    """How answers are written."""

    table = "table"
    csv = "csv"
    json = "json"


class Encoder(StrEnum):
    """Whose final models are asked."""

    bert = "bert"
    roberta = "roberta"


class Language(StrEnum):
    """The language of explanations."""

    en = "en"
    ko = "ko"


class Precision(StrEnum):
    """Of the models' weights."""

    fp32 = "fp32"
    int8 = "int8"


@app.callback()
def _commands() -> None:
    """With one command alone, typer would take its name for an argument."""


@app.command(
    epilog="Exit status: 0 all beads are answered, 1 a mistake, 2 a wrong option, 3 rows were "
    "skipped (each is named on the standard error)."
)
def predict(
    file: Annotated[
        Path | None, typer.Argument(help="a CSV table, or JSON lines (.jsonl)", show_default=False)
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="COLUMN=VALUE",
            help='one bead: --set travel_speed="30 cm/min" --set material=ER70S-6 ...',
        ),
    ] = None,
    log: Annotated[
        str | None, typer.Option(metavar="TEXT", help="one bead in your own words, en or ko")
    ] = None,
    form: Annotated[Format, typer.Option("--format")] = Format.table,
    encoder: Annotated[Encoder | None, typer.Option(help="else advice.encoder")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="reasons, advice and doubts, seconds a bead")
    ] = False,
    template: Annotated[
        str | None,
        typer.Option(help="score a bead by this sentence alone: faster, and not as it was learned"),
    ] = None,
    precision: Annotated[
        Precision, typer.Option(help="int8: faster, a little wrong")
    ] = Precision.fp32,
    language: Annotated[Language, typer.Option()] = Language.en,
    more: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
) -> None:
    """What the final models say of new beads: a file, --set or --log."""
    # `--set a=1 b=2` names one bead as well: what follows the first pair reads as arguments.
    pairs = list(set_ or [])
    if pairs:
        pairs += [str(one) for one in ([file] if file else [])] + list(more or [])
        file, more = None, None
    if more or sum(bool(one) for one in (file, pairs, log)) != 1:
        raise typer.BadParameter("expected one of: a file, --set, --log")
    if file:
        require_file(file, "a CSV table or JSON lines")
    # Here, as it takes seconds.
    from llm4waam.commands.predict import Request, predict_beads

    request = Request(
        file, pairs, log, form.value, encoder, explain, template, precision.value, language.value
    )
    raise typer.Exit(predict_beads(request, sys.stdout))


def main() -> None:
    """Run the command; a mistake of the user ends with one line and exit status 1."""
    run_stage(lambda: app(prog_name="llm4waam"))
