"""The figures of a study, each from a table of `llm4waam.reporting.results`.

Scores and training; single beads, predicted against true and class by class.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from llm4waam.decisions.prior_knowledge import GUESSES
from llm4waam.encoders.families import FAMILIES
from llm4waam.evaluation.assessment import FORMULAS
from llm4waam.evaluation.metrics import ONE_CLASS, class_names
from llm4waam.plotting.style import (
    COLOURS,
    GREY,
    MANY,
    PANEL,
    Panels,
    empty_figure,
    fit_legend,
    log_scale,
    model_colour,
    model_marker,
    new_figure,
    title,
)
from llm4waam.reporting.certainty_figures import reliability_figure
from llm4waam.reporting.results import Study, compared
from llm4waam.splits.folds import HOLD_OUT_FOLD
from llm4waam.splits.tasks import Task

SCORES = {"accuracy": "share judged right", "micro_f1": "micro F1", "r2": "R²"}
FLOOR = -0.5  # an R2 below it says "worse than the mean"; the dot stands at the edge


def answer_figure(results: pd.DataFrame) -> Panels:
    """The study in one panel: by task the encoders, the best baseline, the formula and a guess.

    A guess says the commonest class, or the mean, of every bead.
    """
    tasks = list(results["task"].unique())
    figure, [axis] = new_figure(1, 1, width=PANEL, height=1.3 + 0.62 * len(tasks))
    guess, formula = GUESSES, FORMULAS["pre_weld"]
    looks = {name: (title(name), model_colour(name), model_marker(name)) for name in FAMILIES}
    looks |= {"best": ("best baseline", GREY, "s"), "guess": ("a guess", "black", "X")}
    looks |= {"formula": ("formula", COLOURS[3], "P")}
    drawn = {}
    for place, task in enumerate(tasks):
        part = results[(results["task"] == task) & results["score"].notna()]
        known = part[(part["knows_more"] == 0) & ~part["model"].isin([*FAMILIES, *guess, formula])]
        found = {name: part[part["model"] == name] for name in FAMILIES}
        found |= {"best": known.sort_values("score", kind="stable").tail(1)}
        found |= {"formula": part[part["model"] == formula]}
        found |= {"guess": part[part["model"].isin(guess)]}
        rows = {key: row for key, rows in found.items() for row in rows.itertuples()}
        for number, (key, row) in enumerate(rows.items()):
            label, colour, marker = looks[key]
            height = place + (number - (len(rows) - 1) / 2) * 0.15
            axis.hlines(height, max(row.low, FLOOR), row.high, color=colour, lw=1.4)
            x = max(row.score, FLOOR)
            [drawn[label]] = axis.plot(x, height, marker, color=colour, ms=5.5, label=label)
    metrics = results.drop_duplicates("task").set_index("task")["metric"]
    names = [
        f"{title(task)}\n({SCORES.get(metrics[task], title(metrics[task]))})" for task in tasks
    ]
    axis.set_yticks(range(len(tasks)), names)
    axis.set_ylim(len(tasks) - 0.5, -0.5)
    axis.hlines(np.arange(len(tasks) - 1) + 0.5, *axis.get_xlim(), color="#E5E5E5", lw=0.8)
    axis.set_xlabel("score, out of fold (bar: 95 % interval; 1: no mistake)")
    axis.grid(axis="x", color="#E5E5E5")
    axis.set_axisbelow(True)
    figure.legend([drawn[label] for label, *_ in looks.values() if label in drawn], ncols=3)
    return figure


def results_figure(results: pd.DataFrame) -> Panels:
    """One panel a task: headline of each model with its 95 % interval, the best on top."""
    tasks = list(results["task"].unique())
    rows = results.groupby("task").size().max()
    figure, axes = new_figure(
        -(-len(tasks) // 2), min(len(tasks), 2), width=PANEL, height=0.75 + 0.22 * rows
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
            tick.set_color(model_colour(name) if name in FAMILIES else "black")
        axis.set_title(title(task))
        axis.set_xlabel(f"{metric}, out of fold")
        axis.grid(axis="x", color="#E5E5E5")
        axis.set_axisbelow(True)
    handles = [
        *(
            Line2D(
                [],
                [],
                color=model_colour(name),
                marker=model_marker(name),
                ls="",
                label=title(name),
            )
            for name in FAMILIES
            if name in set(results["model"])
        ),
        Line2D([], [], color=GREY, marker="s", ls="", label="baseline"),
        Line2D([], [], color=GREY, label="95 % interval"),
        Line2D([], [], color="black", marker="|", ls="", ms=9, label="hold-out"),
    ]
    if results["knows_more"].any():
        name = "is given more than the encoders"
        handles.append(Line2D([], [], color=GREY, marker="s", mfc="white", ls="", label=name))
    if (results["score"] < FLOOR).any():
        handles.append(Line2D([], [], color=GREY, marker="<", ls="", label=f"worse than {FLOOR:g}"))
    figure.legend(handles=handles, loc="outside upper center", ncols=7, fontsize=8)
    return figure


def _dot(axis: Axes, place: int, row: pd.Series) -> None:
    colour = model_colour(row["model"])
    if pd.notna(row["low"]):
        axis.plot([max(row["low"], FLOOR), max(row["high"], FLOOR)], [place] * 2, color=colour)
    marker = "<" if row["score"] < FLOOR else model_marker(row["model"])
    face = "white" if row["knows_more"] else colour
    axis.plot(max(row["score"], FLOOR), place, marker=marker, color=colour, mfc=face)
    if pd.notna(row["hold_out"]) and row["hold_out"] >= FLOOR:
        axis.plot(row["hold_out"], place, marker="|", ms=9, color="black")


def label_figure(per_label: pd.DataFrame, models: dict[str, list[str]]) -> Panels:
    """One panel a task: F1 of each label (with its beads) for the models named for the task."""
    figure, axes = new_figure(1, len(models), width=PANEL, height=3.0)
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
                marker=model_marker(name),
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
        fit_legend(axis.figure, *axis.get_legend_handles_labels(), loc="outside lower center")
    return figure


def curves_figure(history: pd.DataFrame) -> Panels:
    """One panel a task: training and validation loss by epoch, mean and range over folds."""
    history = history[history["fold"] != HOLD_OUT_FOLD]
    tasks = list(history["task"].unique())
    figure, axes = new_figure(-(-len(tasks) // 2), min(len(tasks), 2), width=PANEL, height=2.6)
    for axis in axes[len(tasks) :]:
        axis.set_visible(False)
    for axis, task in zip(axes, tasks, strict=False):
        for encoder in FAMILIES:
            part = history[(history["task"] == task) & (history["model"] == encoder)]
            for column, line in (("train_loss", "--"), ("val_loss", "-")):
                each = part.groupby("epoch")[column].agg(["mean", "min", "max"])
                colour = model_colour(encoder)
                if len(each) == 1:  # a line of one epoch cannot be seen
                    at = each.index + (list(FAMILIES).index(encoder) - 0.5) * 0.1
                    at = at + (0.02 if line == "-" else -0.02)
                    face = colour if line == "-" else "white"
                    axis.vlines(at, each["min"], each["max"], color=colour, ls=line, lw=1)
                    axis.plot(at, each["mean"], model_marker(encoder), color=colour, mfc=face)
                    continue
                axis.plot(each.index, each["mean"], ls=line, color=colour)
                axis.fill_between(
                    each.index, each["min"], each["max"], color=colour, alpha=0.15, lw=0
                )
        if history.loc[history["task"] == task, "epoch"].nunique() == 1:
            axis.set_xlim(0.5, 1.5)
        axis.set_title(title(task))
        axis.set_xlabel("epoch")
        axis.set_ylabel("loss")
        axis.xaxis.get_major_locator().set_params(integer=True)
    handles = [
        Line2D([], [], color=model_colour(name), label=title(name))
        for name in history["model"].unique()
    ]
    handles += [
        Line2D([], [], color="black", ls=line, label=name)
        for name, line in (("training", "--"), ("validation (band: range over folds)", "-"))
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=4, fontsize=8)
    return figure


def confusion_figure(confusion: pd.DataFrame, classes: dict[str, tuple[str, ...]]) -> Panels:
    """A row a task, a column a model: beads by actual and predicted class, out of fold."""
    columns = int(confusion.groupby("task")["model"].nunique().max())
    figure, axes = new_figure(len(classes), columns, width=3.0, height=2.9)
    grid = np.array(axes, dtype=object).reshape(len(classes), columns)
    for line, task in zip(grid, classes, strict=True):
        part, names = confusion[confusion["task"] == task], list(classes[task])
        two = len(names) == 2
        models = list(part["model"].unique())
        for axis in line[len(models) :]:
            axis.set_visible(False)
        for axis, model in zip(line, models, strict=False):
            rows = part[part["model"] == model]
            counts = pd.crosstab(rows["actual"], rows["predicted"])
            counts = counts.reindex(index=names, columns=names, fill_value=0).to_numpy()
            axis.imshow(counts, cmap="Blues", vmin=0, vmax=counts.sum())
            for (row, column), count in np.ndenumerate(counts):
                ink = {"color": "white" if count > 0.6 * counts.sum() else "black"}
                ink |= {"fontsize": 13 if two else 9, "ha": "center", "va": "center"}
                axis.text(column, row, f"{count}", **ink)
            axis.set_xticks(range(len(names)), names, rotation=0 if two else 45)
            axis.set_yticks(range(len(names)), names)
            axis.set_xlabel("predicted")
            axis.set_ylabel("actual")
            axis.set_title(f"{title(task)}: beads, out of fold\n{title(model)}")
    return figure


def predicted_figure(predicted: pd.DataFrame, tasks: dict[str, tuple[str | None, str]]) -> Panels:
    """A row a task, a column a model: predicted against true, in the unit of the task.

    `tasks` maps a task to its unit and transform; a log target has log axes.
    """
    # The formula of measured values is arithmetic: a line, and nothing to see.
    predicted = predicted[predicted["model"] != FORMULAS["post_weld"]]
    columns = int(predicted.groupby("task")["model"].nunique().max())
    figure, axes = new_figure(len(tasks), columns, width=3.1, height=2.7)
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
            else:
                axis.locator_params(axis="x", nbins=4)
            axis.plot([low, high], [low, high], color=GREY, lw=0.8)
            axis.set_box_aspect(1)
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


def draw(study: Study, tables: dict[str, pd.DataFrame], history: pd.DataFrame) -> dict[str, Panels]:
    """Name -> figure, from the tables of `llm4waam.reporting.results`.

    Every name is there for every card: a pipeline expects the files.
    """
    tasks = {name: assessments[0].task for name, assessments in study.items()}
    made = {
        "answer": answer_figure(tables["results"]),
        "results": results_figure(tables["results"]),
        "learning_curves": curves_figure(history),
    }
    shown = {
        name: [one.model for one in compared(assessments)]
        for name, assessments in study.items()
        if tasks[name].kind != "regression"
    }
    made["per_label_f1"] = (
        label_figure(tables["per_label_f1"], shown)
        if shown
        else empty_figure("there is no classification task")
    )
    made["reliability"] = (
        reliability_figure(tables["reliability"])
        if shown
        else empty_figure("there is no classification task")
    )
    classes = {name: class_names(task) for name, task in tasks.items() if task.kind in ONE_CLASS}
    made["confusion"] = (
        confusion_figure(tables["confusion"], classes)
        if classes
        else empty_figure("there is no task of one class a bead")
    )
    scales = {name: (task.unit, task.transform) for name, task in _of(tasks, "regression").items()}
    made["predicted"] = (
        predicted_figure(tables["predicted"], scales)
        if scales
        else empty_figure("there is no regression task")
    )
    return made


def _of(tasks: dict[str, Task], kind: str) -> dict[str, Task]:
    return {name: task for name, task in tasks.items() if task.kind == kind}
