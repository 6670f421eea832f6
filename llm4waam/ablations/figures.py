"""Figures of the ablations, from the table of `scores`: steps from the top down, or a curve."""

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from llm4waam.ablations.scores import best_baseline
from llm4waam.encoders.families import FAMILIES
from llm4waam.evaluation.assessment import FORMULAS
from llm4waam.evaluation.metrics import HEADLINES
from llm4waam.plotting.pages import number as number_text
from llm4waam.plotting.style import (
    COLOURS,
    GREY,
    MARKERS,
    PANEL,
    Panels,
    fit_legend,
    model_colour,
    new_figure,
    title,
)

FLOOR = -0.5  # an R2 below it is far worse than the mean: its dot stands here, beside its value
APART = 0.45  # between the models of a variation, in lines
BETWEEN = 0.8  # between two variations, in lines
WIDTH = 27  # letters of a line of a variation's title
LINE = 0.15  # inches: the height of a line

# Kind -> label of its axis, and whether that is logarithmic; the other kinds have steps.
AXES = {
    "rates": ("learning rate (logarithmic)", True),
    "samples": ("training beads of a fold", False),
    "noise": ("share of training beads with a wrong outcome", False),
}


def ablation_figure(kind: str, table: pd.DataFrame, models: Mapping[str, Sequence[str]]) -> Panels:
    """The figure of a kind; `models` are those shown of a task."""
    if kind in AXES:
        return curve_figure(table, models, *AXES[kind])
    return steps_figure(table, models, lines=kind == "ladder")


def steps_figure(
    table: pd.DataFrame, models: Mapping[str, Sequence[str]], *, lines: bool
) -> Panels:
    """One panel a task: every variation from the top down, a dot and its interval for each model.

    With `lines`, vertical ones stand for the baselines of the ladder.
    """
    steps = {task: _steps(table, task, names) for task, names in models.items()}
    columns = min(len(models), 2)
    figure, axes = new_figure(-(-len(models) // columns), columns, width=PANEL, height=1)
    for axis in axes[len(models) :]:
        axis.set_visible(False)
    for axis, (task, names) in zip(axes, models.items(), strict=False):
        shown, part = steps[task], _headline(table, task)
        for number, model in enumerate(names):
            rows = part[part["model"] == model].set_index("variation")
            rows = rows[rows.index.isin(shown["variation"])]
            places = shown.set_index("variation").loc[rows.index, "place"].to_numpy()
            heights = places + (number - (len(names) - 1) / 2) * APART
            _dots(axis, rows, heights, number, model, upright=False)
        if lines:
            _baseline_lines(axis, table, task)
        axis.set_yticks(shown["place"], shown["label"])
        axis.xaxis.set_major_locator(MaxNLocator(5))
        for label, variation in zip(axis.get_yticklabels(), shown["variation"], strict=True):
            label.set_fontweight("bold" if variation == "" else "normal")
        high = shown["place"].iloc[-1] + 1
        axis.set_ylim(high, -1)
        axis.figure.set_figheight(1.2 + (high + 1) * LINE)
        axis.set_xlabel(f"{_metric(part)} (bar: 95 % interval)")
        axis.set_title(title(task))
        axis.grid(axis="x", color="#E5E5E5")
        axis.set_axisbelow(True)
        fit_legend(axis.figure, *axis.get_legend_handles_labels(), loc="outside lower center")
    return figure


def _steps(table: pd.DataFrame, task: str, models: Sequence[str]) -> pd.DataFrame:
    """The rows of a panel: label, variation, which is empty for the name of a group, and place.

    A place is that of the middle of a label, in lines from the first.
    """
    part = _headline(table, task)
    part = part[part["model"].isin(models)].drop_duplicates("variation")
    rows, group = [], ""
    for one in part.itertuples():
        if one.group and one.group != group:
            group = one.group
            rows.append((group, ""))
        rows.append((one.title, one.variation))
    found = pd.DataFrame(rows, columns=["label", "variation"])
    found["label"] = [fill(text, WIDTH) for text in found["label"]]
    lines = 1 + found["label"].str.count("\n")
    apart = (lines + lines.shift(fill_value=1)) / 2 + BETWEEN
    return found.assign(place=apart.cumsum() - apart.iloc[0])


def _baseline_lines(axis: Axes, table: pd.DataFrame, task: str) -> None:
    """The formula, or the majority, and the best baseline of each tier; named in the legend."""
    part = _headline(table, task)
    for model in ("majority", FORMULAS["pre_weld"]):
        for value in part.loc[part["model"] == model, "score"].head(1):
            axis.axvline(value, color=GREY, ls=":", lw=1.1, label=title(model), zorder=1)
    styles = ((COLOURS[5], "-."), (COLOURS[0], "--"), (COLOURS[3], (0, (5, 1))))
    for tier, (colour, line) in enumerate(styles):
        best = best_baseline(table, task, tier)
        if best is not None and best["model"] == FORMULAS["pre_weld"]:
            continue  # its line stands there already
        if best is not None and best["score"] > FLOOR:
            label = f"tier {tier}: {title(best['model'])}"
            axis.axvline(best["score"], color=colour, ls=line, lw=1.2, label=label, zorder=1)


def curve_figure(
    table: pd.DataFrame, models: Mapping[str, Sequence[str]], label: str, log: bool
) -> Panels:
    """One panel a task: score over the number in the key of the variation, a line a model."""
    figure, axes = new_figure(1, len(models), width=PANEL, height=3.4)
    for axis, (task, names) in zip(axes, models.items(), strict=True):
        part = _headline(table, task)
        for number, model in enumerate(names):
            rows = part[part["model"] == model]
            x = rows["variation"].str.rpartition("_")[2].astype(float).to_numpy()
            shift = (number - (len(names) - 1) / 2) * 0.008
            x = x * (1 + shift) if log else x + shift * x.max(initial=0)
            _dots(axis, rows, x, number, model, upright=True)
        if log:
            axis.set_xscale("log")
        known = part["variation"].drop_duplicates().str.rpartition("_")[2]
        axis.set_xticks(known.astype(float), known)
        axis.minorticks_off()
        axis.set_xlabel(label)
        axis.set_ylabel(f"{_metric(part)} (bar: 95 % interval)")
        axis.set_title(title(task))
        axis.grid(axis="y", color="#E5E5E5")
        axis.set_axisbelow(True)
        fit_legend(axis.figure, *axis.get_legend_handles_labels(), loc="outside lower center")
    return figure


def _dots(
    axis: Axes, rows: pd.DataFrame, where: np.ndarray, number: int, model: str, *, upright: bool
) -> None:
    others = (GREY, *COLOURS[3:])[max(number - len(FAMILIES), 0)]
    colour = model_colour(model) if model in FAMILIES else others
    score, low, high = (
        rows[name].clip(lower=FLOOR).to_numpy(float) for name in ("score", "low", "high")
    )
    known = ~np.isnan(low)
    draw = axis.vlines if upright else axis.hlines
    draw(where[known], low[known], high[known], color=colour, lw=1.4)
    first, second = (where, score) if upright else (score, where)
    style = {"color": colour, "marker": MARKERS[number], "label": title(model)}
    axis.plot(first, second, ls="-" if upright else "", lw=0.9, ms=5, **style)
    for x, y, value in zip(first, second, rows["score"], strict=True):
        if value < FLOOR:
            arrow, offset = ("↓", (4, 4)) if upright else ("←", (5, -3))
            text = f"{arrow} {number_text(value)}"
            axis.annotate(text, (x, y), offset, textcoords="offset points", fontsize=7)


def _headline(table: pd.DataFrame, task: str) -> pd.DataFrame:
    return table[(table["task"] == task) & table["metric"].isin(HEADLINES.values())]


def _metric(part: pd.DataFrame) -> str:
    name = title(part["metric"].iloc[0])
    return f"{name[:1].upper()}{name[1:]}"
