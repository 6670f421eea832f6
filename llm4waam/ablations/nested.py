"""Kind `nested`: probabilities before and after a temperature, and 90 % intervals.

For every two folds one model learned from the beads outside both, so that whatever is fitted for a
fold is fitted on predictions of beads of the other folds by models that saw neither.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from llm4waam.decisions.decisions import tempered
from llm4waam.evaluation.intervals import coverage_of, nested_intervals, nested_temperatures
from llm4waam.evaluation.reliability import brier, ece, log_loss
from llm4waam.plotting.pages import (
    between,
    kind_of_data,
    markdown_table,
    number,
    sentence_case,
)
from llm4waam.plotting.style import title
from llm4waam.splits.tasks import Task

MEASURES = {"log_loss": log_loss, "brier": brier, "ece": ece}
STATES = ("before", "after")  # the temperature
CALIBRATION = ["task", "model", "variant", *MEASURES, "temperature"]
WIDTHS = ["coverage", "coverage_low", "coverage_high", "mean_width", "median_relative_width"]
TEMPERATURE_INTRO = (
    "Log-loss, Brier score and expected calibration error (five bins of equal mass) of the "
    "study's own out-of-fold probabilities, before and after a temperature. The temperature of a "
    "fold is fitted on predictions of beads of the other folds, by models that saw neither these "
    "beads nor the fold. Lower is better."
)
INTERVAL_INTRO = (
    "CV+ intervals (Barber et al. 2021) for every bead of a fold, from models that never saw the "
    "fold and residuals of beads of the other folds. A 90 % interval should hold the true value "
    "for 90 % of the beads; among those that do, the narrower is the better."
)


def calibration_table(
    nested: pd.DataFrame, own: pd.DataFrame, tasks: Mapping[str, Task], folds: pd.DataFrame
) -> pd.DataFrame:
    """The table CALIBRATION: of every classification and model, before and after a temperature.

    `nested` are the rows of this kind, `own` the study's own out-of-fold rows with `task`; its
    first repeat is what is tempered. `temperature` is the mean over folds.
    """
    found = []
    for (name, model), rows in _groups(nested, tasks, regression=False):
        temperatures = nested_temperatures(rows, tasks[name], folds)
        part = own[(own["task"] == name) & (own["model"] == model) & (own["repeat"] == 0)]
        before, target = part["score"].to_numpy(), part["target"].to_numpy()
        after = np.array(before)
        for place, temperature in temperatures.items():
            inside = (part["fold"] == place).to_numpy()
            many, shape = tasks[name].kind == "multi_class", (-1, len(tasks[name].outputs))
            scores = tempered(before[inside].reshape(shape), temperature, one_of_many=many)
            after[inside] = scores.ravel()
        for state, score in zip(STATES, (before, after), strict=True):
            values = {measure: of(score, target) for measure, of in MEASURES.items()}
            who = {"task": name, "model": model, "variant": state}
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
    columns = ["task", "model", "unit", *WIDTHS, "beads"]
    empty = pd.DataFrame(columns=["task", "model", "bead", "target", "score", "low", "high"])
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


def nested_page(calibration: pd.DataFrame, widths: pd.DataFrame, *, simulated: bool) -> str:
    """Both tables as one page."""
    parts = [f"# Probabilities and intervals, on {kind_of_data(simulated=simulated)}"]
    parts += ["## Probabilities before and after a temperature", TEMPERATURE_INTRO]
    for task, rows in calibration.groupby("task", sort=False):
        wide = rows.set_index(["model", "variant"])
        lines = [
            [title(model), *(number(wide.at[(model, s), m]) for m in MEASURES for s in STATES)]
            for model in rows["model"].unique()
        ]
        head = ["model", *(f"{title(m)}, {s}" for m in MEASURES for s in STATES)]
        parts += [f"### {sentence_case(title(task))}"]
        parts += [markdown_table(pd.DataFrame(lines, columns=head))]
    parts += ["## 90 % intervals", INTERVAL_INTRO]
    for task, rows in widths.groupby("task", sort=False):
        unit = rows["unit"].iloc[0]
        lines = [
            [
                title(row.model),
                between(row.coverage, row.coverage_low, row.coverage_high),
                number(row.mean_width),
                number(row.median_relative_width),
            ]
            for row in rows.itertuples()
        ]
        width = f"mean width{f', {unit}' if isinstance(unit, str) else ''}"
        head = ["model", "coverage", width, "median width / true value"]
        parts += [f"### {sentence_case(title(task))}, {rows['beads'].max()} beads"]
        parts += [markdown_table(pd.DataFrame(lines, columns=head))]
    return "\n\n".join(parts) + "\n"
