"""Figures of the sweeps, from the table of `trial_scores`."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from llm4waam.evaluation.assessment import ENCODERS, FORMULAS
from llm4waam.evaluation.metrics import HEADLINES
from llm4waam.plotting.style import COLOURS, MARKERS, model_colour, new_figure, title

PROBE = "nearest_neighbour"  # it looks beads up, and so shows a leak
FLOOR = -0.5  # an R2 below it says "worse than the mean"; its dot stands at the edge
APART = 0.16
BELOW = 0.42  # inches
WIDTH = 28  # letters of a line of a variant's title


def shown_models(table: pd.DataFrame, *, probe: bool) -> dict[str, list[str]]:
    """Task -> the encoders, the best baseline of its first variant and, if asked, the probe."""
    found = {}
    for task in table["task"].unique():
        part = _headline(table, task)
        known = part[~part["model"].isin(ENCODERS) & (part["model"] != FORMULAS["post_weld"])]
        first = known.drop_duplicates("model")
        best = first.sort_values("score", ascending=False, kind="stable")["model"].head(1)
        names = dict.fromkeys([*ENCODERS, *best, *([PROBE] if probe else [])])
        found[task] = [name for name in names if name in set(part["model"])]
    return found


def steps_figure(table: pd.DataFrame, models: dict[str, list[str]]) -> Figure:
    """One panel a task: every variant from the top down, a dot and its interval for each model."""
    steps = len(table["variant"].unique())
    figure, axes = new_figure(
        -(-len(models) // 2), min(len(models), 2), width=5.2, height=1.1 + 0.55 * steps
    )
    for axis in axes[len(models) :]:
        axis.set_visible(False)
    for axis, (task, names) in zip(axes, models.items(), strict=False):
        part = _headline(table, task)
        titles = part.drop_duplicates("variant").set_index("variant")["title"]
        for number, model in enumerate(names):
            rows = part[part["model"] == model].set_index("variant")
            places = np.array([titles.index.get_loc(v) for v in rows.index])
            heights = places + (number - (len(names) - 1) / 2) * APART
            _dots(axis, rows, heights, number, model, upright=False)
        axis.set_yticks(range(len(titles)), [fill(text, WIDTH) for text in titles])
        axis.set_ylim(len(titles) - 0.5, -0.5)
        axis.set_xlabel(f"{_metric(part)} (bar: 95 % interval)")
        axis.set_title(title(task))
        axis.grid(axis="x", color="#E5E5E5")
        axis.set_axisbelow(True)
        _legend(axis)
    return figure


def curve_figure(
    table: pd.DataFrame, models: dict[str, list[str]], label: str, log: bool
) -> Figure:
    """One panel a task: score over the number in the key of the variant, a line for each model."""
    figure, axes = new_figure(1, len(models), width=5.2, height=3.8)
    for axis, (task, names) in zip(axes, models.items(), strict=True):
        part = _headline(table, task)
        for number, model in enumerate(names):
            rows = part[part["model"] == model]
            x = rows["variant"].str.rpartition("_")[2].astype(float).to_numpy()
            shift = (number - (len(names) - 1) / 2) * 0.008
            x = x * (1 + shift) if log else x + shift * x.max(initial=0)
            _dots(axis, rows, x, number, model, upright=True)
        if log:
            axis.set_xscale("log")
        known = part["variant"].drop_duplicates().str.rpartition("_")[2]
        axis.set_xticks(known.astype(float), known)
        axis.minorticks_off()
        axis.set_xlabel(label)
        axis.set_ylabel(f"{_metric(part)} (bar: 95 % interval)")
        axis.set_title(title(task))
        axis.grid(axis="y", color="#E5E5E5")
        axis.set_axisbelow(True)
        _legend(axis)
    return figure


def _dots(
    axis: Axes, rows: pd.DataFrame, where: np.ndarray, number: int, model: str, *, upright: bool
) -> None:
    colour = (
        model_colour(model)
        if model in ("bert", "roberta")
        else ("#767676", *COLOURS[3:])[max(number - 2, 0)]
    )
    score, low, high = (
        rows[name].clip(lower=FLOOR).to_numpy(float) for name in ("score", "low", "high")
    )
    known = ~np.isnan(low)
    draw = axis.vlines if upright else axis.hlines
    draw(where[known], low[known], high[known], color=colour, lw=1.4)
    first, second = (where, score) if upright else (score, where)
    style = {"color": colour, "marker": MARKERS[number], "label": title(model)}
    axis.plot(first, second, ls="-" if upright else "", lw=0.9, **style)


def _legend(axis: Axes) -> None:
    """Under the label of the axis, however high the panel is."""
    below = ScaledTranslation(0, -BELOW, axis.figure.dpi_scale_trans)
    place = {"bbox_to_anchor": (0.5, 0), "bbox_transform": axis.transAxes + below}
    axis.legend(loc="upper center", **place, ncols=2, fontsize=8)


def _headline(table: pd.DataFrame, task: str) -> pd.DataFrame:
    return table[(table["task"] == task) & table["metric"].isin(HEADLINES.values())]


def _metric(part: pd.DataFrame) -> str:
    name = title(part["metric"].iloc[0])
    return f"{name[:1].upper()}{name[1:]}"
