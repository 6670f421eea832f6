"""Kind `choice`: the study's own recipe, chosen among candidates on inner folds.

For every two folds one model learned from the beads outside both and predicted those of both (see
`plans.pair_plan`). For an outer fold the other folds are inner ones: their beads are predicted by
models that saw neither them nor the outer fold, and a candidate is scored on these predictions.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from textwrap import fill

import numpy as np
import pandas as pd

from llm4waam.ablations.scores import arrays_of
from llm4waam.ablations.variations import LOSS, Variation
from llm4waam.encoders.families import FAMILIES
from llm4waam.evaluation.metrics import HEADLINES, task_metrics
from llm4waam.plotting.pages import kind_of_data, markdown_table, number, sentence_case
from llm4waam.plotting.style import COLOURS, GREY, PANEL, Panels, new_figure, title
from llm4waam.splits.tasks import Task
from llm4waam.training.recipe import Recipe

WIDTH = 28  # letters of a line of a title
SCORES = ["group", "variation", "title", "task", "model", "fold", "score"]
CANDIDATES = [
    "group",
    "variation",
    "title",
    "cost",
    "mean",
    "behind",
    "error",
    "folds",
    "chosen",
    "study",
]
INTRO = (
    "Every candidate learned, for every two folds, from the beads outside both. For an outer fold "
    "it is scored on the beads of the other folds, by models that saw neither these beads nor the "
    "outer fold; the score is the headline of each task (micro F1, accuracy, R²), the mean over "
    "tasks and encoders. *Behind* is how far its mean over the outer folds lies below that of the "
    "best, *error* is the standard error of this difference over folds. Chosen is the candidate "
    "that takes the fewest epochs (of all its models together) of those that are behind by no "
    "more than one standard error, the one-standard-error rule (Breiman et al. 1984), and of "
    "equal ones the first, which was proposed before these scores were seen, after trials on the "
    "folds of the study. Models of inner folds learn from fewer beads than those of the study, so "
    "the study takes as many *steps* and not as many epochs as what was chosen: with five folds "
    "three quarters of the epochs. The hold-out had no part in trials or choice. But the beads "
    "scored here and in the trials are those of the study's out-of-fold scores, which flatters "
    "the chosen recipe; *folds* says for how many outer folds alone the same candidate would have "
    "been the best. Below each question stands which candidate the recipe of params.yaml is."
)


def inner_scores(
    rows: pd.DataFrame, variations: Sequence[Variation], tasks: Mapping[str, Task], folds: int
) -> pd.DataFrame:
    """The table SCORES: the headline of every candidate, task and encoder for each outer fold.

    `rows` are predictions whose `fold` is j * folds + k for the pair of folds j < k that the model
    did not see, with `own`, the fold of the bead.
    """
    rows = rows.assign(outer=rows["fold"] // folds + rows["fold"] % folds - rows["own"])
    found = []
    for one in variations:
        mine = rows[rows["variation"] == one.key]
        for (name, model, outer), part in mine.groupby(["task", "model", "outer"], sort=False):
            task = tasks[name]
            target, score, loss, thresholds = arrays_of(task, part)
            cuts = None if task.kind == "regression" else thresholds
            value = task_metrics(task, target, score, loss, cuts)[0][HEADLINES[task.kind]]
            found.append((one.group, one.key, one.title, name, model, outer, value))
    return pd.DataFrame(found, columns=SCORES)


def choose(
    scores: pd.DataFrame, variations: Sequence[Variation], study: Container[str] = ()
) -> pd.DataFrame:
    """The table CANDIDATES, one row a candidate of `scores`; one of each group is `chosen`.

    `cost` is the epochs of all its models, `mean` the mean over tasks, encoders and outer folds.
    `study` are the candidates that the study's recipe is, see `of_the_study`.
    """
    costs = {v.key: v.recipe["epochs"] * v.recipe.get("seeds", 1) for v in variations}
    tables = []
    for group, part in scores.groupby("group", sort=False):
        wide = part.pivot_table("score", "fold", "variation", sort=False)  # the mean over the rest
        best = wide.mean().idxmax()
        gaps = wide[[best]].to_numpy() - wide
        table = pd.DataFrame(
            {
                "group": group,
                "title": part.drop_duplicates("variation").set_index("variation")["title"],
                "cost": {key: costs[key] for key in wide},
                "mean": wide.mean(),
                "behind": gaps.mean(),
                "error": gaps.std(ddof=1) / np.sqrt(len(wide)),
                "folds": {key: int((wide.idxmax(axis=1) == key).sum()) for key in wide},
            }
        ).loc[list(wide)]
        near = table[table["behind"] <= table["error"]]
        chosen = near.sort_values("cost", kind="stable").index[0]
        table["chosen"] = table.index == chosen
        table["study"] = [key in study for key in table.index]
        tables.append(table.rename_axis("variation").reset_index())
    return pd.concat(tables, ignore_index=True)[CANDIDATES]


def study_recipe(candidate: Variation, folds: int) -> dict:
    """What a candidate, once chosen, makes of the study's recipe: as many steps, in fewer epochs.

    Of `folds`, an inner model learns from all but two and one of the study from all but one.
    """
    epochs = round(candidate.recipe["epochs"] * (folds - 2) / (folds - 1))
    return candidate.recipe | {"epochs": epochs}


def of_the_study(
    variations: Sequence[Variation], recipe: Callable[[str, str], Recipe], folds: int
) -> list[str]:
    """The candidates that the study's own recipe is, of each group at most one.

    `recipe` gives that of an encoder and a task. The losses are compared in the first recipe, so of
    a candidate of theirs the loss alone is asked for.
    """
    found = []
    for one in variations:
        asked = study_recipe(one, folds)
        asked = {"loss": asked["loss"]} if one.group == LOSS else asked
        recipes = [recipe(encoder, name) for encoder in FAMILIES for name in one.tasks]
        if all(own.model_dump(include=set(asked)) == asked for own in recipes):
            found.append(one.key)
    return found


def choice_page(scores: pd.DataFrame, candidates: pd.DataFrame, *, simulated: bool) -> str:
    """A table of candidates for every question, with the scores of each task and encoder."""
    outer = scores["fold"].nunique()
    parts = [f"# How the recipe was chosen, on {kind_of_data(simulated=simulated)}", INTRO]
    for group, table in candidates.groupby("group", sort=False):
        part = scores[scores["group"] == group]
        wide = part.pivot_table("score", "variation", ["task", "model"], sort=False)
        lines = []
        for row in table.itertuples():
            told = [number(row.mean), number(row.behind), number(row.error)]
            name = f"**{row.title}**" if row.chosen else row.title
            each = [number(value) for value in wide.loc[row.variation]]
            lines.append([name, str(row.cost), *told, f"{row.folds} of {outer}", *each])
        head = ["candidate", "epochs in all", "mean", "behind", "error", "folds"]
        head += [f"{title(task)}, {title(model)}" for task, model in wide]
        chosen = table.loc[table["chosen"], "title"].iloc[0]
        parts += [f"## {_question(group)}", f"Chosen: **{chosen}**. {_of_study(table)}"]
        parts += [markdown_table(pd.DataFrame(lines, columns=head))]
    return "\n\n".join(parts) + "\n"


def _of_study(table: pd.DataFrame) -> str:
    """What the study takes, beside what was chosen."""
    own = table[table["study"]]
    if own.empty:
        return "The recipe of params.yaml is none of these candidates."
    [row] = own.itertuples()
    if row.chosen:
        return "This is the recipe of params.yaml."
    behind = f"behind the best by {number(row.behind)}, with an error of {number(row.error)}"
    return f"The recipe of params.yaml is another one, {row.title}, {behind}."


def _question(group: str) -> str:
    """A heading: the tasks of the group, or the losses."""
    if group == LOSS:
        return "Loss of the labels"
    return sentence_case(" and ".join(title(task) for task in group.split("_and_")))


def choice_figure(candidates: pd.DataFrame) -> Panels:
    """A panel a question: how far each candidate is behind the best, and one standard error."""
    groups = list(candidates["group"].unique())
    longest = candidates.groupby("group").size().max()
    size = {"width": PANEL, "height": 1.3 + 0.36 * longest}
    figure, axes = new_figure(-(-len(groups) // 2), min(len(groups), 2), **size)
    for axis in axes[len(groups) :]:
        axis.set_visible(False)
    for axis, group in zip(axes, groups, strict=False):
        rows = candidates[candidates["group"] == group].reset_index(drop=True)
        for place, row in rows.iterrows():
            colour = COLOURS[2] if row["chosen"] else GREY
            axis.errorbar(-row["behind"], place, xerr=row["error"], fmt="o", color=colour)
        axis.set_yticks(range(len(rows)), [fill(text, WIDTH) for text in rows["title"]])
        for label, chosen in zip(axis.get_yticklabels(), rows["chosen"], strict=True):
            label.set_fontweight("bold" if chosen else "normal")
        axis.set_ylim(len(rows) - 0.5, -0.5)
        axis.axvline(0, color=GREY, lw=0.8)
        axis.set_xlabel("score minus the best\n(bar: standard error)")
        axis.locator_params(axis="x", nbins=4)
        axis.set_title(f"{_question(group)} (bold: chosen)")
        axis.grid(axis="x", color="#E5E5E5")
        axis.set_axisbelow(True)
    return figure


def summarise_choice(candidates: pd.DataFrame) -> dict:
    """`metrics/ablations/choice.json`: group -> mean of each candidate, the chosen, the study's."""
    found: dict = {}
    for row in candidates.to_dict("records"):
        place, key = found.setdefault(row["group"], {"mean": {}}), row["variation"]
        place["mean"][key.replace(".", "_")] = row["mean"]
        for what in ("chosen", "study"):
            if row[what]:
                place[what] = key
    return found
