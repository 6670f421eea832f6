"""Long work that is killed or overtaken: it goes on, takes no wrong part and writes no old outcome.

Every cut between two operations on files, and a loss of power, leaves one of two states of a part:
it is taken as it would have been made, or it is made anew.
"""

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from llm4waam.core.errors import StudyError
from llm4waam.core.files import remove_folder, write_json
from llm4waam.core.settings import PARAMS_FILE, read_params

LIBRARY = Path(__file__).parents[1]


def code_hash(rooms: Sequence[str]) -> str:
    """A hash of the code of these rooms, which is a part of what decides a work."""
    digest = hashlib.sha256()
    for room in rooms:
        for file in sorted((LIBRARY / room).glob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


class Start:
    """The parameters and the code that a long stage was started with.

    DVC hashes both when a stage has ended: it would take the outcome of the old ones for that of
    the new.
    """

    def __init__(self, params: BaseModel) -> None:
        self._params = params
        loaded = (name.split(".") for name in sys.modules if name.startswith("llm4waam."))
        self._rooms = sorted({room for _, room, *_ in loaded})
        self._code = code_hash(self._rooms)

    def check(self) -> None:
        """Raise StudyError if they are others by now; to be called before anything is written."""
        what = "the code" if code_hash(self._rooms) != self._code else None
        if read_params(type(self._params)) != self._params:
            what = PARAMS_FILE
        if what:
            reason = "changed while the stage ran; nothing is written"
            raise StudyError(what, reason, expected="dvc repro again")


@dataclass(frozen=True)
class Unfinished:
    """A folder of finished parts; `mark` is a hash of all that decides them.

    Each part is a file of its own that holds the mark beside the value, so that a file of another
    mark, an empty one and one that was cut are the same: no part.
    """

    folder: Path
    mark: str

    def load(self, name: str) -> Any:
        """The value of a part; None if it is not finished."""
        try:
            stored = json.loads(self._file(name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        same = isinstance(stored, dict) and stored.get("mark") == self.mark
        return stored.get("value") if same else None

    def store(self, name: str, value: Any) -> None:
        """Keep the value of a part: what JSON can hold, and not None."""
        write_json(self._file(name), {"mark": self.mark, "value": value})

    def clear(self) -> None:
        """Forget everything."""
        remove_folder(self.folder)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"
