"""How often a probability came true, by the probability that an answer gives: a calibrated one."""

from collections.abc import Mapping

import pandas as pd

from llm4waam.evaluation.incomplete import calibrations
from llm4waam.evaluation.reliability import came_true
from llm4waam.splits.tasks import Task

Answered = Mapping[str, Mapping[str, pd.DataFrame]]  # task -> encoder -> what `as_answered` gives


def as_answered(
    task: Task, rows: pd.DataFrame, incomplete: pd.DataFrame, *, tempered_already: bool
) -> pd.DataFrame:
    """role, target, score: the probabilities of a task of two classes as answers give them.

    `rows` and `incomplete` are one encoder's rows with the columns of `decisions.predictions`. Out
    of fold the temperature of a fold is fitted on the other folds; that of the hold-out, on all
    folds, is that of the final model.
    """
    found = calibrations(task, rows, incomplete, tempered_already=tempered_already)
    parts = [
        own.assign(score=calibration.probabilities(own[["score"]].to_numpy(float))[:, 0])
        for calibration, own, _ in found
    ]
    columns = ["role", "target", "score"]
    return pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)


def trust(answered: Answered) -> pd.DataFrame:
    """Two classes: task, model, role and `reliability.came_true` of the last class, of encoders."""
    tables = [
        came_true(part["score"].to_numpy(float), part["target"].to_numpy(float)).assign(
            task=task, model=model, role=role
        )
        for task, models in answered.items()
        for model, rows in models.items()
        for role, part in rows.groupby("role", sort=False)
    ]
    columns = ["task", "model", "role", "least", "most", "statements", "came_true", "low", "high"]
    return (
        pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)
    )
