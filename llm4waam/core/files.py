"""Files are whole or absent: each is written beside its place and then renamed."""

import glob
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd

from llm4waam.core.errors import StudyError
from llm4waam.core.escapes import in_spreadsheet

MADE = "what dvc repro makes"
NAMES = ("bead", "cell", "label")  # columns of names, in whatever table they stand
DIGITS = 4  # significant ones: a processor of another make changes the seventh digit of a training


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """A file to write UTF-8 text with LF line ends into; the old one stays until all is written.

    After an error the old file stays. What a killed write left beside it is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.[0-9]*.part"):
        left.unlink(missing_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        beside.replace(path)
    except OSError as error:  # a full disk does not say of which file
        raise StudyError(path, f"cannot be written ({error.strerror})") from None
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text, see `opened`."""
    with opened(path) as file:
        file.write(text)


def pack_folder(folder: Path) -> dict[str, bytes]:
    """The files of a folder, by their names in it; what a killed write left is none."""
    files = (one for one in sorted(folder.rglob("*")) if one.is_file())
    packed = {one.relative_to(folder).as_posix(): one for one in files}
    return {name: one.read_bytes() for name, one in packed.items() if not name.endswith(".part")}


def unpack_folder(files: Mapping[str, bytes], folder: Path) -> None:
    """Put the files of `pack_folder` into `folder`, beside what stands there.

    A folder in it is replaced as a whole; the files beside the folders come last, as they tell
    what the folders hold.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for inner in sorted({name.split("/")[0] for name in files if "/" in name}):
        beside = folder / f".{inner}.part"
        shutil.rmtree(beside, ignore_errors=True)
        for name, content in files.items():
            if name.startswith(f"{inner}/"):
                file = beside / name.removeprefix(f"{inner}/")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        move_folder(beside, folder / inner)
    for name, content in files.items():
        if "/" not in name:
            beside = folder / f".{name}.part"
            beside.write_bytes(content)
            beside.replace(folder / name)


def write_table(
    path: Path, table: pd.DataFrame, *, rounded: bool = False, escaped: bool = False
) -> None:
    """Write a table as CSV (comma, LF, no index; floats with the digits that restore them).

    With `rounded`, for tables that people read and compare, to DIGITS significant digits. With
    `escaped`, for those that hold texts of users and that no program reads again, what a
    spreadsheet would compute has an apostrophe before it.
    """
    if escaped:
        table = table.map(lambda cell: in_spreadsheet(cell) if isinstance(cell, str) else cell)
    form = f"%.{DIGITS}g" if rounded else None
    with opened(path) as file:
        table.to_csv(file, index=False, lineterminator="\n", float_format=form)


def write_metrics(path: Path, value: object) -> None:
    """Write a file of metrics: JSON whose floats have DIGITS significant digits."""
    write_json(path, rounded(value))


def significant(value: float | None) -> float | None:
    """`value` to DIGITS significant digits; None where it is None or not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{DIGITS}g}") + 0.0  # + 0.0 turns -0.0 into 0.0


def rounded(value: object) -> object:
    """A value of JSON whose floats have DIGITS significant digits; what is not finite is null."""
    if isinstance(value, Mapping):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(part) for part in value]
    return significant(float(value)) if isinstance(value, (float, np.floating)) else value


def fingerprint(path: Path) -> str:
    """Twelve letters that say which content a file has."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def write_json(path: Path, value: object) -> None:
    """Write JSON with sorted keys, indent 2, no NaN and a final newline: always the same bytes.

    Raises StudyError for a number that is not finite.
    """
    try:
        text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    except ValueError:
        raise StudyError(path, "a number in it would not be finite") from None
    write_text(path, text + "\n")


def write_jsonl(path: Path, rows: Iterable[dict]) -> None:
    """Write one JSON object a line; the rows are taken one by one."""
    with opened(path) as file:
        for row in rows:
            file.write(json.dumps(row, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n")


def clear_folder(folder: Path) -> None:
    """Remove the files that an earlier run left in an output folder: they may be of another table.

    DVC does so before it runs a stage; a stage that is run by hand must not differ.
    """
    for file in folder.glob("*"):
        if file.is_file():
            file.unlink()


def move_folder(source: Path, target: Path) -> None:
    """Put a finished folder in its place; what stood there before is gone.

    At no moment is half a folder at `target`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_folder(target)
    source.rename(target)


def remove_folder(folder: Path) -> None:
    """Remove a folder, if there is one: at once by its name, then what it holds."""
    gone = folder.with_name(f".{folder.name}.gone.part")
    shutil.rmtree(gone, ignore_errors=True)
    if folder.exists():
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def folder_hash(folder: Path) -> str | None:
    """A hash of the names and contents of all files of a folder; None where there is none."""
    if not folder.is_dir():
        return None
    digest = hashlib.sha256()
    for file in sorted(one for one in folder.rglob("*") if one.is_file()):
        with file.open("rb") as content:
            hashed = hashlib.file_digest(content, "sha256").hexdigest()
        digest.update(f"{file.relative_to(folder).as_posix()} {hashed}\n".encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class JsonLines:
    """The rows that `write_jsonl` wrote, read one by one each time that they are gone through.

    Raises StudyError where the file is not there or cut.
    """

    path: Path

    def __iter__(self) -> Iterator[dict]:
        try:
            with self.path.open(encoding="utf-8") as lines:
                for line in lines:
                    yield json.loads(line)
        except (OSError, ValueError) as error:
            raise _not_as_made(self.path, error) from None


def read_json(path: Path) -> dict:
    """Read an object that `write_json` wrote; raises StudyError where it is not there or cut."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _not_as_made(path, error) from None
    if not isinstance(found, dict):
        raise StudyError(path, "holds no JSON object", expected=MADE)
    return found


def read_table(
    path: Path, columns: Iterable[str] = (), types: Mapping[str, type] | None = None
) -> pd.DataFrame:
    """Read a table that a stage wrote; an empty cell is missing, and nothing else is.

    What has no type in `types` has that which its cells look like; names of beads, cells and labels
    stay texts, whatever they look like. Raises StudyError where it is not there, is no table, or
    lacks one of `columns`.
    """
    try:
        table = parse_table(path, types)
    except (OSError, ValueError) as error:
        raise _not_as_made(path, error) from None
    for name in columns:
        if name not in table:
            raise StudyError(path, "there is no such column", column=name, expected=MADE)
    return table


def _not_as_made(path: Path, error: Exception) -> StudyError:
    said = getattr(error, "strerror", None) or str(error).splitlines()[0]
    missing = isinstance(error, FileNotFoundError)
    reason = "there is no such file" if missing else f"cannot be read ({said})"
    return StudyError(path, reason, expected=MADE)


def parse_table(source: object, types: Mapping[str, type] | None = None) -> pd.DataFrame:
    """What a CSV of `write_table` holds, a path or an open text; types as in `read_table`."""
    given = dict.fromkeys(NAMES, str) | dict(types or {})
    return pd.read_csv(source, dtype=given, keep_default_na=False, na_values=[""], encoding="utf-8")
