"""Kind `splits`: how far the draw of folds and hold-out moves every score.

An interval of a headline score holds the split fixed. Here the whole split is drawn anew by other
seeds, every model is trained again, and the scores of the draws stand side by side.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from llm4waam.ablations.figures import FLOOR
from llm4waam.encoders.families import FAMILIES
from llm4waam.evaluation.assessment import FORMULAS
from llm4waam.evaluation.bootstrap import headline_of
from llm4waam.evaluation.metrics import HEADLINES
from llm4waam.evaluation.read_predictions import pooled
from llm4waam.evaluation.versions import ROLES
from llm4waam.plotting.pages import kind_of_data, markdown_table, number, sentence_case
from llm4waam.plotting.style import GREY, PANEL, Panels, model_colour, new_figure, title
from llm4waam.splits.tasks import Task

OWN = "study"  # the split of the study itself
DRAWS = ["task", "model", "split", "role", "metric", "score", "beads"]
SPREAD = ["task", "model", "role", "metric", "study", "draws", "mean", "sd", "lowest", "highest"]
INTRO = (
    "The whole split (folds and hold-out) is drawn anew by other seeds, and every model is trained "
    "again with the study's recipe. `study` is the score in the study's own split; mean, standard "
    "deviation, lowest and highest are over the new draws. The interval of a score on other pages "
    "holds the split fixed and leaves this out."
)
AHEAD = (
    "How much higher the encoder scores, in one and the same draw, than the baseline that is best "
    "on average over the draws; that choice flatters the baseline a little. Draws share most of "
    "their beads: they show how far the draw matters, and are no test."
)


def draw_scores(
    rows: pd.DataFrame, own: pd.DataFrame, tasks: Mapping[str, Task], cells: pd.Series
) -> pd.DataFrame:
    """The table DRAWS: the headline score of every model in every draw, out of fold and held out.

    `rows` are the prediction rows of this kind, `own` those of the study (with `task`), `cells`
    maps a bead to its cell. A score is pooled over folds, the mean over repeats.
    """
    found = []
    everything = pd.concat([own.assign(variation=OWN), rows])
    keys = ["task", "model", "variation", "role"]
    for (name, model, variation, role), part in everything.groupby(keys, sort=False):
        task = tasks[name]
        scores = pooled(task, part, cells)
        split = OWN if variation == OWN else variation.removeprefix("seed_")
        said = HEADLINES[task.kind], headline_of(task, scores), len(scores.beads)
        found.append((name, model, split, role, *said))
    return pd.DataFrame(found, columns=DRAWS)


def spread_of_draws(draws: pd.DataFrame) -> pd.DataFrame:
    """The table SPREAD of the table of draws; the study's own split is no draw of its own."""
    found = []
    for (task, model, role), part in draws.groupby(["task", "model", "role"], sort=False):
        own = part.loc[part["split"] == OWN, "score"]
        scores = part.loc[part["split"] != OWN, "score"]
        mean, sd = scores.mean(), scores.std(ddof=1)
        ends = scores.min(), scores.max()
        study = own.iloc[0] if len(own) else np.nan
        metric = part["metric"].iloc[0]
        found.append((task, model, role, metric, study, len(scores), mean, sd, *ends))
    return pd.DataFrame(found, columns=SPREAD)


def best_over_draws(spread: pd.DataFrame, task: str) -> str | None:
    """The baseline with the highest mean out of fold that sees no measured value."""
    part = spread[(spread["task"] == task) & (spread["role"] == "oof")]
    part = part[~part["model"].isin([*FAMILIES, FORMULAS["post_weld"]])].dropna(subset="mean")
    return part.sort_values("mean", kind="stable")["model"].iloc[-1] if len(part) else None


def splits_page(draws: pd.DataFrame, spread: pd.DataFrame, *, simulated: bool) -> str:
    """The spread of every model, and how often an encoder is ahead of the best baseline."""
    parts = [f"# The split drawn anew, on {kind_of_data(simulated=simulated)}", INTRO]
    for task, rows in spread.groupby("task", sort=False):
        metric, count = title(rows["metric"].iloc[0]), rows["draws"].max()
        sizes = draws[draws["task"] == task].groupby("role")["beads"].max()
        told = ", ".join(f"{sizes[r]} beads {ROLES[r]}" for r in ROLES if r in sizes)
        parts += [f"## {sentence_case(title(task))}: {metric}", f"{count} draws, {told}."]
        for role, name in ROLES.items():
            here = rows[rows["role"] == role].sort_values("mean", ascending=False, kind="stable")
            lines = [
                [title(row.model), number(row.study), number(row.mean), number(row.sd), ends]
                for row in here.itertuples()
                for ends in [f"{number(row.lowest)} to {number(row.highest)}"]
            ]
            if lines:
                head = [name, "study", "mean", "SD", "lowest to highest"]
                parts.append(markdown_table(pd.DataFrame(lines, columns=head)))
    gaps = _gaps(draws, spread)
    if gaps:
        head = ["task", "encoder", "baseline", "mean", "lowest to highest", "ahead in"]
        table = markdown_table(pd.DataFrame(gaps, columns=head), left=3)
        parts += ["## Encoder minus baseline, draw by draw", AHEAD, table]
    return "\n\n".join(parts) + "\n"


def _gaps(draws: pd.DataFrame, spread: pd.DataFrame) -> list[list[str]]:
    found = []
    for task, part in draws[(draws["role"] == "oof") & (draws["split"] != OWN)].groupby(
        "task", sort=False
    ):
        wide = part.pivot(index="split", columns="model", values="score")
        best = best_over_draws(spread, task)
        for encoder in FAMILIES if best else ():
            if encoder in wide:
                gap = wide[encoder] - wide[best]
                ends = f"{number(gap.min())} to {number(gap.max())}"
                ahead = f"{(gap > 0).sum()} of {len(gap)}"
                who = [title(task), title(encoder), title(best)]
                found.append([*who, number(gap.mean()), ends, ahead])
    return found


def splits_figure(draws: pd.DataFrame, spread: pd.DataFrame) -> Panels:
    """One panel a task: a dot a draw, filled out of fold and hollow on the hold-out."""
    tasks = list(draws["task"].unique())
    columns = min(len(tasks), 2)
    size = {"width": PANEL, "height": 2.3}
    figure, axes = new_figure(-(-len(tasks) // columns), columns, **size)
    for axis in axes[len(tasks) :]:
        axis.set_visible(False)
    for axis, task in zip(axes, tasks, strict=False):
        part = draws[draws["task"] == task]
        best = best_over_draws(spread, task)
        names = [*FAMILIES, *([best] if best else []), "majority", FORMULAS["pre_weld"]]
        names = [name for name in dict.fromkeys(names) if name in set(part["model"])]
        for place, model in enumerate(names):
            for role, shift in (("oof", -0.14), ("hold_out", 0.14)):
                rows = part[(part["model"] == model) & (part["role"] == role)]
                for own, mark, area in ((False, "o", 26), (True, "D", 42)):
                    x = rows.loc[(rows["split"] == OWN) == own, "score"].clip(lower=FLOOR)
                    face = model_colour(model) if role == "oof" else "none"
                    edge = {"facecolors": face, "edgecolors": model_colour(model)}
                    axis.scatter(x, [place + shift] * len(x), s=area, marker=mark, **edge)
        axis.set_yticks(range(len(names)), [title(name) for name in names])
        axis.set_ylim(len(names) - 0.5, -0.5)
        axis.set_xlabel(sentence_case(title(part["metric"].iloc[0])))
        axis.set_title(title(task))
        axis.xaxis.set_major_locator(MaxNLocator(5))
        axis.grid(axis="x", color="#E5E5E5")
        axis.set_axisbelow(True)
    marks = {"out of fold": ("o", GREY), "hold-out": ("o", "none")}
    marks |= {"the study's own split": ("D", GREY)}
    handles = [
        Line2D([], [], ls="", marker=mark, mfc=face, mec=GREY, label=label)
        for label, (mark, face) in marks.items()
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=len(handles), fontsize=8)
    return figure


def summarise_draws(spread: pd.DataFrame) -> dict:
    """`metrics/ablations/splits.json`: task -> encoder -> role -> study, mean, sd, ends."""
    found: dict = {}
    for row in spread[spread["model"].isin(FAMILIES)].to_dict("records"):
        values = {k: row[k] for k in ("study", "mean", "sd", "lowest", "highest")}
        found.setdefault(row["task"], {}).setdefault(row["model"], {})[row["role"]] = values
    return found
