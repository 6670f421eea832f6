"""The command `llm4waam`: what people want of the finished study.

Only what reads options stands here: a slip in them is reported before anything slow is imported.
"""

import logging
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Literal

import typer

from llm4waam.core.errors import require_file
from llm4waam.core.pipes import as_file
from llm4waam.core.stage import run_command
from llm4waam.encoders.families import FAMILIES

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def main() -> None:
    """Run the command; a mistake of the user ends with one line and exit status 1."""
    if isinstance(sys.stdout, TextIOWrapper):  # one that knows no Korean still gets an answer
        sys.stdout.reconfigure(errors="backslashreplace")
    run_command(lambda: app(prog_name="llm4waam"))


@app.callback()
def _commands() -> None:
    """BERT and RoBERTa on process records of wire arc additive manufacturing."""


@app.command(
    epilog="Exit status: 0 all beads are answered, 1 a mistake, 2 a wrong option, 3 rows were "
    "skipped (each is named on the standard error)."
)
def predict(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="CSV, Excel or JSON lines; - is the standard input"),
    ] = None,
    first: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="COLUMN=VALUE ...", help='one bead: travel_speed="30 cm/min" ...'
        ),
    ] = None,
    log: Annotated[
        str | None, typer.Option(metavar="TEXT", help="one bead in your own words, en or ko")
    ] = None,
    form: Annotated[Literal["table", "csv", "json"], typer.Option("--format")] = "table",
    encoder: Annotated[
        str | None, typer.Option(metavar=f"[{'|'.join(FAMILIES)}]", help="else advice.encoder")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="reasons, advice and doubts, seconds a bead")
    ] = False,
    template: Annotated[
        str | None,
        typer.Option(help="score a bead by this sentence alone: faster, and not as it was learned"),
    ] = None,
    language: Annotated[Literal["en", "ko"], typer.Option()] = "en",
) -> None:
    """What the final models say of new beads: those of FILE, or one by --set or --log."""
    # What follows the first COLUMN=VALUE of --set reads as arguments: they are more of them.
    words = words or []
    pairs, files = ([*first, *words], []) if first else ([], words)
    if len(files) + bool(pairs) + (log is not None) != 1:
        raise typer.BadParameter("one of FILE, --set and --log is needed")
    if encoder not in (None, *FAMILIES):
        reason = f"{encoder!r} is not one of {', '.join(FAMILIES)}"
        raise typer.BadParameter(reason, param_hint="'--encoder'")
    file = as_file(Path(files[0])) if files else None
    if file:
        require_file(file, "a CSV table, an Excel workbook (.xlsx) or JSON lines")
    from llm4waam.commands.predict import Request, predict_beads  # takes seconds

    request = Request(
        file=file, pairs=pairs, log=log, format=form, encoder=encoder, explain=explain,
        template=template, language=language,
    )  # fmt: skip
    raise typer.Exit(predict_beads(request, sys.stdout))


@app.command()
def fetch(
    name: Annotated[
        str | None, typer.Argument(help="of a table; without one, all are listed")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="URL",
            envvar="LLM4WAAM_FETCH_FROM",
            help="a mirror that has the file under its name in data/raw",
        ),
    ] = None,
) -> None:
    """A table that somebody published, into data/raw; its licence and what to run next."""
    if base and not base.startswith(("http://", "https://")):
        raise typer.BadParameter(f"{base!r} is no http address", param_hint="'--from'")
    from llm4waam.commands.fetch import fetch_table, published_list  # not where only models are

    if name is None:
        sys.stdout.write(published_list())
        return
    for line in fetch_table(name, base):
        typer.echo(line)


@app.command()
def card(
    table: Annotated[
        Path, typer.Argument(metavar="TABLE", help="CSV, Excel (.xlsx) or JSON lines")
    ],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="else beside the table, as NAME.yaml")
    ] = None,
    sheet: Annotated[str | None, typer.Option(metavar="NAME", help="else the first")] = None,
    header_row: Annotated[int, typer.Option(min=1, help="the line of the headers")] = 1,
    encoding: Annotated[str, typer.Option(metavar="NAME", help="such as cp949")] = "utf-8",
    force: Annotated[bool, typer.Option("--force", help="overwrite a card")] = False,
) -> None:
    """A draft of the data card of a table: what it seems to hold, and what you must decide."""
    require_file(table, "a CSV table, an Excel workbook (.xlsx) or JSON lines")
    from llm4waam.commands.card import write_draft  # takes a second
    from llm4waam.core.settings import checked
    from llm4waam.core.tables import TableFormat

    given = {"sheet": sheet, "header_row": header_row, "encoding": encoding}
    form = checked(TableFormat, given, Path("options"))
    for line in write_draft(table, output, form, force=force):
        typer.echo(line)


@app.command()
def experiments() -> None:
    """The experiments of this commit, side by side."""
    from llm4waam.commands.experiments import experiments_table  # not where only models are

    sys.stdout.write(experiments_table())


@app.command()
def dag() -> None:
    """The stages, and what each waits for."""
    from llm4waam.commands.dag import dag_table  # not where only models are

    sys.stdout.write(dag_table())


@app.command()
def compare(
    base: Annotated[str, typer.Argument(help="a branch, a tag or a commit")] = "main",
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="also as review.md, with flips.csv and index.html"),
    ] = None,
) -> None:
    """What the working tree changes against a commit, bead by bead, with a verdict."""
    from llm4waam.commands.compare import compare_with, write_review  # takes seconds

    review = compare_with(base)
    sys.stdout.write(review.text)
    if output:
        write_review(review, output)


@app.command()
def desk(
    encoder: Annotated[
        str | None, typer.Option(metavar=f"[{'|'.join(FAMILIES)}]", help="else advice.encoder")
    ] = None,
    host: Annotated[
        str, typer.Option(help="0.0.0.0 opens the desk to the network: set a password then")
    ] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="else the first free one from 7860")
    ] = None,
    password: Annotated[
        str | None, typer.Option(envvar="LLM4WAAM_DESK_PASSWORD", help="asked of everybody")
    ] = None,
    browser: Annotated[bool, typer.Option(help="open a browser")] = True,
) -> None:
    """A page over the final models, for the person at the machine; with an API and MCP tools."""
    if encoder not in (None, *FAMILIES):
        reason = f"{encoder!r} is not one of {', '.join(FAMILIES)}"
        raise typer.BadParameter(reason, param_hint="'--encoder'")
    for option, value in {"--password": password, "--host": host}.items():
        if value == "":
            raise typer.BadParameter("it is empty", param_hint=f"'{option}'")
    from llm4waam.desk.server import serve  # not where only models are

    serve(encoder, host, port, password, browser=browser)


@app.command()
def restore() -> None:
    """Back to the last commit, models too; what you had changed is kept in `git stash`."""
    from llm4waam.commands.restore import restore as restored  # takes a moment

    for line in restored():
        logging.info(line)


if __name__ == "__main__":
    main()
