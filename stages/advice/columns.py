"""The columns of an answer about beads: what each model, and what the closed formulas say."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from stages.advice.confidence import Confidence
from stages.beads import labels
from stages.beads.card import Card
from stages.beads.formulas import evaluate
from stages.learning.decisions import decide, exclusive_index
from stages.learning.final import FinalModel
from stages.learning.tasks import Task

LIKELY = 0.5  # a probability of which something is expected


def columns_of(model: FinalModel, sure: Confidence, scores: np.ndarray) -> dict[str, object]:
    """What one model says of beads, by column; `scores` are (beads, outputs)."""
    task = model.task
    if task.kind == "regression":
        low, high = sure.interval(scores[:, 0])
        target = task.outputs[0]
        return {target: scores[:, 0], f"{target}_low": low, f"{target}_high": high}
    cuts = np.array(model.decision.thresholds)
    decided = decide(scores, cuts, exclusive_index(task))
    chances = zip(task.outputs, sure.probabilities(scores).T, strict=True)
    told = {probability_column(task.name, output): p for output, p in chances}
    if task.kind == "binary":
        return {task.name: [task.classes[int(one)] for one in decided[:, 0]]} | told
    names = np.array(task.outputs)
    return {task.name: [labels.JOINER.join(names[row]) for row in decided]} | told


def probability_column(task: str, output: str) -> str:
    """The column of a label: "defects", "Lack of fusion" -> "defects_p_lack_of_fusion"."""
    return f"{task}_p_" + output.lower().replace(" ", "_")


def by_formula(card: Card, tasks: Mapping[str, Task], beads: pd.DataFrame) -> dict[str, np.ndarray]:
    """Target -> values (beads,) of the card's closed formula from set-points, where it has one."""
    known, found = card.with_formulas(beads), {}
    for name, task in tasks.items():
        formula = card.tasks[name].formulas.get("pre_weld")
        if formula:
            found[task.outputs[0]] = evaluate(formula, known).to_numpy()
    return found


def disagree(chance: float, named: Iterable[str], normal: str) -> bool:
    """Whether one model thinks a bead normal and the other names a defect, or neither.

    `chance` is P(`normal`) of the one, `named` are the labels of the other.
    """
    return (chance >= LIKELY) == any(label != normal for label in named)
