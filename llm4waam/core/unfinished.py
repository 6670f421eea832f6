"""Finished parts of a long work that is not done: a killed work goes on, and takes no wrong part.

Every cut between two operations on files, and a loss of power, leaves one of two states of a part:
it is taken as it would have been made, or it is made anew.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm4waam.core.files import remove_folder, write_json

LIBRARY = Path(__file__).parents[1]


def code_hash(rooms: Sequence[str]) -> str:
    """A hash of the code of these rooms, which is a part of what decides a work."""
    digest = hashlib.sha256()
    for room in rooms:
        for file in sorted((LIBRARY / room).glob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


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
