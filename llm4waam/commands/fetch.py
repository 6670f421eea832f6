"""`llm4waam fetch`: tables that other people published, by name, into data/raw."""

import logging
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, RootModel

from llm4waam.commands.columns import in_columns, last_width, wrap
from llm4waam.core.errors import StudyError
from llm4waam.core.settings import Section, read_yaml

REGISTRY = Path(__file__).with_name("published_tables.yaml")
FOLDER = Path("data/raw")
WIDTHS = [20, 15, 24, 10]  # of name, rows, card and licence in the list
_SHA256 = r"^[0-9a-f]{64}$"


class Published(Section):
    """A published table: a file at a fixed address, and what one must know of it.

    `sha256` is None where nobody here has seen the file; then `card_sha256` is that of the file by
    which the card was written, if there is a card, and `rows` are the rows of that file. `run` is
    the command that makes a study of it.
    """

    title: str
    format: Literal["csv", "xlsx"]
    rows: int | None
    licence: str
    source: str
    address: str
    sha256: str | None = Field(pattern=_SHA256)
    card_sha256: str | None = Field(default=None, pattern=_SHA256)
    verified: str
    know: str
    run: str | None = None


class _Registry(RootModel[dict[str, Published]]):
    pass


def read_registry() -> dict[str, Published]:
    """The published tables, by name."""
    return read_yaml(_Registry, REGISTRY).root


def published_list() -> str:
    """The list of all tables, at most 100 columns wide."""
    rows = [["name", "rows", "card", "licence", "title"]]
    for name, table in read_registry().items():
        card = FOLDER / f"{name}.yaml"
        count = "not known" if table.rows is None else f"{table.rows:,}"
        if table.rows is not None and table.sha256 is None:
            count += ", unverified"
        rows.append(
            [name, count, card.name if card.is_file() else "none", table.licence, table.title]
        )
    listed = in_columns(rows, [*WIDTHS, last_width(WIDTHS)], ["left"] * 5)
    return f"{listed}\n`llm4waam fetch NAME` puts a table into {FOLDER.as_posix()}\n"


def fetch_table(name: str, base: str | None) -> Iterator[str]:
    """Bring a table, and say line by line what was done and what to do next.

    `base` is another address that has the file under its name in data/raw. Raises StudyError for an
    unknown name, where the file cannot be had, and for a hash that is not the registry's. The file
    is written whole or not at all, and one that is there already is never overwritten.
    """
    registry = read_registry()
    if name not in registry:
        expected = f"one of {', '.join(registry)}"
        raise StudyError("llm4waam fetch", "no such table", value=name, expected=expected)
    if not FOLDER.is_dir():
        raise StudyError(FOLDER, "no such folder", expected="a run in the folder of the repository")
    table = registry[name]
    place = FOLDER / f"{name}.{table.format}"
    there = place.exists()
    if not there:
        address = f"{base.rstrip('/')}/{place.name}" if base else table.address
        _download(address, place, table.sha256)
    yield from wrap(f"{place}: {_content(place, table, there=there)}")
    yield f"address: {table.address}"
    for key in ("title", "licence", "source", "verified", "know"):
        yield from wrap(f"{key}: {getattr(table, key)}")
    if table.run and (FOLDER / f"{name}.yaml").is_file():
        yield f"next: {table.run}"
    else:
        yield f"next: llm4waam card {place}  (drafts the card, which is missing)"


def _content(place: Path, known: Published, *, there: bool) -> str:
    """What the file is; raises StudyError for one that was there and is another."""
    import pooch

    found = pooch.file_hash(str(place))
    if known.sha256 not in (None, found):
        reason = f"is there already and is another file: its sha256 is {found}"
        wanted = f"{known.sha256}, or no such file: move it away and fetch again"
        raise StudyError(place, reason, expected=wanted)
    if known.sha256:
        hash_is = "as in the registry"
    elif known.card_sha256 == found:
        hash_is = "that of the workbook by which the card was written"
    else:
        hash_is = "which nobody has verified"
        if known.card_sha256:
            hash_is += f"; the card was written by another file, with sha256 {known.card_sha256}"
    done = "is there already" if there else "written"
    return f"{done}, {place.stat().st_size:,} bytes, sha256 {found}, {hash_is}"


def _download(address: str, place: Path, sha256: str | None) -> None:
    import pooch
    from requests import HTTPError, RequestException  # what pooch asks with

    pooch.get_logger().setLevel("WARNING")  # it would say the hash once more
    bar = sys.stderr.isatty()
    if not bar:
        logging.info(f"from {address}")
    load = pooch.HTTPDownloader(progressbar=bar)

    def checked(url: str, part: str, asker: object) -> None:
        load(url, part, asker)
        # Of a file without a known hash: a page that asks for a password is no workbook.
        if place.suffix == ".xlsx" and not zipfile.is_zipfile(part):
            raise ValueError("what came is no Excel workbook")

    try:
        pooch.retrieve(address, sha256, fname=place.name, path=place.parent, downloader=checked)
    except HTTPError as error:
        reason = f"the server answers {error.response.status_code} {error.response.reason}"
        raise StudyError(address, reason, expected="the file; --from URL names a mirror") from None
    except RequestException:
        host = urlsplit(address).netloc
        reason = f"{host} cannot be reached, or the connection broke off"
        expected = "a network; --from URL names a mirror"
        raise StudyError(address, reason, expected=expected) from None
    except ValueError as error:  # another hash, or no workbook
        raise StudyError(address, str(error)) from None
    except OSError as error:
        raise StudyError(place, f"cannot be written: {error.strerror}") from None
    place.chmod(0o644)  # pooch leaves it for the owner alone
