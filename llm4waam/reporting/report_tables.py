"""The tables of the report, from what stages wrote; nothing is computed here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from llm4waam.encoders.families import FAMILIES
from llm4waam.evaluation.assessment import FORMULAS
from llm4waam.evaluation.metrics import HEADLINES, class_names, file_key
from llm4waam.evaluation.significance import BETTER, UNTOLD, WORSE
from llm4waam.plotting.pages import between, number, probability
from llm4waam.reporting.report_words import Words
from llm4waam.splits.tasks import Task

# The columns of the original study, by kind of task.
COLUMNS = {
    "multi_label": (
        *("val_loss", "macro_f1", "micro_f1", "partial_score", "exact_match", "label_accuracy"),
    ),
    "binary": (
        *("val_loss", "accuracy", "macro_f1", "micro_f1", "partial_score", "exact_match"),
        "label_accuracy",
    ),
    "multi_class": ("val_loss", "accuracy", "macro_f1"),
    "regression": ("val_loss", "mse", "rmse", "mae", "r2"),
}


@dataclass(frozen=True)
class Table:
    """A table of text; the first column is left-aligned, rows in `strong` are bold."""

    caption: str
    head: list[str]
    rows: list[list[str]]
    strong: tuple[int, ...] = ()


def cleaning_table(words: Words, caption: str, counts: Mapping) -> Table:
    """What cleaning counted, from metrics/clean.json."""
    rows = [
        [words.fill(text), f"{counts[key]:,}"]
        for key, text in words.texts["cleaning"].items()
        if key in counts
    ]
    return Table(caption, [words.name("quantity"), words.name("count")], rows)


def task_table(
    words: Words, task: Task, metrics: Mapping[str, dict], tiers: Mapping[str, int], caption: str
) -> Table:
    """Every model of a task, best first, in the columns of the original study."""
    headline = HEADLINES[task.kind]
    columns = list(COLUMNS[task.kind])
    if task.kind == "binary":
        columns += [f"recall_{file_key(name)}" for name in task.classes]
    squared = f"({task.unit})²" if "/" in (task.unit or "") else f"{task.unit}²"
    units = {"mse": squared, "rmse": task.unit, "mae": task.unit} if task.unit else {}
    names = [words.name(c) + (f", {units[c]}" if c in units else "") for c in columns]
    held = f"{words.name(headline)}, {words.name('hold_out')}"
    order = sorted(metrics, key=lambda m: _or_low(metrics[m]["oof"].get(headline)), reverse=True)
    rows = []
    for model in order:
        found, hold_out = metrics[model]["oof"], metrics[model]["hold_out"]
        name = words.name(model) + (" †" if model == FORMULAS["post_weld"] else "")
        name += " *" if metrics[model]["optimistic"] else ""
        cells = [
            _between(found[c], *(found["interval"][end] for end in ("low", "high")))
            if c == headline
            else number(found.get(c))
            for c in columns
        ]
        rows.append([name, str(tiers[model]), *cells, number(hold_out.get(headline))])
    strong = tuple(place for place, model in enumerate(order) if model in FAMILIES)
    head = [words.name("model"), words.name("tier"), *names, held]
    return Table(caption, head, rows, strong)


def _or_low(value: float | None) -> float:
    return float("-inf") if value is None else value


def comparison_table(
    words: Words, tasks: Mapping[str, Task], comparisons: Mapping, caption: str
) -> Table:
    """Every row of metrics/comparisons.json, in the order of `tasks`."""
    heads = ("task", "comparison", "difference", "p_mcnemar", "p_corrected_t", "p_holm", "verdict")
    rows = []
    for task in tasks:
        for key in sorted(comparisons[task], key=lambda key: key.endswith(("baseline", "formula"))):
            pair = comparisons[task][key]
            said = {BETTER: "better", WORSE: "worse", UNTOLD: "chance"}.get(pair["verdict"])
            gap = _between(*(pair[k] for k in ("difference", "difference_low", "difference_high")))
            tests = [probability(pair[k]) for k in ("p_mcnemar", "p_corrected_t", "p_holm")]
            who = f"{words.name(pair['one'])} − {words.name(pair['other'])}"
            rows.append([words.name(task), who, gap, *tests, words.name(said or "undefined")])
    return Table(caption, [words.name(head) for head in heads], rows)


def label_table(
    words: Words, task: Task, metrics: Mapping[str, dict], models: Sequence[str], caption: str
) -> Table:
    """Precision, recall and F1 of each label and model."""
    head = [words.name("label"), words.name("support")]
    head += [
        f"{words.name(model)}, {words.name(measure)}"
        for model in models
        for measure in ("precision", "recall", "f1")
    ]
    rows = []
    for label in map(file_key, class_names(task)):
        found = [metrics[model]["per_label"][label] for model in models]
        values = [
            number(one[measure]) for one in found for measure in ("precision", "recall", "f1")
        ]
        rows.append([words.name(label), str(found[0]["support"]), *values])
    return Table(caption, head, rows)


PROBE = "nearest_neighbour"  # it looks beads up, and so shows a leak
ABLATION_METRICS = (*HEADLINES.values(), "macro_f1")


def shown_models(table: pd.DataFrame, *, probe: bool) -> dict[str, list[str]]:
    """Task -> the encoders, the best baseline of its first variation and, if wanted, the probe.

    `table` is that of an ablation, see `ablation_tables`.
    """
    found = {}
    for task in table["task"].unique():
        part = table[(table["task"] == task) & table["metric"].isin(HEADLINES.values())]
        known = part[~part["model"].isin(FAMILIES) & (part["model"] != FORMULAS["post_weld"])]
        first = known.drop_duplicates("model")
        best = first.sort_values("score", ascending=False, kind="stable")["model"].head(1)
        names = dict.fromkeys([*FAMILIES, *best, *([PROBE] if probe else [])])
        found[task] = [name for name in names if name in set(part["model"])]
    return found


def ablation_tables(
    words: Words, table: pd.DataFrame, models: Mapping[str, list[str]], text: Mapping
) -> list[Table]:
    """A table a task and metric of an ablation: variations down, `models` of the task across.

    `table` holds task, model, variation, title, metric, score, low, high and beads.
    """
    found = []
    shown = table[table["metric"].isin(ABLATION_METRICS)]
    for (task, metric), part in shown.groupby(["task", "metric"], sort=False):
        names = models[task]
        cells = part.set_index(["variation", "model"])
        named = part[part["model"].isin(names)].drop_duplicates("variation")
        rows = []
        for one in named.itertuples():
            places = [(one.variation, name) for name in names]
            values = [cells.loc[p] if p in cells.index else None for p in places]
            texts = [
                "–" if v is None else _between(v["score"], v["low"], v["high"]) for v in values
            ]
            rows.append([words.variation(one.variation, one.title), *texts])
        size = int(part["beads"].max())
        caption = words.fill(text, task=words.name(task), metric=words.name(metric), beads=size)
        found.append(Table(caption, [words.name("variant"), *map(words.name, names)], rows))
    return found


MEASURES, BOTH = ("log_loss", "brier", "ece"), ("before", "after")


def calibration_tables(words: Words, table: pd.DataFrame, text: Mapping) -> list[Table]:
    """Probabilities before and after a temperature."""
    head, found = [words.name("model")], []
    head += [f"{words.name(m)}, {words.name(v)}" for m in MEASURES for v in BOTH]
    for task, part in table.groupby("task", sort=False):
        wide = part.set_index(["model", "variant"])
        rows = [
            [words.name(m), *(number(wide.at[(m, v), k]) for k in MEASURES for v in BOTH)]
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
                _between(row.coverage, row.coverage_low, row.coverage_high),
                number(row.mean_width),
                number(row.median_relative_width),
            ]
            for row in part.itertuples()
        ]
        found.append(Table(words.fill(text, task=words.name(task)), head, rows))
    return found


def spread_tables(words: Words, table: pd.DataFrame, text: Mapping) -> list[Table]:
    """How far the draw of the split moves the score of every model, best first."""
    measures, found = ("study", "mean", "sd"), []
    for task, part in table.groupby("task", sort=False):
        wide = part.set_index(["model", "role"])
        order = part[part["role"] == "oof"].sort_values("mean", ascending=False, kind="stable")
        rows = []
        for model in order["model"]:
            cells = [words.name(model)]
            for role in ("oof", "hold_out"):
                one = wide.loc[(model, role)] if (model, role) in wide.index else None
                cells += ["–"] * 3 if one is None else [number(one[m]) for m in measures]
            rows.append(cells)
        head = [words.name("model")]
        head += [
            f"{words.name(f'draws_{m}')}, {words.name(role)}"
            for role in ("oof", "hold_out")
            for m in measures
        ]
        known = {"task": words.name(task), "metric": words.name(part["metric"].iloc[0])}
        caption = words.fill(text, **known, draws=int(part["draws"].max()))
        found.append(Table(caption, head, rows))
    return found


def _between(score: float | None, low: float | None, high: float | None) -> str:
    """A score and its interval, in a way that both languages read."""
    return between(score, low, high, joined_by="~")
