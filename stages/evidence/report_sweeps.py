"""The tables of the report that show sweeps, from what the stages of sweeps/dvc.yaml wrote."""

from collections.abc import Mapping

import pandas as pd

from stages.evidence.report_tables import Table
from stages.evidence.report_words import Words, between, shown
from stages.learning.metrics import HEADLINES
from stages.learning.tasks import Task

MEASURES, BOTH = ("log_loss", "brier", "ece"), ("before", "after")


def trial_tables(
    words: Words, table: pd.DataFrame, models: Mapping[str, list[str]], text: Mapping
) -> list[Table]:
    """A table a task and metric of a sweep: variants down, `models` of the task across."""
    found = []
    for (task, metric), part in table.groupby(["task", "metric"], sort=False):
        names = models[task]
        cells = part.set_index(["variant", "model"])
        rows = []
        for variant in part["variant"].unique():
            places = [(variant, name) for name in names]
            values = [cells.loc[p] if p in cells.index else None for p in places]
            texts = ["–" if v is None else between(v["score"], v["low"], v["high"]) for v in values]
            rows.append([words.variant(variant), *texts])
        size = int(part["beads"].max())
        caption = words.fill(text, task=words.name(task), metric=words.name(metric), beads=size)
        found.append(Table(caption, [words.name("variant"), *map(words.name, names)], rows))
    return found


def calibration_tables(words: Words, table: pd.DataFrame, text: Mapping) -> list[Table]:
    """Probabilities before and after a temperature."""
    head, found = [words.name("model")], []
    head += [f"{words.name(m)}, {words.name(v)}" for m in MEASURES for v in BOTH]
    for task, part in table.groupby("task", sort=False):
        wide = part.set_index(["model", "variant"])
        rows = [
            [words.name(m), *(shown(wide.at[(m, v), k]) for k in MEASURES for v in BOTH)]
            for m in part["model"].unique()
        ]
        found.append(Table(words.fill(text, task=words.name(task)), head, rows))
    return found


def interval_tables(words: Words, table: pd.DataFrame, text: Mapping) -> list[Table]:
    """Coverage and width of the 90 % intervals."""
    found = []
    for task, part in table.groupby("task", sort=False):
        unit = part["unit"].iloc[0]
        width = words.name("mean_width") + (f" ({unit})" if isinstance(unit, str) else "")
        head = [words.name("model"), words.name("coverage"), width, words.name("relative_width")]
        rows = [
            [
                words.name(row.model),
                between(row.coverage, row.coverage_low, row.coverage_high),
                shown(row.mean_width),
                shown(row.median_relative_width),
            ]
            for row in part.itertuples()
        ]
        found.append(Table(words.fill(text, task=words.name(task)), head, rows))
    return found


def loss_tables(
    words: Words, losses: Mapping, tasks: Mapping[str, Task], text: Mapping
) -> list[Table]:
    """Headline of every loss, from metrics/losses.json."""
    found = []
    for name in filter(losses.__contains__, tasks):
        scores = losses[name]
        metric = words.name(HEADLINES[tasks[name].kind])
        known = sorted((n for n, v in scores.items() if v is not None), key=scores.get)
        order = [*reversed(known), *(n for n, v in scores.items() if v is None)]
        rows = [[loss, shown(scores[loss])] for loss in order]
        caption = words.fill(text, task=words.name(name), metric=metric)
        found.append(Table(caption, [words.name("loss"), metric], rows))
    return found
