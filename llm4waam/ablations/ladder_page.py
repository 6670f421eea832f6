"""plots/ladder.md: a table a task, the rungs against trees, and how the default was chosen."""

from collections.abc import Mapping, Sequence

import pandas as pd

from llm4waam.ablations.ladder_scores import TIERS, best_baseline
from llm4waam.ablations.rungs import Rung
from llm4waam.evaluation.assessment import ENCODERS, FORMULAS
from llm4waam.plotting.style import title
from llm4waam.reporting.results import number

GROUPS = {"ladder": "ladder", "other": "other ways", "craft": "crafts", "control": "controls"}
WITHOUT_FIELDS = ("majority", "mean", FORMULAS["pre_weld"])  # the same whatever the tier
INTRODUCTION = (
    "A rung is one way to read beads and to learn from them; each rung of the ladder adds one idea "
    "to the rung above it. The other ways mix the same ideas, a craft changes one thing of the "
    "sentences or of the training, and a control spoils something on purpose. A tier is the "
    "physics that was given: 0, nothing but the sentences; 1, formulas of arc and bead; 2, indices "
    "of printability. {circular}Every score is out of fold, after {epochs} epochs at the rate of "
    "the encoder in params.yaml unless the rung says otherwise; brackets hold the 95 % bootstrap "
    "over cells. {DASH} was not run or is not defined."
)
CIRCULAR = (
    "These indices are published physics, but they are also the law by which the simulated labels "
    "were made: on this table tier 2 is circular. "
)
AGAINST = (
    "How much higher the encoder scores than the best tree that was given the physics of the same "
    "tier; for a regression, than the best baseline of it, the closed formula included. A "
    "difference is real only where its paired 95 % interval does not hold zero. The tree is the "
    "best out of fold, which flatters it a little."
)
INNER = (
    "The inner hold-outs are training beads of each fold, so over all folds they are the beads of "
    "the scores above, which flatters the default a little; only the hold-out of the study had no "
    "part in the choice."
)


def ladder_page(
    scores: pd.DataFrame,
    differences: pd.DataFrame,
    rungs: Sequence[Rung],
    chosen: Mapping,
    settings: object,
    *,
    simulated: bool,
) -> str:
    """The Markdown page from the tables of `ladder_scores`; `settings` has the `epochs`.

    `chosen` holds what the default was chosen `by`, the `scores` (rung -> encoder -> score) that
    chose it and the key of the `default`.
    """
    kind = "simulated data" if simulated else "measured data"
    circular = CIRCULAR if simulated else ""
    parts = [
        f"# The ladder, on {kind}",
        INTRODUCTION.format(circular=circular, epochs=settings.epochs, DASH=number(None)),
    ]
    for task in scores["task"].unique():
        parts.append(f"## {title(task).capitalize()}")
        part = scores[scores["task"] == task]
        for metric in part["metric"].unique():
            rows = part[part["metric"] == metric]
            metric = title(metric)
            parts.append(f"{metric[:1].upper()}{metric[1:]} of {rows['beads'].max()} beads.")
            parts.append(_scores(rows, best_trees(scores, task), rungs))
    parts += ["## Against the best tree of the same tier", AGAINST, _against(differences, rungs)]
    return "\n\n".join([*parts, *_default(chosen, rungs)]) + "\n"


def best_trees(scores: pd.DataFrame, task: str) -> dict[int, str]:
    """Tier -> the better of the two trees that were given its fields."""
    found = {tier: best_baseline(scores, task, tier, trees=True) for tier in TIERS}
    return {tier: row["model"] for tier, row in found.items() if row is not None}


def _scores(rows: pd.DataFrame, trees: Mapping[int, str], rungs: Sequence[Rung]) -> str:
    lines = [["rung", "tier", *map(title, ENCODERS), "baseline"]]
    for group, name in GROUPS.items():
        here = [rung for rung in rungs if rung.group == group and rung.key in set(rows["rung"])]
        if here:
            lines.append([f"**{name}**", *[""] * 4])
        for rung in here:
            found = rows[rows["rung"] == rung.key].set_index("model")
            name = _titled(rung)
            lines.append([name, f"{rung.tier}", *(_score(found, e) for e in ENCODERS), ""])
    lines.append(["**baselines**", *[""] * 4])
    known = rows[rows["group"] == "baseline"]
    for model in WITHOUT_FIELDS:
        found = known[known["model"] == model].drop_duplicates("model").set_index("model")
        if len(found):
            lines.append([title(model), "any", "", "", _score(found, model)])
    for tier, model in trees.items():
        found = known[known["tier"] == tier].set_index("model")
        lines.append([f"best tree: {title(model)}", f"{tier}", "", "", _score(found, model)])
    return _table(lines, left=1)


def _titled(rung: Rung) -> str:
    rate = rung.train.get("learning_rate")
    return f"{rung.title} ({rung.train['epochs']} epochs at {rate:g})" if rate else rung.title


def _score(rows: pd.DataFrame, model: str) -> str:
    if model not in rows.index:
        return number(None)
    value, low, high = (_text(rows.at[model, name]) for name in ("value", "low", "high"))
    return value if pd.isna(rows.at[model, "low"]) else f"{value} ({low} to {high})"


def _against(differences: pd.DataFrame, rungs: Sequence[Rung]) -> str:
    lines = [["task", "rung", "tier", "against", *map(title, ENCODERS)]]
    named = {rung.key: rung for rung in rungs}
    tasks = list(differences["task"].unique())
    by_task = differences.sort_values("task", key=lambda c: c.map(tasks.index), kind="stable")
    for (task, key), rows in by_task.groupby(["task", "rung"], sort=False):
        first, found = rows.iloc[0], rows.set_index("model")
        tree = f"{title(first['tree'])}, {_text(first['tree_value'])}"
        cells = [_gap(found.loc[e]) if e in found.index else number(None) for e in ENCODERS]
        lines.append([title(task), named[key].title, f"{first['tier']}", tree, *cells])
    return _table(lines, left=2)


def _gap(row: pd.Series) -> str:
    gap, low, high = (row[name] for name in ("difference", "low", "high"))
    if pd.isna(gap) or pd.isna(low):
        return _text(gap)
    text = f"{'+' if gap > 0 else ''}{_text(gap)} ({_text(low)} to {_text(high)})"
    verdict = "wins" if gap > 0 else "loses"
    return f"{text}, {'a tie' if gap == 0 else 'holds zero' if low <= 0 <= high else verdict}"


def _default(chosen: Mapping, rungs: Sequence[Rung]) -> list[str]:
    titles = {rung.key: rung.title for rung in rungs}
    lines = [["rung", *map(title, ENCODERS)]]
    for key, values in chosen["scores"].items():
        lines.append([titles[key], *(_text(values.get(encoder)) for encoder in ENCODERS)])
    said = f"The default is *{titles[chosen['default']]}*, chosen by {chosen['by']} and not by the "
    return ["## The default", f"{said}scores above. {INNER}", _table(lines, left=1)]


def _text(value: float | None) -> str:
    return number(None if pd.isna(value) else value)


def _table(lines: list[list[str]], left: int) -> str:
    heads, *rest = lines
    marks = ["---" if place < left else "---:" for place in range(len(heads))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [heads, marks, *rest])
