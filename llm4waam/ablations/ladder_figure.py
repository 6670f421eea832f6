"""The ladder as a figure: every rung of every task, with the trees as lines."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from llm4waam.ablations.ladder_page import GROUPS
from llm4waam.ablations.ladder_scores import TIERS, best_baseline
from llm4waam.ablations.rungs import Rung
from llm4waam.evaluation.assessment import ENCODERS, FORMULAS
from llm4waam.evaluation.metrics import HEADLINES
from llm4waam.plotting.style import COLOURS, GREY, MARKERS, model_colour, new_figure, title

FLOOR = -0.2  # an R2 below it says "worse than the mean"; the mark stands at the edge
NAMES = 3.3  # inches that the names of the rungs take
OFFSET = 0.17  # BERT above, RoBERTa below the middle of a rung
LABEL = 0.2  # share of a panel that the label of a line takes
TREES = (COLOURS[5], COLOURS[0], COLOURS[3])  # the best tree of tier 0, 1, 2
LINES = {"majority": "majority", "mean": "mean", FORMULAS["pre_weld"]: "formula"}


def ladder_figure(scores: pd.DataFrame, rungs: Sequence[Rung]) -> Figure:
    """One panel a task, a row a rung from top to bottom, from the table of `score_rungs`.

    BERT and RoBERTa with their 95 % intervals; vertical lines for the majority or the mean, the
    closed formula and the best tree of each tier. What was not run has no mark.
    """
    scores = scores[scores["metric"].isin(HEADLINES.values())]
    tasks, ticks = list(scores["task"].unique()), _ticks(scores, rungs)
    heights = {rung.key: place for place, (_, rung) in enumerate(ticks) if rung}
    size = {"width": 1.95 + NAMES / len(tasks), "height": 1.6 + 0.2 * len(ticks)}
    figure, axes = new_figure(1, len(tasks), **size, sharey=True)
    for axis, task in zip(axes, tasks, strict=True):
        part = scores[scores["task"] == task]
        lines = _lines(part, task)
        ends = part.loc[part["model"].isin(ENCODERS), ["value", "low", "high"]].stack().dropna()
        ends = [max(end, FLOOR) for end in (*ends, *(value for value, *_ in lines))]
        left, right = min(ends, default=0.0), max(ends, default=1.0)
        axis.set_xlim(left - 0.05 * (right - left), right + 0.05 * (right - left))
        axis.hlines(list(heights.values()), *axis.get_xlim(), color="#EEEEEE", lw=0.6, zorder=0)
        _draw_lines(axis, lines)
        for row in part[part["rung"].isin(heights)].to_dict("records"):
            _mark(axis, heights[row["rung"]], row)
        axis.set_title(title(task), pad=50)
        axis.set_xlabel(f"{title(part['metric'].iloc[0])}, out of fold")
        axis.tick_params("y", length=0)
    axes[0].set_ylim(len(ticks) - 0.4, -0.6)
    _name_rungs(axes[0], ticks)
    worse = bool((scores.loc[scores["model"].isin(ENCODERS), "value"] < FLOOR).any())
    columns = 2 * len(tasks)
    figure.legend(handles=_handles(worse), loc="outside upper center", ncols=columns, fontsize=8)
    return figure


def _ticks(scores: pd.DataFrame, rungs: Sequence[Rung]) -> list[tuple[str, Rung | None]]:
    """What stands beside the rows: the name of a group, then those of its rungs."""
    run, ticks = set(scores["rung"]), []
    for group, name in GROUPS.items():
        here = [rung for rung in rungs if rung.group == group and rung.key in run]
        ticks += [(name, None), *((rung.title, rung) for rung in here)] if here else []
    return ticks


def _name_rungs(axis: Axes, ticks: Sequence[tuple[str, Rung | None]]) -> None:
    axis.set_yticks(range(len(ticks)), [name for name, _ in ticks])
    axis.tick_params("y", pad=34)
    for height, ((_, rung), label) in enumerate(zip(ticks, axis.get_yticklabels(), strict=True)):
        if rung is None:
            label.set_fontweight("bold")
            continue
        across = axis.get_yaxis_transform()
        beside = {"transform": across, "ha": "right", "va": "center", "fontsize": 7, "color": GREY}
        axis.text(-0.03, height, f"tier {rung.tier}", **beside)


def _mark(axis: Axes, height: float, row: dict) -> None:
    """One encoder of one rung; nothing where its score is not defined."""
    if row["model"] not in ENCODERS or pd.isna(row["value"]):
        return
    number, colour = ENCODERS.index(row["model"]), model_colour(row["model"])
    height += (2 * number - 1) * OFFSET
    if row["high"] > FLOOR:
        axis.plot([max(row["low"], FLOOR), row["high"]], [height] * 2, color=colour, lw=1.2)
    marker = "<" if row["value"] < FLOOR else MARKERS[number]
    axis.plot(max(row["value"], FLOOR), height, marker=marker, ms=4, color=colour, ls="")


def _lines(part: pd.DataFrame, task: str) -> list[tuple[float, str, str, str]]:
    """Value, label, colour and style of every vertical line, from left to right."""
    known = part[part["group"] == "baseline"].drop_duplicates("model").set_index("model")["value"]
    found = [(known[m], name, GREY, ":") for m, name in LINES.items() if m in known.index]
    for tier in TIERS:
        tree = best_baseline(part, task, tier, trees=True)
        if tree is not None:
            found.append((tree["value"], f"tree {tier}", TREES[tier], "--"))
    return sorted(line for line in found if pd.notna(line[0]))


def _draw_lines(axis: Axes, lines: Sequence[tuple[float, str, str, str]]) -> None:
    """Lines with their names on top: one that would run into its left neighbour stands higher."""
    left, right = axis.get_xlim()
    level, before = 0, -float("inf")
    for value, name, colour, style in lines:
        value = max(value, FLOOR)
        axis.axvline(value, color=colour, ls=style, lw=1.1, zorder=1)
        at_edge = value - LABEL * (right - left) < left
        level = level + 1 if value - before < LABEL * (right - left) * (1 + at_edge) else 0
        before = value
        place = {"xy": (value, 1), "xycoords": axis.get_xaxis_transform()}
        place["textcoords"] = "offset points"
        stem = {"arrowstyle": "-", "color": colour, "lw": 0.8, "shrinkA": 0, "shrinkB": 0}
        axis.annotate("", xytext=(0, 7 + 9 * level), arrowprops=stem, **place)
        side = {"ha": "left" if at_edge else "right", "va": "center", "fontsize": 7}
        shift = 3 if at_edge else -3
        axis.annotate(name, xytext=(shift, 6 + 9 * level), color="black", **side, **place)


def _handles(worse: bool) -> list[Line2D]:
    handles = [
        Line2D([], [], color=model_colour(encoder), marker=marker, ls="", label=title(encoder))
        for encoder, marker in zip(ENCODERS, MARKERS, strict=False)
    ]
    handles.append(Line2D([], [], color=GREY, label="95 % interval"))
    name = "tree 0, 1, 2: the best tree of that tier"
    handles.append(Line2D([], [], color=TREES[1], ls="--", label=name))
    if worse:
        name = f"worse than {FLOOR:g}"
        handles.append(Line2D([], [], color=GREY, marker="<", ls="", label=name))
    return handles
