"""Figures of scores and of training, each from a table of `stages.evidence.plots`."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stages.evidence.assessment import ENCODERS
from stages.evidence.style import GREY, MARKERS, model_colour, new_figure, title
from stages.learning.folds import HOLD_OUT_FOLD

FLOOR = -0.5  # an R2 below it says "worse than the mean"; the dot stands at the edge


def results_figure(results: pd.DataFrame) -> Figure:
    """One panel a task: headline of each model with its 95 % interval, the best on top."""
    tasks = list(results["task"].unique())
    rows = results.groupby("task").size().max()
    figure, axes = new_figure(
        -(-len(tasks) // 2), min(len(tasks), 2), width=4.8, height=0.75 + 0.24 * rows
    )
    for axis in axes[len(tasks) :]:
        axis.set_visible(False)
    for axis, task in zip(axes, tasks, strict=False):
        part = results[(results["task"] == task) & results["score"].notna()]
        # Backwards first, so that of equals the first of the table is the highest here as well.
        part = part[::-1].sort_values("score", kind="stable").reset_index(drop=True)
        for place, row in part.iterrows():
            _dot(axis, place, row)
        metric = title(results.loc[results["task"] == task, "metric"].iloc[0])
        shown = part[["score", "low", "hold_out"]].min().min()
        floor = max(min(shown, 0.0) if metric == title("r2") else shown, FLOOR)
        axis.set_xlim(floor - 0.05, 1.05)
        axis.set_ylim(-0.6, len(part) - 0.4)
        axis.set_yticks(range(len(part)), [title(name) for name in part["model"]])
        for tick, name in zip(axis.get_yticklabels(), part["model"], strict=True):
            tick.set_color(model_colour(name) if name in ENCODERS else "black")
        axis.set_title(title(task))
        axis.set_xlabel(f"{metric}, out of fold")
        axis.grid(axis="x", color="#E5E5E5")
        axis.set_axisbelow(True)
    handles = [
        Line2D([], [], color=model_colour("bert"), marker="o", ls="", label="BERT"),
        Line2D([], [], color=model_colour("roberta"), marker="o", ls="", label="RoBERTa"),
        Line2D([], [], color=GREY, marker="o", ls="", label="baseline"),
        Line2D([], [], color=GREY, label="95 % interval"),
        Line2D([], [], color="black", marker="|", ls="", ms=9, label="hold-out"),
    ]
    if results["knows_more"].any():
        name = "is given more than the encoders"
        handles.append(Line2D([], [], color=GREY, marker="o", mfc="white", ls="", label=name))
    if (results["score"] < FLOOR).any():
        handles.append(Line2D([], [], color=GREY, marker="<", ls="", label=f"worse than {FLOOR:g}"))
    figure.legend(handles=handles, loc="outside upper center", ncols=7, fontsize=8)
    return figure


def _dot(axis: Axes, place: int, row: pd.Series) -> None:
    colour = model_colour(row["model"])
    if pd.notna(row["low"]):
        axis.plot([max(row["low"], FLOOR), max(row["high"], FLOOR)], [place] * 2, color=colour)
    marker, face = "<" if row["score"] < FLOOR else "o", "white" if row["knows_more"] else colour
    axis.plot(max(row["score"], FLOOR), place, marker=marker, color=colour, mfc=face)
    if pd.notna(row["hold_out"]) and row["hold_out"] >= FLOOR:
        axis.plot(row["hold_out"], place, marker="|", ms=9, color="black")


def label_figure(per_label: pd.DataFrame, models: dict[str, list[str]]) -> Figure:
    """One panel a task: F1 of each label (with its beads) for the models named for the task."""
    figure, axes = new_figure(1, len(models), width=5.2, height=3.6)
    for axis, (task, names) in zip(axes, models.items(), strict=True):
        part = per_label[per_label["task"] == task]
        labels = part.drop_duplicates("label")
        for number, name in enumerate(names):
            f1 = part[part["model"] == name].set_index("label")["f1"].reindex(labels["label"])
            heights = np.arange(len(f1)) + (number - (len(names) - 1) / 2) * 0.18
            axis.plot(
                f1.to_numpy(float),
                heights,
                ls="",
                marker=MARKERS[number],
                color=model_colour(name),
                label=title(name),
            )
        ticks = [f"{title(row.label)} ({row.support})" for row in labels.itertuples()]
        axis.set_yticks(range(len(ticks)), ticks)
        axis.set_ylim(len(ticks) - 0.5, -0.5)
        axis.set_xlim(-0.03, 1.03)
        axis.set_xlabel("F1, out of fold (no dot: undefined)")
        axis.set_title(f"{title(task)}: label (beads)")
        axis.grid(axis="x", color="#E5E5E5")
        axis.hlines(np.arange(len(ticks) - 1) + 0.5, -0.03, 1.03, color="#E5E5E5", lw=0.6)
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, fontsize=8)
    return figure


def curves_figure(history: pd.DataFrame) -> Figure:
    """One panel a task: training and validation loss by epoch, mean and range over folds."""
    history = history[history["fold"] != HOLD_OUT_FOLD]
    tasks = list(history["task"].unique())
    figure, axes = new_figure(-(-len(tasks) // 2), min(len(tasks), 2), width=4.4, height=2.7)
    for axis in axes[len(tasks) :]:
        axis.set_visible(False)
    for axis, task in zip(axes, tasks, strict=False):
        for encoder in ENCODERS:
            part = history[(history["task"] == task) & (history["model"] == encoder)]
            for column, line in (("train_loss", "--"), ("val_loss", "-")):
                each = part.groupby("epoch")[column].agg(["mean", "min", "max"])
                colour = model_colour(encoder)
                axis.plot(each.index, each["mean"], ls=line, color=colour)
                axis.fill_between(
                    each.index, each["min"], each["max"], color=colour, alpha=0.15, lw=0
                )
        axis.set_title(title(task))
        axis.set_xlabel("epoch")
        axis.set_ylabel("loss")
        axis.xaxis.get_major_locator().set_params(integer=True)
    handles = [Line2D([], [], color=model_colour(name), label=title(name)) for name in ENCODERS]
    handles += [
        Line2D([], [], color="black", ls=line, label=name)
        for name, line in (("training", "--"), ("validation (band: range over folds)", "-"))
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=4, fontsize=8)
    return figure
