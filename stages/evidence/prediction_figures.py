"""Figures of single beads: predicted against true, and class by class."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.evidence.style import GREY, MANY, log_scale, model_colour, new_figure, title


def confusion_figure(confusion: pd.DataFrame, classes: dict[str, tuple[str, str]]) -> Figure:
    """One panel a task and model: beads by actual and predicted class, out of fold."""
    panels = list(confusion.groupby(["task", "model"], sort=False))
    figure, axes = new_figure(1, len(panels), width=3.0, height=2.9)
    for axis, ((task, model), part) in zip(axes, panels, strict=True):
        names = list(classes[task])
        counts = pd.crosstab(part["actual"], part["predicted"])
        counts = counts.reindex(index=names, columns=names, fill_value=0).to_numpy()
        axis.imshow(counts, cmap="Blues", vmin=0, vmax=counts.sum())
        for (row, column), count in np.ndenumerate(counts):
            ink = "white" if count > 0.6 * counts.sum() else "black"
            axis.text(column, row, f"{count}", ha="center", va="center", fontsize=13, color=ink)
        axis.set_xticks(range(2), names)
        axis.set_yticks(range(2), names)
        axis.set_xlabel("predicted")
        axis.set_ylabel("actual")
        axis.set_title(f"{title(task)}: beads, out of fold\n{title(model)}")
    return figure


def predicted_figure(predicted: pd.DataFrame, tasks: dict[str, tuple[str | None, str]]) -> Figure:
    """A row a task, a column a model: predicted against true, in the unit of the task.

    `tasks` maps a task to its unit and transform; a log target has log axes.
    """
    columns = int(predicted.groupby("task")["model"].nunique().max())
    figure, axes = new_figure(len(tasks), columns, width=3.1, height=3.0)
    grid = np.array(axes, dtype=object).reshape(len(tasks), columns)
    for line, (task, (unit, transform)) in zip(grid, tasks.items(), strict=True):
        part = predicted[predicted["task"] == task]
        positive = (part[["target", "score"]] > 0).to_numpy().all()
        low, high = part[["target", "score"]].min().min(), part[["target", "score"]].max().max()
        unit = f" ({unit})" if unit else ""
        models = list(part["model"].unique())
        for axis in line[len(models) :]:
            axis.set_visible(False)
        for axis, model in zip(line, models, strict=False):
            if transform == "log" and positive:
                log_scale(axis.xaxis, axis.yaxis)
            axis.plot([low, high], [low, high], color=GREY, lw=0.8)
            axis.set_box_aspect(1)
            axis.tick_params("x", rotation=45)
            for role, face in (("oof", model_colour(model)), ("hold_out", "none")):
                rows = part[(part["model"] == model) & (part["role"] == role)]
                axis.scatter(
                    rows["target"],
                    rows["score"],
                    s=14,
                    alpha=0.75,
                    rasterized=len(part) > MANY,
                    facecolors=face,
                    edgecolors="black" if face == "none" else face,
                    label={"oof": "out of fold", "hold_out": "hold-out"}[role],
                )
            axis.set_title(f"{title(task)}\n{title(model)}")
            axis.set_xlabel(f"true{unit}")
            axis.set_ylabel(f"predicted{unit}")
    grid[0][0].legend(loc="upper left", fontsize=8)
    return figure
