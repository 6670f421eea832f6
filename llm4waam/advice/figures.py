"""Figures of explanations and advice: contributions, process map, importance, success."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from matplotlib.patches import Patch

from llm4waam.advice.counterfactual import ProcessMap
from llm4waam.advice.findings import Findings
from llm4waam.advice.shapley import Attribution
from llm4waam.card.card import Card
from llm4waam.card.quantities import format_number
from llm4waam.plotting.style import COLOURS, GREY, Panels, log_scale, new_figure, with_unit
from llm4waam.sentences.fields import field_of

SHOWN = 8  # fields of a drawing


def contribution_figure(attribution: Attribution, bead: pd.Series, card: Card) -> Panels:
    """Odds ratios by field, with twice their standard error; the fields that do most on top."""
    order = attribution.values.abs().sort_values().index[-SHOWN:]
    values, errors = attribution.values[order], 2 * attribution.errors[order]
    figure, [axis] = new_figure(1, 1, width=6.2, height=0.9 + 0.3 * len(order))
    colours = [COLOURS[2] if value >= 0 else COLOURS[1] for value in values]
    places = np.arange(len(order))
    axis.barh(places, np.exp(values) - 1, left=1, color=colours, height=0.6)
    axis.hlines(places, np.exp(values - errors), np.exp(values + errors), color="black", lw=0.9)
    axis.axvline(1, color="black", lw=0.8)
    log_scale(axis.xaxis)
    axis.set_yticks(places, [_field_text(card, name, bead[name]) for name in order])
    axis.set_xlabel("odds ratio of a normal bead (bar: two standard errors)")
    return figure


def _field_text(card: Card, name: str, value: object) -> str:
    phrase = field_of(card, name).phrase or name
    if name in card.named("note"):
        return "operator's note" if not pd.isna(value) else "no operator's note"
    if pd.isna(value):
        return f"{phrase} (not known)"
    if isinstance(value, str):
        return f"{phrase} {value}"
    return f"{phrase} {format_number(value, 3)} {_unit(card, name)}"


def _unit(card: Card, name: str) -> str:
    unit = field_of(card, name).unit
    return {"degC": "°C", "deg": "°"}.get(unit, unit or "")


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
    axes = process.axes
    figure, [axis] = new_figure(1, 1, width=6.2, height=4.4)
    levels = np.linspace(0, 1, 11)
    filled = axis.contourf(process.x, process.y, process.chance, levels, cmap="cividis")
    figure.colorbar(filled, ax=axis, label="chance of a normal bead")
    if process.chance.min() < findings.bar < process.chance.max():
        lines = axis.contour(process.x, process.y, process.chance, [findings.bar], colors="white")
        axis.clabel(lines, fmt=lambda _: f"{findings.bar:.0%}", fontsize=8)
    outside = (~process.inside).astype(float)
    axis.contourf(process.x, process.y, outside, [0.5, 1.5], colors="none", hatches=["///"])
    same = training
    for first in card.named("set_point", kind="category")[:1]:
        same = training[training[first] == findings.bead[first]]
    good = same["bead"].isin(good_beads)
    marks = {"normal": (same[good], "o", "white"), "defect": (same[~good], "X", COLOURS[1])}
    for name, (beads, marker, colour) in marks.items():
        if len(beads):
            axis.scatter(
                beads[axes[0]], beads[axes[1]], marker=marker, c=colour, edgecolors="black",
                linewidths=0.7, s=34, label=f"training bead, {name}", zorder=3,
            )  # fmt: skip
    start = [float(findings.bead[name]) for name in axes]
    axis.plot(*start, marker="*", ms=15, mfc=COLOURS[4], mec="black", ls="", label="this bead")
    end = list(start)
    for move in findings.advice.moves:
        if move.field in axes:
            end[axes.index(move.field)] = move.after
    if end != start:
        arrow = {"arrowstyle": "-|>", "color": COLOURS[4], "lw": 2.5, "shrinkA": 6}
        axis.annotate("", end, start, arrowprops=arrow, zorder=4)
    for set_label, name in zip((axis.set_xlabel, axis.set_ylabel), axes, strict=True):
        set_label(with_unit(card.columns[name].phrase or name, card.columns[name].unit))
    handles, names = axis.get_legend_handles_labels()
    handles.append(Patch(facecolor="none", edgecolor="black", hatch="///", linewidth=0))
    figure.legend(
        handles, [*names, "outside the training data"], loc="outside lower center", ncols=2,
        fontsize=8,
    )  # fmt: skip
    return figure


def importance_figure(shares: pd.DataFrame, card: Card) -> Panels:
    """Mean size of each field's contribution, one mark a model; `shares` is (fields, models)."""
    order = shares.mean(axis=1).sort_values().index
    figure, [axis] = new_figure(1, 1, width=6.2, height=1.0 + 0.28 * len(order))
    places = np.arange(len(order))
    for number, model in enumerate(shares.columns):
        axis.plot(
            shares.loc[order, model], places, marker="os^"[number], ls="",
            color=(COLOURS[2], GREY, COLOURS[1])[number], label=model,
        )  # fmt: skip
    axis.set_yticks(places, [field_of(card, name).phrase or name for name in order])
    axis.set_xlabel("share of all contributions (mean absolute log odds ratio)")
    axis.set_xlim(left=-0.01)
    axis.grid(axis="both", color="#E5E5E5")
    axis.set_axisbelow(True)
    figure.legend(loc="outside upper center", ncols=3, fontsize=8)
    return figure


def success_figure(tried: dict) -> Panels:
    """Share of simulated runs that come out Normal, of all advised beads and by defect.

    `tried` is what `trial.try_advice` returned: as run, after a random change, after the advised
    one and after the best by the simulator; a mark shows the expected chance.
    """
    names = {
        "as_run": "as run", "random": "random change of equal size", "advised": "advised change",
        "oracle": "best by the simulator",
    }  # fmt: skip
    groups = {"all": tried | {"beads": tried["advised_beads"]}} | tried["by_defect"]
    figure, [axis] = new_figure(1, 1, width=6.2, height=1.3 + 0.75 * len(groups))
    places = np.arange(len(groups))
    for number, (key, label) in enumerate(names.items()):
        values = [one.get(key) or 0.0 for one in groups.values()]
        colour = (GREY, COLOURS[4], COLOURS[2], COLOURS[0])[number]
        at = places + (number - 1.5) * 0.2
        bars = axis.barh(at, values, height=0.18, color=colour, label=label)
        axis.bar_label(bars, [f"{value:.0%}" for value in values], padding=3, fontsize=8)
    expected = [one["expected"] for one in groups.values()]
    axis.plot(expected, places + 0.1, "D", ms=5, mfc="white", mec="black", label="chance expected")
    said = [name.replace("_", " ").capitalize() for name in groups]
    beads = [one["beads"] for one in groups.values()]
    axis.set_yticks(places, [f"{n} ({b} beads)" for n, b in zip(said, beads, strict=True)])
    axis.invert_yaxis()
    axis.set_xlim(0, 1.08)
    axis.set_xlabel("share of simulated runs that come out Normal")
    figure.legend(loc="outside upper center", ncols=3, fontsize=8)
    return figure
