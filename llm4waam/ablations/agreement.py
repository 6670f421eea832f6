"""How far each step of the waterfall is from Trainer, and Trainer from itself with another seed.

The waterfall as a figure and as a page, from the rows of `llm4waam.ablations.agreement`.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from llm4waam.ablations.waterfall import STACKED, TRAINER, Outcome
from llm4waam.decisions.decisions import decide, default_thresholds, exclusive_index
from llm4waam.evaluation.metrics import task_metrics
from llm4waam.plotting.style import COLOURS, GREY, new_figure, title
from llm4waam.splits.tasks import Task

SEED_NOISE = "trainer_with_another_seed"
MEASURES = ("max_logit_difference", "flipped_beads", "metric_change")


def compare(outcomes: Sequence[Outcome], task: Task, targets: np.ndarray) -> pd.DataFrame:
    """Rows (task, step, seeds, and the three measures); `targets` (beads, outputs) of the fold.

    `max_logit_difference` is over prompts and logits; `flipped_beads` counts beads whose decided
    labels differ (none for a regression: missing); `metric_change` is that of macro F1 or R2. A
    step is compared with Trainer of the same seed, Trainer with Trainer of every other seed.
    """
    trainer = {one.seed: one for one in outcomes if one.step == TRAINER}
    rows = [
        _row(one, trainer[one.seed], one.step, task, targets)
        for one in outcomes
        if one.step != TRAINER
    ]
    rows += [_row(a, b, SEED_NOISE, task, targets) for a, b in combinations(trainer.values(), 2)]
    return pd.DataFrame(rows)


def summarise(table: pd.DataFrame) -> dict[str, dict[str, dict[str, float | None]]]:
    """`metrics/parity.json`: task -> step -> the three measures, means over the seeds."""
    means = table.groupby(["task", "step"], sort=False)[list(MEASURES)].mean()
    found: dict = {}
    for (task, step), row in means.iterrows():
        found.setdefault(task, {})[step] = {
            name: None if np.isnan(value) else float(f"{value:.6g}") for name, value in row.items()
        }
    return found


def _row(one: Outcome, other: Outcome, step: str, task: Task, targets: np.ndarray) -> dict:
    row = {"task": task.name, "step": step, "seeds": f"{one.seed}-{other.seed}"}
    row["max_logit_difference"] = float(np.abs(one.logits - other.logits).max())
    thresholds = default_thresholds(task)
    metric = "r2" if task.kind == "regression" else "macro_f1"
    flipped = None
    if task.kind != "regression":
        sets = [decide(o.scores, thresholds, exclusive_index(task)) for o in (one, other)]
        flipped = int((sets[0] != sets[1]).any(axis=1).sum())
    losses = np.zeros_like(targets)
    cuts = None if task.kind == "regression" else thresholds
    values = [task_metrics(task, targets, o.scores, losses, cuts)[0][metric] for o in (one, other)]
    row["flipped_beads"] = flipped
    row["metric_change"] = None if None in values else abs(values[0] - values[1])
    return row


HEADS = ("largest difference of a logit", "beads decided otherwise", "change of macro F1 or R²")


def agreement_figure(table: pd.DataFrame) -> Figure:
    """One panel a task: the largest difference of a logit to Trainer at every step."""
    tasks = list(table["task"].unique())
    figure, axes = new_figure(1, len(tasks), width=5.2, height=3.4)
    for axis, task in zip(axes, tasks, strict=True):
        part = table[table["task"] == task]
        steps = [step for step in part["step"].unique() if step != SEED_NOISE]
        noise = part.loc[part["step"] == SEED_NOISE, MEASURES[0]]
        axis.axvspan(noise.min(), noise.max(), color=COLOURS[4], alpha=0.35, lw=0)
        for place, step in enumerate(reversed(steps)):
            found = part.loc[part["step"] == step, MEASURES[0]]
            axis.plot(found, [place] * len(found), "o", color=COLOURS[2], alpha=0.7)
        axis.set_xscale("symlog", linthresh=1e-7)
        axis.set_xticks([0, 1e-6, 1e-4, 1e-2, 1], ["0", "10⁻⁶", "10⁻⁴", "0.01", "1"])
        axis.minorticks_off()
        axis.set_xlim(-2e-8, 20)
        axis.set_yticks(range(len(steps)), [_step(step) for step in reversed(steps)])
        axis.set_title(title(task))
        axis.set_xlabel("largest difference of a logit to Trainer, same seed")
        axis.grid(axis="x", color="#E5E5E5")
        axis.set_axisbelow(True)
    axes[0].plot([], [], "o", color=COLOURS[2], label="one seed")
    axes[0].fill_between([], [], color=COLOURS[4], alpha=0.35, label="Trainer with another seed")
    figure.legend(loc="outside upper center", ncols=2, fontsize=8, labelcolor=GREY)
    return figure


def agreement_page(table: pd.DataFrame, *, simulated: bool) -> str:
    """A Markdown table a task, means over seeds, and what it says in words."""
    kind = "simulated data" if simulated else "measured data"
    parts = [f"# The loop against Trainer, on {kind}"]
    for task, rows in table.groupby("task", sort=False):
        means = rows.groupby("step", sort=False)[list(MEASURES)].mean()
        lines = [["step", *HEADS], ["---", "---:", "---:", "---:"]]
        lines += [[_step(step), *map(_number, row)] for step, row in means.iterrows()]
        parts.append(f"## {title(task).capitalize()}")
        parts.append("\n".join(f"| {' | '.join(cells)} |" for cells in lines))
        first, noise = means[MEASURES[0]].iloc[0], means.at[SEED_NOISE, MEASURES[0]]
        last = means[MEASURES[0]].drop([SEED_NOISE, STACKED]).iloc[-1]
        stacked = means.at[STACKED, MEASURES[0]]
        within = "no farther than" if stacked <= noise else "farther than"
        equal = "bit for bit the same" if last == 0 else f"still {_number(last)} apart"
        parts.append(
            f"As published, the loop is {_number(first)} away from Trainer; Trainer with another "
            f"seed is {_number(noise)} away from itself. After the last step they are {equal}. "
            "Folds trained together draw other random numbers for dropout: they are "
            f"{_number(stacked)} away from Trainer, {within} another seed takes it."
        )
    return "\n\n".join(parts) + "\n"


def _step(step: str) -> str:
    if step == STACKED:
        return "folds trained together"
    name = title(step)
    return name if step in ("as_published", SEED_NOISE) else f"+ {name}"


def _number(value: float) -> str:
    if pd.isna(value):
        return "–"
    return "0" if value == 0 else f"{value:.2g}"
