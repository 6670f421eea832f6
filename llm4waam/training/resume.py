"""The folds of a task that are done, so that an interrupted training goes on where it stopped."""

import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import torch
import transformers

from llm4waam.core.files import read_table, write_json, write_table
from llm4waam.training.data import TaskData
from llm4waam.training.fit import FittedFold

LIBRARY = Path(__file__).parents[1]
ROOMS = ("core", "card", "splits", "decisions", "encoders", "training", "stacked")


class FinishedFolds:
    """A folder of finished folds, valid for one fingerprint of all that decides them.

    A fold is the unit: a training that is killed loses the folds that it was at. The folder is
    cleared when the task is done, and when anything that decides its folds has changed.
    """

    def __init__(self, folder: Path, data: TaskData, folds: pd.DataFrame) -> None:
        self.folder = folder
        mark = folder / "fingerprint.json"
        fingerprint = {"sha256": _fingerprint(data, folds)}
        if not mark.is_file() or json.loads(mark.read_text(encoding="utf-8")) != fingerprint:
            self.clear()
            write_json(mark, fingerprint)

    def load(self, place: tuple[int, int]) -> FittedFold | None:
        """What the fold (repeat, fold) left, without its models; None if it is not done."""
        files = self._files(place)
        if not all(file.is_file() for file in files):
            return None
        rows = read_table(files[0])  # floats come back to the last bit
        history = json.loads(files[1].read_text(encoding="utf-8"))
        return FittedFold([], None, rows, history)

    def store(self, place: tuple[int, int], fitted: FittedFold) -> None:
        """Keep what a fold left."""
        rows, history = self._files(place)
        write_table(rows, fitted.predictions)
        write_json(history, fitted.history)

    def clear(self) -> None:
        """Forget everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _files(self, place: tuple[int, int]) -> list[Path]:
        stem = f"fold_{place[0]}_{place[1]}"
        return [self.folder / f"{stem}.csv", self.folder / f"{stem}.json"]


def _fingerprint(data: TaskData, folds: pd.DataFrame) -> str:
    """A hash of recipe, task, targets, tokens, folds, checkpoint, code and library versions."""
    digest = hashlib.sha256()
    facts = {
        "recipe": data.recipe.model_dump(),
        "task": repr(data.task),
        "source": [repr(data.source), data.threads],
        "targets": {bead: values.tolist() for bead, values in data.targets.items()},
        "prompts": repr(data.prompts),
        "fields": data.fields,
        "cells": data.cells,
        "folds": folds.to_csv(index=False),
        "versions": [torch.__version__, transformers.__version__],
    }
    digest.update(json.dumps(facts, sort_keys=True).encode())
    checkpoint = Path(data.source.checkpoint)
    files = sorted(checkpoint.glob("*")) if checkpoint.is_dir() else []
    code = [file for room in ROOMS for file in sorted((LIBRARY / room).glob("*.py"))]
    for file in [*filter(Path.is_file, files), *code]:
        digest.update(file.read_bytes())
    return digest.hexdigest()
