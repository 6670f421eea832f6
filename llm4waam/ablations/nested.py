"""What the nested sweep says: probabilities before and after a temperature, and intervals."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from llm4waam.decisions.decisions import tempered
from llm4waam.evaluation.intervals import coverage_of, nested_intervals, nested_temperatures
from llm4waam.evaluation.reliability import brier, ece, log_loss
from llm4waam.splits.tasks import Task

MEASURES = {"log_loss": log_loss, "brier": brier, "ece": ece}
KEYS = ["task", "model"]
CALIBRATION = [*KEYS, "variant", *MEASURES, "temperature"]
WIDTHS = ["coverage", "coverage_low", "coverage_high", "mean_width", "median_relative_width"]


def calibration_table(
    nested: pd.DataFrame, own: pd.DataFrame, tasks: Mapping[str, Task], folds: pd.DataFrame
) -> pd.DataFrame:
    """The table CALIBRATION: of every classification and model, before and after a temperature.

    `nested` are the rows of the nested sweep, `own` the study's own out-of-fold rows with `task`;
    its first repeat is what is tempered. `temperature` is the mean over folds.
    """
    found = []
    for (name, model), rows in _groups(nested, tasks, regression=False):
        temperatures = nested_temperatures(rows, tasks[name], folds)
        part = own[(own["task"] == name) & (own["model"] == model) & (own["repeat"] == 0)]
        before, target = part["score"].to_numpy(), part["target"].to_numpy()
        after = np.array(before)
        for place, temperature in temperatures.items():
            inside = (part["fold"] == place).to_numpy()
            after[inside] = tempered(before[inside], temperature)
        for variant, score in (("before", before), ("after", after)):
            values = {measure: of(score, target) for measure, of in MEASURES.items()}
            who = {"task": name, "model": model, "variant": variant}
            found.append({**who, **values, "temperature": temperatures.mean()})
    return pd.DataFrame(found, columns=CALIBRATION)


def interval_table(
    nested: pd.DataFrame, tasks: Mapping[str, Task], folds: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Coverage and width of every regression and model, and the intervals bead by bead."""
    widths, beads = [], []
    for (name, model), rows in _groups(nested, tasks, regression=True):
        found = nested_intervals(rows, tasks[name], folds)
        beads.append(found.assign(task=name, model=model))
        widths.append(
            {"task": name, "model": model, "unit": tasks[name].unit, **coverage_of(found)}
        )
    columns = [*KEYS, "unit", *WIDTHS, "beads"]
    empty = pd.DataFrame(columns=[*KEYS, "bead", "target", "score", "low", "high"])
    table = pd.concat(beads, ignore_index=True) if beads else empty
    return pd.DataFrame(widths, columns=columns), table


def _groups(nested: pd.DataFrame, tasks: Mapping[str, Task], *, regression: bool) -> list:
    """(task, model) and its rows, in the order of `tasks`."""
    return [
        ((name, model), rows)
        for name, task in tasks.items()
        if (task.kind == "regression") is regression
        for model, rows in nested[nested["task"] == name].groupby("model", sort=False)
    ]
