"""Figures of probabilities and intervals: whether they keep what they promise."""

import numpy as np
import pandas as pd

from llm4waam.plotting.style import (
    COLOURS,
    GREY,
    PANEL,
    Panels,
    fit_legend,
    log_scale,
    model_colour,
    model_marker,
    new_figure,
    title,
)


def reliability_figure(bins: pd.DataFrame) -> Panels:
    """One panel a task: how often it came true (95 % interval) over the probability given.

    `bins` holds task, model, bin, mean_score, share, beads, low and high.
    """
    tasks = list(bins["task"].unique())
    figure, axes = new_figure(1, len(tasks), width=PANEL, height=3.5)
    for axis, task in zip(axes, tasks, strict=True):
        part = bins[bins["task"] == task]
        axis.plot([0, 1], [0, 1], color=GREY, lw=0.8, label="perfectly calibrated")
        for number, (model, rows) in enumerate(part.groupby("model", sort=False)):
            x = rows["mean_score"].to_numpy() + (number - 1) * 0.008
            colour = model_colour(model)
            axis.vlines(x, rows["low"], rows["high"], color=colour, lw=1)
            axis.plot(
                x,
                rows["share"],
                marker=model_marker(model),
                color=colour,
                lw=0.9,
                label=title(model),
            )
        axis.set_xlim(-0.03, 1.03)
        axis.set_ylim(-0.03, 1.03)
        axis.set_box_aspect(1)
        axis.set_xlabel("probability that the model gave (mean of a fifth of the beads)")
        axis.set_ylabel("share that came true (bar: 95 % interval)")
        axis.set_title(title(task))
        fit_legend(axis.figure, *axis.get_legend_handles_labels(), loc="outside lower center")
    return figure


def temperature_figure(table: pd.DataFrame) -> Panels:
    """One panel a task: log-loss of each model before and after its temperature.

    `table` holds task, model, variant (before or after temperature) and log_loss.
    """
    tasks = list(table["task"].unique())
    most = table.groupby("task")["model"].nunique().max()
    figure, axes = new_figure(1, len(tasks), width=PANEL, height=1.3 + 0.26 * most)
    for axis, task in zip(axes, tasks, strict=True):
        wide = table[table["task"] == task].pivot_table(
            "log_loss", "model", "variant", sort=False, observed=True
        )
        wide = wide.sort_values("after", ascending=False)
        places = np.arange(len(wide))
        axis.hlines(places, wide["before"], wide["after"], color=GREY, lw=1)
        axis.plot(wide["before"], places, "o", mfc="white", color=COLOURS[1], label="before")
        axis.plot(wide["after"], places, "D", color=COLOURS[2], label="after temperature")
        log_scale(axis.xaxis)
        axis.set_yticks(places, [title(model) for model in wide.index])
        axis.set_ylim(-0.6, len(wide) - 0.4)
        axis.set_xlabel("log-loss, out of fold (logarithmic; left is better)")
        axis.set_title(title(task))
        axis.grid(axis="x", color="#E5E5E5")
        axis.set_axisbelow(True)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, fontsize=8)
    return figure


def interval_figure(beads: pd.DataFrame, units: dict[str, str | None]) -> Panels:
    """A row a task, a column a model: the 90 % interval of every bead over its true value.

    `beads` holds task, model, bead, target, low and high; the axes are logarithmic.
    """
    models = beads.groupby("task", sort=False)["model"].unique()
    columns = max(map(len, models))
    figure, axes = new_figure(len(models), columns, width=3.1, height=3.1)
    grid = np.array(axes, dtype=object).reshape(len(models), columns)
    for line, (task, names) in zip(grid, models.items(), strict=True):
        unit = f" ({units[task]})" if units.get(task) else ""
        for axis in line[len(names) :]:
            axis.set_visible(False)
        for axis, model in zip(line, names, strict=False):
            part = beads[(beads["task"] == task) & (beads["model"] == model)]
            log_scale(axis.xaxis, axis.yaxis)
            ends = part["target"].min(), part["target"].max()
            axis.plot(ends, ends, color=GREY, lw=0.8)
            inside = part["target"].between(part["low"], part["high"])
            for kept, colour, marker, name in (
                (inside, COLOURS[2], "o", "holds the true value"),
                (~inside, COLOURS[1], "X", "misses it"),
            ):
                rows = part[kept]
                axis.vlines(rows["target"], rows["low"], rows["high"], color=colour, lw=0.9)
                axis.plot(
                    rows["target"], rows["target"], marker, ms=3.5, color=colour, ls="", label=name
                )
            axis.set_title(f"{title(task)}\n{title(model)}")
            axis.set_xlabel(f"true{unit}")
            axis.set_ylabel(f"90 % interval{unit}")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, fontsize=8)
    return figure
