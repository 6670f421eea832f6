"""The folds of a task that are done, so that an interrupted training goes on where it stopped."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from io import StringIO
from pathlib import Path

import pandas as pd
import torch
import transformers

from llm4waam.core.files import folder_hash, parse_table
from llm4waam.core.unfinished import Unfinished, code_hash
from llm4waam.decisions.predictions import INCOMPLETE
from llm4waam.splits.folds import HOLD_OUT_FOLD
from llm4waam.training.data import TaskData
from llm4waam.training.fit import FittedFold

Place = tuple[int, int]  # repeat, fold
ROOMS = ("core", "card", "splits", "decisions", "encoders", "training", "stacked")


class FinishedFolds:
    """A folder of finished folds, valid for one mark: a hash of all that decides them.

    The unit is a parcel: folds that were fitted together, whose numbers are those of this parcel
    alone. A training that is killed loses the parcels that it was at. The final model stands in
    `model` until the task is done; without it, or with another, its parcel is not finished.
    """

    def __init__(
        self, folder: Path, data: TaskData, folds: pd.DataFrame, mark: Mapping | None = None
    ) -> None:
        self.folder, self.model = folder, folder / "model"
        self._parts = Unfinished(folder, _fingerprint(data, folds, mark))

    @property
    def mark(self) -> str:
        """A hash of all that decides the folds and the model."""
        return self._parts.mark

    def load(self, places: Sequence[Place]) -> list[FittedFold] | None:
        """What the parcel of these (repeat, fold) left, without models; None if it is not done."""
        stored = self._parts.load(_name(places))
        if stored is None or stored["places"] != [list(place) for place in places]:
            return None
        if stored["model"] is not None and stored["model"] != folder_hash(self.model):
            return None
        return [
            FittedFold([], None, _table(one["predictions"]), one["history"], _table(one["told"]))
            for one in stored["folds"]
        ]

    def store(self, places: Sequence[Place], fitted: Sequence[FittedFold]) -> None:
        """Keep what a parcel left, after its final model, if it has one, was saved."""
        has_model = any(fold == HOLD_OUT_FOLD for _, fold in places)
        value = {
            "places": [list(place) for place in places],
            "folds": [
                {
                    "predictions": one.predictions.to_csv(index=False),
                    "history": one.history,
                    "told": _or_empty(one.incomplete).to_csv(index=False),
                }
                for one in fitted
            ],
            "model": folder_hash(self.model) if has_model else None,
        }
        self._parts.store(_name(places), value)

    def clear(self) -> None:
        """Forget everything."""
        self._parts.clear()


def _name(places: Sequence[Place]) -> str:
    repeat, fold = places[0]
    return f"fold_{repeat}_{fold}"


def _or_empty(incomplete: pd.DataFrame | None) -> pd.DataFrame:
    return pd.DataFrame(columns=INCOMPLETE) if incomplete is None else incomplete


def _table(text: str) -> pd.DataFrame:
    return parse_table(StringIO(text))  # floats come back to the last bit


def _fingerprint(data: TaskData, folds: pd.DataFrame, mark: Mapping | None) -> str:
    """A hash of recipe, task, targets, tokens, folds, checkpoint, code and library versions.

    And of `mark` (see `llm4waam.core.made_from`), if there is one: the final model tells it.
    """
    digest = hashlib.sha256()
    facts = {
        "recipe": data.recipe.model_dump(),
        "mark": mark,
        "task": repr(data.task),
        "source": [repr(data.source), data.threads],
        "targets": {bead: values.tolist() for bead, values in data.targets.items()},
        "prompts": data.prompts.digest,
        "fields": data.fields,
        "cells": data.cells,
        "folds": folds.to_csv(index=False),
        "code": code_hash(ROOMS),
        "versions": [torch.__version__, transformers.__version__],
    }
    digest.update(json.dumps(facts, sort_keys=True).encode())
    checkpoint = Path(data.source.checkpoint)
    for file in sorted(checkpoint.glob("*")) if checkpoint.is_dir() else []:
        if file.is_file():
            digest.update(_hash(file, file.stat().st_mtime_ns).encode())
    return digest.hexdigest()


@cache  # hundreds of fits of an ablation start from one checkpoint
def _hash(file: Path, _: int) -> str:
    """A hash of a file as it was at a time."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
