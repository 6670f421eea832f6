"""The manifest of a final model: what the folder holds, with the size and hash of every file.

It is written when the model is made and checked when it is loaded. So a file that was lost, cut or
exchanged is named, and no answer comes from a folder that is not as it was made.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from llm4waam.core.errors import StudyError
from llm4waam.core.files import write_json
from llm4waam.core.settings import Section, checked

FILE = "manifest.json"
LEFT_OUT = "left_out.txt"  # stands alone in the folder of an encoder that params.yaml leaves out
AGAIN = "the outcome of dvc repro"


class Entry(Section):
    """One file: how many bytes it has, and their SHA-256."""

    bytes: int
    sha256: str


class Manifest(Section):
    """Whose model a folder holds.

    `made_from` is the mark of `llm4waam.core.made_from`; `files` are all files of the folder but
    the manifest, by their path in it.
    """

    encoder: str
    task: str
    made_from: dict
    files: dict[str, Entry]


def write_manifest(folder: Path, encoder: str, task: str, mark: Mapping) -> None:
    """Write the manifest of a folder whose files are all there; `mark` says what made them."""
    files = {name: _entry(file).model_dump() for name, file in _files(folder).items()}
    facts = {"encoder": encoder, "task": task, "made_from": mark, "files": files}
    write_json(folder / FILE, facts)


def check_manifest(folder: Path, encoder: str, task: str) -> Manifest:
    """The manifest of a folder, after every file was compared with it.

    Raises StudyError, which names the file and what makes it again, where there is no model or that
    of another encoder or task, and for the first file that is missing, empty, cut, exchanged or not
    among those of the model. Files whose name begins with a dot are passed over.
    """
    manifest = _read(folder)
    for name, found, wanted in (
        ("encoder", manifest.encoder, encoder),
        ("task", manifest.task, task),
    ):
        if found != wanted:
            expected = f"{wanted}, {AGAIN}"
            reason = f"the folder holds the model of another {name}"
            raise StudyError(folder / FILE, reason, value=found, expected=expected)
    files = _files(folder)
    for name, entry in manifest.files.items():
        if name not in files:
            raise StudyError(folder / name, "there is no such file", expected=AGAIN)
        size = files[name].stat().st_size
        if size != entry.bytes:
            reason = f"has {size} bytes and was made with {entry.bytes}"
            raise StudyError(folder / name, reason, expected=AGAIN)
        if _entry(files[name]) != entry:
            reason = "is not the file that was made with this model"
            raise StudyError(folder / name, reason, expected=AGAIN)
    for name in files:
        if name not in manifest.files:
            raise StudyError(folder / name, "is no file of this model", expected=AGAIN)
    return manifest


def _read(folder: Path) -> Manifest:
    file, left_out = folder / FILE, folder / LEFT_OUT
    if left_out.is_file():
        expected = "encoders in params.yaml to name it, or null, and dvc repro"
        raise StudyError(left_out, "there is no final model of this encoder", expected=expected)
    try:
        return checked(Manifest, json.loads(file.read_text(encoding="utf-8")), file)
    except OSError:
        raise StudyError(file, "there is no final model", expected=AGAIN) from None
    except (ValueError, RecursionError):  # a StudyError is one as well
        raise StudyError(file, "is no manifest of a model", expected=AGAIN) from None


def _files(folder: Path) -> dict[str, Path]:
    """The files of a folder by their path in it, but the manifest and hidden ones."""
    files = {file.relative_to(folder): file for file in sorted(folder.rglob("*")) if file.is_file()}
    shown = {name: f for name, f in files.items() if not any(p.startswith(".") for p in name.parts)}
    return {name.as_posix(): file for name, file in shown.items() if name != Path(FILE)}


def _entry(file: Path) -> Entry:
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256")
    return Entry(bytes=file.stat().st_size, sha256=digest.hexdigest())
