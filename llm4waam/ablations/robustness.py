"""Where does a language model earn its keep? The conditions that make the study harder, together.

Outcomes that are wrong, a group that was never seen, few beads: each encoder beside the best
baseline of the same condition, from the tables of the kinds `noise`, `groups` and `samples`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill

import pandas as pd
from matplotlib.axes import Axes

from llm4waam.ablations.scores import HARDER, best_of_variation
from llm4waam.encoders.families import FAMILIES
from llm4waam.evaluation.metrics import HEADLINES
from llm4waam.plotting.pages import between, kind_of_data, markdown_table, signed
from llm4waam.plotting.style import MARKERS, PANEL, Panels, model_colour, new_figure, title
from llm4waam.reporting.report_findings import earned
from llm4waam.reporting.report_words import Words

PANELS = {  # kind -> title of its panel, label of its axis
    "noise": ("Wrong outcomes in training", "outcomes wrong"),
    "groups": ("A group never seen", "task"),
    "samples": ("Few beads", "training beads"),
}
NARROW = 10  # letters of a line below a tick
ROWS = ["kind", "condition", "task", "metric", "beads", "model", "score", "low", "high"]
ROWS += ["baseline", "baseline_score", "baseline_low", "baseline_high", "difference", "verdict"]
CLASSIFIED = ("accuracy", "micro_f1")
RIGHT = "share of beads judged right"
INTRO = (
    "Each encoder beside the baseline that is best in the same condition, of all that were run in "
    "it; that choice flatters the baseline a little. Scores are out of fold, brackets hold the "
    "95 % bootstrap over cells. The verdict is that of the page of the kind: better or worse where "
    "p, adjusted by Holm for all comparisons of that page, is below 0.05."
)


@dataclass(frozen=True)
class Condition:
    """One condition of a kind: the key of its variation, and what the axis calls it."""

    kind: str
    variation: str
    label: str


def conditions(tables: Mapping[str, pd.DataFrame]) -> list[Condition]:
    """The conditions that are harder than the study, in the order of HARDER and of the tables."""
    found = []
    for kind in PANELS:
        for key in tables[kind]["variation"].unique() if kind in tables else ():
            name, _, number = key.rpartition("_")
            if kind == "noise" and float(number):
                found.append(Condition(kind, key, f"{float(number):.0%}"))
            elif kind == "samples" and name == "beads":
                found.append(Condition(kind, key, number))
            elif kind == "groups" and key == "left_out":
                found.append(Condition(kind, key, "never seen"))
    return found


def robustness_table(
    tables: Mapping[str, pd.DataFrame], differences: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """The table with ROWS: an encoder in a condition, and the best baseline of that condition.

    `tables` and `differences` are those that the kinds of HARDER wrote; classifications alone.
    """
    found = []
    for one in conditions(tables):
        table = tables[one.kind]
        part = table[(table["variation"] == one.variation) & table["metric"].isin(CLASSIFIED)]
        part = part[part["metric"].isin(HEADLINES.values())]
        for task, rows in part.groupby("task", sort=False):
            best = best_of_variation(table, one.variation, task)
            scores = rows.set_index("model")
            gaps = differences[one.kind]
            gaps = gaps[(gaps["variation"] == one.variation) & (gaps["task"] == task)]
            gaps = gaps[gaps["against"] == best].set_index("model")
            for encoder in FAMILIES:
                if best is None or encoder not in scores.index or encoder not in gaps.index:
                    continue
                own, other, gap = scores.loc[encoder], scores.loc[best], gaps.loc[encoder]
                who = (one.kind, one.label, task, own["metric"], own["beads"], encoder)
                ends = [part[k] for part in (own, other) for k in ("score", "low", "high")]
                told = (gap["difference"], gap["verdict"])
                found.append((*who, *ends[:3], best, *ends[3:], *told))
    return pd.DataFrame(found, columns=ROWS)


def robustness_page(table: pd.DataFrame, *, simulated: bool) -> str:
    """The finding, and every comparison."""
    data = kind_of_data(simulated=simulated)
    said = earned(Words.read("en"), table)
    parts = [f"# Where a language model earns its keep, on {data}", said, INTRO]
    for kind, rows in table.groupby("kind", sort=False):
        lines = [
            [
                row.condition,
                title(row.task),
                title(row.model),
                f"{title(row.metric)} {between(row.score, row.low, row.high)}",
                f"{title(row.baseline)} "
                f"{between(row.baseline_score, row.baseline_low, row.baseline_high)}",
                signed(row.difference),
                row.verdict,
            ]
            for row in rows.itertuples()
        ]
        head = [PANELS[kind][1], "task", "encoder", "score", "best baseline", "difference"]
        head = ["condition" if kind == "groups" else head[0], *head[1:], "the encoder is"]
        parts += [f"## {PANELS[kind][0]}", f"{rows['beads'].max()} beads."]
        parts.append(markdown_table(pd.DataFrame(lines, columns=head), left=5))
    return "\n\n".join(parts) + "\n"


def robustness_figure(table: pd.DataFrame) -> Panels:
    """A panel a kind: every encoder and the best baseline of each condition, with intervals."""
    kinds = [kind for kind in HARDER if kind in set(table["kind"])]
    kinds.sort(key=list(PANELS).index)
    figure, axes = new_figure(1, len(kinds), width=PANEL, height=3.4, sharey=True)
    for axis, kind in zip(axes, kinds, strict=True):
        rows = table[table["kind"] == kind]
        if kind == "groups":  # one condition: the tasks stand side by side
            named = zip(rows["task"], rows["metric"], strict=True)
            rows = rows.assign(condition=[f"{title(a)}\n({title(b)})" for a, b in named])
        else:
            rows = rows[rows["task"] == rows["task"].iloc[0]]
        places = {label: n for n, label in enumerate(rows["condition"].unique())}
        for number, encoder in enumerate(FAMILIES):
            part = rows[rows["model"] == encoder]
            x = [places[label] + (number - len(FAMILIES) / 2) * 0.16 for label in part["condition"]]
            _points(axis, x, part[["score", "low", "high"]], encoder, number)
        part = rows[rows["model"] == next(iter(FAMILIES))]
        x = [places[label] + len(FAMILIES) / 2 * 0.16 for label in part["condition"]]
        ends = part[["baseline_score", "baseline_low", "baseline_high"]]
        _points(axis, x, ends.set_axis(["score", "low", "high"], axis=1), "best baseline", 2)
        # Under each condition the best baseline by its name.
        best = dict(zip(part["condition"], map(title, part["baseline"]), strict=True))
        axis.set_xticks(range(len(places)), [f"{one}\n{fill(best[one], NARROW)}" for one in places])
        axis.set_xlim(-0.6, len(places) - 0.4)
        name, label = PANELS[kind]
        axis.set_title(name)
        axis.set_xlabel(
            "best baseline below" if kind == "groups" else f"{label} (best baseline below)"
        )
        said = RIGHT if set(rows["metric"]) == {"accuracy"} else "score"
        axis.set_ylabel(f"{said}\n(bar: 95 % interval)")
        axis.yaxis.set_tick_params(labelleft=True)
        axis.grid(axis="y", color="#E5E5E5")
        axis.set_axisbelow(True)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, ncols=len(labels), fontsize=8)
    return figure


def _points(axis: Axes, x: Sequence[float], rows: pd.DataFrame, model: str, number: int) -> None:
    colour = model_colour(model)
    axis.vlines(x, rows["low"], rows["high"], color=colour, lw=1.4)
    style = {"color": colour, "marker": MARKERS[number], "label": title(model)}
    axis.plot(x, rows["score"], ls="", ms=5.5, **style)
