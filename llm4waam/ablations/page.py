"""The Markdown page of a kind of ablation: plots/ablations/KIND.md, from its table of scores."""

from collections.abc import Mapping, Sequence

import pandas as pd

from llm4waam.ablations.scores import HARDER, best_baseline
from llm4waam.evaluation.assessment import FORMULAS
from llm4waam.evaluation.metrics import HEADLINES
from llm4waam.plotting.pages import (
    DASH,
    between,
    kind_of_data,
    markdown_table,
    number,
    probability,
    sentence_case,
    signed,
)
from llm4waam.plotting.style import title

HEADINGS = {
    "ladder": "What each idea is worth",
    "losses": "Losses",
    "protocols": "What the leak is worth",
    "groups": "A group left out",
    "information": "Measured values",
    "rates": "Learning rates",
    "samples": "Fewer beads",
    "noise": "Wrong outcomes in training",
    "note": "What the operator's note is worth",
}
INTROS = {
    "ladder": "Each rung of the ladder adds one idea to the rung above it. The other ways mix the "
    "same ideas, a detail changes one thing of the sentences or of the training, and a control "
    "spoils something on purpose. A tier is the physics that was given: 0, nothing but the "
    "sentences; 1, formulas of arc and bead; 2, indices of printability.",
    "losses": "Every loss of every task with one encoder and one recipe, see `ablations.losses` in "
    "params.yaml. One seed: differences of a few hundredths are noise.",
    "protocols": "The same encoders and recipe under other protocols. The harder one: all beads of "
    "one group, a laboratory say, are left out and predicted by models that never saw it. Then the "
    "published protocol, with the same number of steps: each "
    "prompt of a bead is a row of its own, folds are drawn over rows, so that a bead is learned "
    "from in one row and asked for in another; then the epoch is chosen on the fold that is "
    "reported; then folds are averaged and a label that is absent from a fold is paid an F1 of "
    "1.0. The rows of the published protocol are *optimistic*: they measure memory, not "
    "prediction. Nearest neighbour, which only looks a bead up, says how much can be remembered.",
    "groups": "A stress test: all training beads of one group (see `ablations.leave_out` in "
    "params.yaml) are left out and predicted by a model that never saw the group, against the "
    "grouped folds of the study on the same beads.",
    "information": "Before the weld, from set-points alone, and after it, with measured values in "
    "sentences and tables. What a closed formula makes of them is then arithmetic.",
    "rates": "The study's recipe at other learning rates. The study's own rate was not chosen by "
    "these scores.",
    "samples": "Folds over all beads, the hold-out among them, with fewer training beads in each; "
    "the number of steps is kept about the same. A line that still rises asks for more beads.",
    "noise": "A share of the training beads of every fold is given a wrong outcome; the beads that "
    "are predicted keep theirs.",
    "note": "A population of simulated laboratories, dirty and cleaned like the study's table, see "
    "`ablations.note` in params.yaml; the study's recipe, with and without the note that the "
    "operator wrote before the weld. Sentences and TF-IDF hold its words; the other baselines "
    "cannot read it.",
}
CIRCULAR = (
    "The indices of printability are published physics, but they are also the law by which the "
    "simulated labels were made: on this table tier 2 is circular."
)
AGAINST_TREES = (
    "How much higher the encoder scores than the best tree that was given the physics of the same "
    "tier; for a regression, than the best baseline of it, the closed formula included. The "
    "baseline is the best out of fold, which flatters it a little."
)
AGAINST_BEST = (
    "Each encoder against itself in the first variation, and in every harder variation against the "
    "best baseline of that variation, of all that were run; that choice flatters the baseline."
)
JUDGED = (
    "p is of the paired bootstrap over cells, adjusted by Holm for all rows of this table. Where "
    "it is below 0.05 the model of the row is called better or worse."
)
# Kind -> the key and title of the study itself, which stands first among its variations.
REFERENCES = {
    "protocols": ("grouped", "grouped folds, as in this study"),
    "groups": ("grouped", "grouped folds, as in this study"),
    "information": ("pre_weld", "set-points alone, before the weld"),
    "noise": ("noise_0", "outcomes as they are"),
}


def ablation_page(
    kind: str,
    table: pd.DataFrame,
    models: Mapping[str, Sequence[str]],
    gaps: pd.DataFrame,
    *,
    simulated: bool,
    circular: bool = False,
) -> str:
    """A table a task and metric, and the paired differences `gaps`.

    `circular` says that tier 2 is the law by which the labels were made.
    `models` are those shown of a task. Every score is out of fold; brackets hold the 95 %
    bootstrap over cells.
    """
    parts = [f"# {HEADINGS[kind]}, on {kind_of_data(simulated=simulated)}", INTROS[kind]]
    if kind == "ladder" and circular:
        parts.append(CIRCULAR)
    parts.append(
        "Every score is out of fold; brackets hold the 95 % bootstrap over cells. "
        f"{DASH} was not run or is not defined."
    )
    for task, names in models.items():
        rows = table[table["task"] == task]
        parts.append(f"## {sentence_case(title(task))}")
        parts.append(f"{rows['beads'].max()} beads.")
        if len(names) == 1:
            parts.append(_by_metric(rows, names[0]))
            continue
        shown = [metric for metric in rows["metric"].unique() if metric in SHOWN]
        for metric in shown:
            parts.append(f"{sentence_case(title(metric))}:")
            parts.append(_by_model(rows[rows["metric"] == metric], names))
        if kind == "ladder":
            parts.append(_reference_rows(table, task))
    if len(gaps):
        parts += ["## Paired differences", JUDGED]
        parts += [AGAINST_TREES] if kind == "ladder" else []
        parts += [AGAINST_BEST] if kind in HARDER else []
        parts.append(_differences(gaps, dict(zip(table["variation"], table["title"], strict=True))))
    return "\n\n".join(parts) + "\n"


SHOWN = (*HEADLINES.values(), "macro_f1")


def _by_model(rows: pd.DataFrame, models: Sequence[str]) -> str:
    """Variations down, models across; groups as lines of their own."""
    cells = rows.set_index(["variation", "model"])
    lines, group = [], ""
    named = rows[rows["model"].isin(models)]
    for one in named.drop_duplicates("variation").itertuples():
        if one.group and one.group != group:
            group = one.group
            lines.append([f"**{group}**", *[""] * len(models)])
        values = [
            _cell(cells.loc[(one.variation, model)])
            if (one.variation, model) in cells.index
            else DASH
            for model in models
        ]
        lines.append([one.title, *values])
    return markdown_table(pd.DataFrame(lines, columns=["variation", *map(title, models)]))


def _by_metric(rows: pd.DataFrame, model: str) -> str:
    """The variations of one model down, the best first, metrics across."""
    rows = rows[rows["model"] == model]
    metrics = list(rows["metric"].unique())
    order = rows[rows["metric"] == metrics[0]].sort_values("score", ascending=False)
    cells = rows.set_index(["variation", "metric"])
    lines = [
        [one.title, *(_cell(cells.loc[(one.variation, metric)]) for metric in metrics)]
        for one in order.itertuples()
    ]
    return markdown_table(pd.DataFrame(lines, columns=[title(model), *map(title, metrics)]))


def _reference_rows(table: pd.DataFrame, task: str) -> str:
    """The baselines of the ladder: those without fields, and the best of each tier."""
    here = table[(table["task"] == task) & table["metric"].isin(HEADLINES.values())]
    lines = []
    for model in ("majority", "mean", FORMULAS["pre_weld"]):
        found = here[here["model"] == model].head(1)
        lines += [[title(model), "any", _cell(row)] for _, row in found.iterrows()]
    for tier in (0, 1, 2):
        best = best_baseline(table, task, tier)
        if best is not None:
            lines.append([f"best: {title(best['model'])}", str(tier), _cell(best)])
    return markdown_table(pd.DataFrame(lines, columns=["baseline", "tier of its fields", "score"]))


def _differences(gaps: pd.DataFrame, titles: Mapping[str, str]) -> str:
    lines = []
    for row in gaps.itertuples():
        against = titles[row.against_variation]
        if row.against != row.model:
            against = f"{title(row.against)} ({against})"
        ends = DASH if pd.isna(row.low) else f"{number(row.low)} to {number(row.high)}"
        told = [signed(row.difference), ends, probability(row.p_holm), row.verdict or DASH]
        lines.append([title(row.task), title(row.model), titles[row.variation], against, *told])
    head = ["task", "model", "variation", "against", "difference", "95 % interval", "p", "verdict"]
    return markdown_table(pd.DataFrame(lines, columns=head), left=4)


def _cell(row: pd.Series) -> str:
    return between(row["score"], row["low"], row["high"])
