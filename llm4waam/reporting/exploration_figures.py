"""The figures of the table, each from a table of `llm4waam.reporting.exploration`."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from llm4waam.card.card import Card
from llm4waam.plotting.style import (
    COLOURS,
    GREY,
    MANY,
    MARKERS,
    PANEL,
    Panels,
    log_scale,
    new_figure,
    title,
    with_unit,
)

BINS = 24


def axis_label(card: Card, column: str) -> str:
    """A column as an axis says it: its phrase or its name without the unit, and the unit."""
    known = card.columns[column]
    unit = known.unit or ""
    ending = "_" + "_".join("".join(c if c.isalnum() else " " for c in unit.lower()).split())
    words = known.phrase or title(column.removesuffix(ending) if unit else column)
    return with_unit(words, known.unit)


def label_sets_figure(sets: pd.DataFrame) -> Panels:
    """A bar for each label set, with its number of beads."""
    figure, [axis] = new_figure(1, 1, width=PANEL, height=0.9 + 0.24 * len(sets))
    bars = axis.barh(sets["label_set"], sets["beads"], color=COLOURS[2])
    axis.bar_label(bars, padding=3)
    axis.invert_yaxis()
    axis.set_xlim(0, sets["beads"].max() * 1.1)
    axis.set_xlabel("beads")
    axis.set_title(f"Label sets of {sets['beads'].sum()} beads")
    return figure


def defect_map_figure(points: pd.DataFrame, card: Card, order: Sequence[str]) -> Panels:
    """One panel a group: the two set-points of each bead, coloured and marked by its label.

    `order` fixes the colour of each label. Beads on one spot are set side by side.
    """
    x, y = points.columns[2:4]
    groups = sorted(points["group"].unique())
    wide = min(len(groups), 3)
    step = 0.012 * (points[x].max() - points[x].min())
    same = points.groupby(["group", x, y])
    points = points.assign(
        beside=points[x] + step * (same.cumcount() - (same[x].transform("size") - 1) / 2)
    )
    figure, axes = new_figure(
        -(-len(groups) // wide), wide, width=3.1, height=2.6, sharex=True, sharey=True
    )
    for axis in axes[len(groups) :]:
        axis.set_visible(False)
    looks = {name: (COLOURS[n % 7], MARKERS[n % 7]) for n, name in enumerate(order)}
    for axis, group in zip(axes, groups, strict=False):
        here = points[points["group"] == group]
        for name in points["label"].value_counts().index:  # the rare ones on top
            part, (colour, marker) = here[here["label"] == name], looks[name]
            axis.scatter(
                part["beside"],
                part[y],
                s=30,
                c=colour,
                marker=marker,
                alpha=0.8,
                lw=0,
                rasterized=len(points) > MANY,
            )
        axis.set_title(f"{group} ({len(here)} beads)")
        axis.tick_params(labelbottom=True, labelleft=True)
        axis.set_xlabel(axis_label(card, x))
        axis.set_ylabel(axis_label(card, y))
    shown = [name for name in order if (points["label"] == name).any()]
    figure.legend(
        handles=[
            Line2D([], [], ls="", color=looks[n][0], marker=looks[n][1], label=n) for n in shown
        ],
        loc="outside upper center",
        ncols=min(len(shown), 6),
        title="first label of the bead",
    )
    return figure


def distributions_figure(values: pd.DataFrame, card: Card) -> Panels:
    """One panel a column: a histogram with the mean; log x where all values are positive."""
    columns = list(values["column"].unique())
    figure, axes = new_figure(1, len(columns), width=PANEL, height=2.7)
    for axis, column in zip(axes, columns, strict=True):
        part = values.loc[values["column"] == column, "value"]
        bins = np.linspace(part.min(), part.max(), BINS + 1)
        if part.min() > 0 and part.min() < part.max():
            bins = np.geomspace(part.min(), part.max(), BINS + 1)
            log_scale(axis.xaxis)
        axis.hist(part, bins=bins, color=COLOURS[5], edgecolor="white", lw=0.5)
        text = f"mean {part.mean():,.4g}" if part.mean() < 1e4 else f"mean {part.mean():,.0f}"
        axis.axvline(part.mean(), color=COLOURS[1], ls="--", label=text)
        axis.set_xlabel(axis_label(card, column))
        axis.set_ylabel("beads")
        axis.set_title(f"{len(part)} beads")
        axis.legend(fontsize=8)
    return figure


def correlations_figure(pairs: pd.DataFrame, card: Card) -> Panels:
    """Spearman's rank correlation of each pair, as a number on its colour."""
    names = list(dict.fromkeys([*pairs["first"], *pairs["second"]]))
    place = {name: number for number, name in enumerate(names)}
    matrix = np.full((len(names), len(names)), np.nan)
    for row in pairs.itertuples():
        matrix[place[row.second], place[row.first]] = row.spearman
    size = 0.5 * len(names)
    figure, [axis] = new_figure(1, 1, width=size + 3.8, height=size + 1.7)
    image = axis.imshow(matrix, cmap="PuOr_r", vmin=-1, vmax=1)
    for (row, column), value in np.ndenumerate(matrix):
        if np.isfinite(value):
            ink = "white" if abs(value) > 0.6 else "black"
            text = f"{round(value, 2) + 0.0:.2f}".replace("-", "−")
            axis.text(column, row, text, ha="center", va="center", fontsize=7.5, color=ink)
    labels = [axis_label(card, name) for name in names]
    axis.set_xticks(range(len(names) - 1), labels[:-1], rotation=40, ha="right")
    axis.set_yticks(range(1, len(names)), labels[1:])
    axis.set_xlim(-0.5, len(names) - 1.5)
    axis.set_ylim(len(names) - 0.5, 0.5)
    figure.colorbar(image, ax=axis, label="Spearman's rank correlation", shrink=0.7)
    return figure


LENGTH_BINS = 24


def sentence_lengths_figure(lengths: pd.DataFrame, max_tokens: int) -> Panels:
    """One panel an encoder: prompts by number of tokens, and where they would be cut."""
    encoders = list(lengths["encoder"].unique())
    figure, axes = new_figure(1, len(encoders), width=PANEL, height=2.7, sharey=True)
    edges = np.histogram_bin_edges(lengths["tokens"], bins=LENGTH_BINS)
    for axis, encoder in zip(axes, encoders, strict=True):
        part = lengths[lengths["encoder"] == encoder]
        each = {name: group for name, group in part.groupby("template")}
        axis.hist(
            [group["tokens"] for group in each.values()],
            bins=edges,
            weights=[group["prompts"] for group in each.values()],
            label=list(each),
            color=[COLOURS[n % 7] for n in range(len(each))],
            stacked=True,
        )
        cut = part.loc[part["tokens"] > max_tokens, "prompts"].sum()
        if cut:
            axis.axvline(max_tokens, color=GREY, ls="--")
        axis.set_title(f"{title(encoder)}: {cut} of {part['prompts'].sum()} over {max_tokens}")
        axis.set_xlabel("tokens of a prompt")
        axis.set_ylabel("prompts")
        axis.tick_params(labelleft=True)
    axes[0].legend(title="template", fontsize=8)
    return figure
