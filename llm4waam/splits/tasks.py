"""What is predicted: the targets of a task as an array, one row a bead."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from llm4waam.card import labels
from llm4waam.card.card import Card
from llm4waam.core.errors import StudyError


@dataclass(frozen=True)
class Task:
    """One task of a card.

    `outputs` names the columns of a target array: the labels (multi_label), the classes of which
    each bead has one (multi_class), what is asked for (binary; 1 means that it is so) or the target
    column (regression). `exclusive` is the label that no other may join, if there is one. `classes`
    names what 0 and 1 of a binary task mean.
    """

    name: str
    kind: str
    outputs: tuple[str, ...]
    exclusive: str | None
    classes: tuple[str, str]
    transform: str
    unit: str | None
    question: str


def make_task(card: Card, name: str, card_file: object) -> Task:
    """The task called `name`; raises StudyError where the card has none of that name."""
    spec = card.task(name, card_file)
    first = card.columns[spec.columns[0]]
    if spec.kind == "binary":  # of a flag or a number nothing but the answer has a name
        outputs = (spec.label or spec.classes[1],)
    elif spec.kind == "multi_class":
        outputs = tuple(first.levels)
    elif spec.kind == "multi_label" and first.kind == "labels":
        outputs = tuple(first.labels)
    else:
        outputs = tuple(spec.columns)
    exclusive = first.exclusive if spec.kind == "multi_label" else None
    return Task(
        name, spec.kind, outputs, exclusive, spec.classes, spec.transform, first.unit, spec.question
    )


def targets(card: Card, task: Task, beads: pd.DataFrame) -> np.ndarray:
    """Targets of shape (beads, outputs) as floats: 0 or 1, or the physical value.

    A bead whose outcome is missing has NaN in its row and takes no part in the task.
    """
    spec = card.tasks[task.name]
    column = card.columns[spec.columns[0]]
    if column.kind in ("number", "flag"):
        values = beads[spec.columns].to_numpy(dtype=float)
        if spec.threshold is None:
            return values
        return np.where(np.isnan(values), np.nan, values >= spec.threshold)
    said = beads[spec.columns[0]]
    known = said.notna().to_numpy()
    rows = np.full((len(beads), len(task.outputs)), np.nan)
    if not known.any():
        return rows
    rows[known] = [
        [float(output in parts) for output in task.outputs]
        for parts in (
            labels.split(text) if column.kind == "labels" else [text] for text in said[known]
        )
    ]
    return rows


def known_targets(card: Card, task: Task, beads: pd.DataFrame) -> dict[str, np.ndarray]:
    """Bead -> its targets (outputs,), for the beads whose outcome is known."""
    rows = targets(card, task, beads)
    known = ~np.isnan(rows).any(axis=1)
    return dict(zip(beads.loc[known, "bead"], rows[known], strict=True))


def check_learnable(task: Task, values: np.ndarray, file: object) -> None:
    """Raise StudyError for a task with no bead, or with nothing to tell apart."""
    known = values[~np.isnan(values).any(axis=1)]
    if not len(known):
        raise StudyError(file, f"task {task.name}: no bead has its outcome")
    if (known == known[0]).all():
        found = f"every bead is {dict(zip(task.outputs, known[0].tolist(), strict=True))}"
        raise StudyError(file, f"task {task.name}: {found}", expected="at least two outcomes")
