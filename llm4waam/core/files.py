"""Files are whole or absent: each is written beside its place and then renamed."""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

NAMES = ("bead", "cell", "label")  # columns of names, in whatever table they stand
DIGITS = 4  # significant ones: a processor of another make changes the seventh digit of a training


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with LF line ends; the old file stays until the new one is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_table(path: Path, table: pd.DataFrame, *, rounded: bool = False) -> None:
    """Write a table as CSV (comma, LF, no index; floats with the digits that restore them).

    With `rounded`, for tables that people read and compare, to DIGITS significant digits.
    """
    form = f"%.{DIGITS}g" if rounded else None
    write_text(path, table.to_csv(index=False, lineterminator="\n", float_format=form))


def write_metrics(path: Path, value: object) -> None:
    """Write a file of metrics: JSON whose floats have DIGITS significant digits."""
    write_json(path, _rounded(value))


def significant(value: float | None) -> float | None:
    """`value` to DIGITS significant digits; None where it is None or not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{DIGITS}g}") + 0.0  # + 0.0 turns -0.0 into 0.0


def _rounded(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(part) for part in value]
    return significant(float(value)) if isinstance(value, (float, np.floating)) else value


def fingerprint(path: Path) -> str:
    """Twelve letters that say which content a file has."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def write_json(path: Path, value: object) -> None:
    """Write JSON with sorted keys, indent 2, no NaN and a final newline: always the same bytes."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_text(path, text + "\n")


def write_jsonl(path: Path, rows: Iterable[dict]) -> None:
    """Write one JSON object a line."""
    lines = (json.dumps(row, sort_keys=True, allow_nan=False, ensure_ascii=False) for row in rows)
    write_text(path, "".join(line + "\n" for line in lines))


def clear_folder(folder: Path) -> None:
    """Remove the files that an earlier run left in an output folder: they may be of another table.

    DVC does so before it runs a stage; a stage that is run by hand must not differ.
    """
    for file in folder.glob("*"):
        if file.is_file():
            file.unlink()


def move_folder(source: Path, target: Path) -> None:
    """Put a finished folder in its place; what stood there before is gone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    source.rename(target)


def read_jsonl(path: Path) -> list[dict]:
    """Read what `write_jsonl` wrote."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def read_table(path: Path, types: Mapping[str, type] | None = None) -> pd.DataFrame:
    """Read a table that a stage wrote; an empty cell is missing, and nothing else is.

    What has no type in `types` has that which its cells look like; names of beads, cells and labels
    stay texts, whatever they look like.
    """
    given = dict.fromkeys(NAMES, str) | dict(types or {})
    return pd.read_csv(path, dtype=given, keep_default_na=False, na_values=[""], encoding="utf-8")
