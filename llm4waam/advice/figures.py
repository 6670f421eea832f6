"""Figures of explanations and advice: contributions, process map, importance, success.

All are narrow enough for a telephone.
"""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import Normal, withStroke

from llm4waam.advice.counterfactual import ProcessMap
from llm4waam.advice.findings import Findings
from llm4waam.advice.narration import LEAST
from llm4waam.advice.shapley import Attribution
from llm4waam.advice.writer import Writer
from llm4waam.card.card import Card
from llm4waam.plotting.style import COLOURS, GREY, Panels, log_scale, new_figure, with_unit

SHOWN = 8  # fields of a drawing
WIDTH = 4.0  # inches
SMALLEST = 0.005  # a share of all contributions that can be seen
CASED = [withStroke(linewidth=4, foreground="white"), Normal()]  # a line seen on every colour


def drawn_fields(attribution: Attribution) -> list[str]:
    """The fields of a drawing, those that do most last: at most SHOWN, and none below LEAST.

    The one that does most is drawn whatever it does.
    """
    sizes = attribution.values.abs().sort_values(kind="stable")
    return list(sizes[(sizes >= LEAST) | (sizes.index == sizes.index[-1])].index[-SHOWN:])


def contribution_figure(
    attribution: Attribution, bead: pd.Series, card: Card, good: str = "a normal bead"
) -> Panels:
    """Odds ratios by field, with twice their standard error; the fields that do most on top."""
    order = drawn_fields(attribution)
    values, errors = attribution.values[order], 2 * attribution.errors[order]
    figure, [axis] = new_figure(1, 1, width=WIDTH, height=0.9 + 0.36 * len(order))
    colours = [COLOURS[2] if value >= 0 else COLOURS[1] for value in values]
    places = np.arange(len(order))
    axis.barh(places, np.exp(values) - 1, left=1, color=colours, height=0.6)
    axis.hlines(places, np.exp(values - errors), np.exp(values + errors), color="black", lw=0.9)
    axis.axvline(1, color="black", lw=0.8)
    log_scale(axis.xaxis)
    names = [_field_text(card, name, bead[name]) for name in order]
    axis.set_yticks(places, names, fontsize=8)
    axis.set_ylim(-0.6, len(order) - 0.4)
    axis.set_xlabel(f"odds ratio of {good}")
    return figure


def _field_text(card: Card, name: str, value: object) -> str:
    """A field and, on a second line, its value."""
    writer = Writer(card, "en")
    called = writer.name("fields", name)
    if name in card.named("note"):
        return "no operator's note" if pd.isna(value) else called
    if pd.isna(value):
        return f"{called}\n(not known)"
    return f"{called}\n{writer.value(name, value)}"


def process_map_figure(
    process: ProcessMap,
    findings: Findings,
    training: pd.DataFrame,
    good_beads: Collection[str],
    card: Card,
) -> Panels:
    """The process map of a bead, with the advised move and training beads like it.

    Those are the beads of its first category (its wire); `good_beads` names the good ones.
    """
    axes, good = process.axes, Writer(card, "en").good(findings)
    figure, [axis] = new_figure(1, 1, width=WIDTH, height=4.4)
    levels = np.linspace(0, 1, 11)
    filled = axis.contourf(process.x, process.y, process.chance, levels, cmap="cividis")
    figure.colorbar(filled, ax=axis, label=f"chance of {good}", pad=0.02)
    known = []
    if process.chance.min() < findings.bar < process.chance.max():
        lines = axis.contour(
            process.x, process.y, process.chance, [findings.bar], colors="black", linewidths=1.6
        )
        lines.set_path_effects(CASED)
        # Beside no line and on no colour of the map: in the legend.
        line = Line2D([], [], color="black", lw=1.6)
        known.append((line, f"bar: a chance of {findings.bar:.0%}".replace("%", " %")))
    outside = (~process.inside).astype(float)
    axis.contourf(process.x, process.y, outside, [0.5, 1.5], colors="none", hatches=["///"])
    same = training
    for first in card.named("set_point", kind="category")[:1]:
        same = training[training[first] == findings.bead[first]]
    fine = same["bead"].isin(good_beads)
    marks = {"good": (same[fine], "o", "white"), "bad": (same[~fine], "X", COLOURS[1])}
    for name, (beads, marker, colour) in marks.items():
        if len(beads):
            axis.scatter(
                beads[axes[0]], beads[axes[1]], marker=marker, c=colour, edgecolors="black",
                linewidths=0.7, s=34, zorder=3,
            )  # fmt: skip
            mark = Line2D([], [], ls="", marker=marker, mfc=colour, mec="black", mew=0.7, ms=6)
            known.append((mark, f"training bead, {name}"))
    start = [float(findings.bead[name]) for name in axes]
    star = axis.plot(*start, marker="*", ms=15, mfc="white", mec="black", ls="", zorder=5)
    known.insert(0, (star[0], "this bead"))
    end = list(start)
    for move in findings.advice.moves:
        if move.field in axes:
            end[axes.index(move.field)] = move.after
    if end != start:
        look = {"arrowstyle": "-|>", "color": COLOURS[1], "lw": 2.2, "shrinkA": 6, "shrinkB": 0}
        arrow = axis.annotate("", end, start, arrowprops=look | {"mutation_scale": 16}, zorder=4)
        arrow.arrow_patch.set_path_effects(CASED)
        known.insert(1, (Line2D([], [], color=COLOURS[1], lw=2.2, marker=">"), "advised change"))
    for set_label, name in zip((axis.set_xlabel, axis.set_ylabel), axes, strict=True):
        set_label(with_unit(card.columns[name].phrase or name, card.columns[name].unit))
    if outside.any():
        hatched = Patch(facecolor="none", edgecolor="black", hatch="///", linewidth=0)
        known.append((hatched, "outside the training data"))
    handles, names = zip(*known, strict=True)
    figure.legend(list(handles), list(names), loc="outside lower center", ncols=2)
    return figure


def weighty(shares: pd.DataFrame) -> pd.DataFrame:
    """The rows of `shares` of which a mark can be told from none."""
    return shares[(shares >= SMALLEST).any(axis=1)]


def importance_figure(shares: pd.DataFrame, card: Card) -> Panels:
    """Mean size of each field's contribution, one bar a model; `shares` is (fields, models).

    Only of fields that contribute, see `weighty`.
    """
    shares = weighty(shares)
    order = shares.mean(axis=1).sort_values(kind="stable").index
    figure, [axis] = new_figure(1, 1, width=WIDTH, height=1.1 + 0.34 * len(order))
    places, count = np.arange(len(order)), len(shares.columns)
    thick = 0.8 / count
    for number, model in enumerate(shares.columns):
        at = places + ((count - 1) / 2 - number) * thick
        colour = (COLOURS[2], GREY, COLOURS[1])[number]
        values = 100 * shares.loc[order, model]
        axis.barh(at, values, height=0.9 * thick, color=colour, label=model)
        for value, y in zip(values, at, strict=True):
            axis.text(value + 0.6, y, f"{value:.0f}" if value >= 0.5 else "< 0.5",
                      fontsize=7, va="center_baseline")  # fmt: skip
    axis.set_yticks(places, [Writer(card, "en").name("fields", name) for name in order], fontsize=8)
    axis.set_ylim(-0.6, len(order) - 0.4)
    axis.set_xlabel("share of all contributions, %")
    axis.grid(axis="x", color="#E5E5E5")
    axis.set_axisbelow(True)
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def success_figure(tried: Mapping) -> Panels:
    """Share of simulated runs that come out Normal, of all advised beads and by defect.

    `tried` is what `trial.try_advice` returned: as run, after a random change, after the advised
    one and after the best by the simulator; a mark shows the expected chance.
    """
    names = {
        "as_run": "as run", "random": "random change of equal size", "advised": "advised change",
        "oracle": "best by the simulator",
    }  # fmt: skip
    groups = {"all": tried | {"beads": tried["advised_beads"]}} | tried["by_defect"]
    figure, [axis] = new_figure(1, 1, width=WIDTH, height=1.3 + 0.62 * len(groups))
    places = np.arange(len(groups))
    expected = np.array([one["expected"] for one in groups.values()])
    for number, (key, label) in enumerate(names.items()):
        values = np.array([one.get(key) or 0.0 for one in groups.values()])
        colour = (GREY, COLOURS[4], COLOURS[2], COLOURS[0])[number]
        at = places + (number - 1.5) * 0.2
        axis.barh(at, values, height=0.18, color=colour, label=label)
        # Beside the mark where there is one, not under it.
        ends = np.maximum(values, expected + 0.01) if key == "advised" else values
        for value, end, y in zip(values, ends, at, strict=True):
            axis.text(end + 0.012, y, f"{100 * value:.0f}", fontsize=8, va="center_baseline")
    axis.plot(expected, places + 0.1, "D", ms=4.5, mfc="white", mec="black", ls="",
              label="chance that was promised")  # fmt: skip
    said = [name.replace("_", " ").capitalize() for name in groups]
    beads = [one["beads"] for one in groups.values()]
    names = [f"{n}\n{b} beads" for n, b in zip(said, beads, strict=True)]
    axis.set_yticks(places, names, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.09)
    axis.set_xticks(np.linspace(0, 1, 6), [f"{number}" for number in range(0, 101, 20)])
    axis.set_xlabel("simulated runs that come out normal, of 100")
    figure.legend(loc="outside upper center", ncols=2)
    return figure
