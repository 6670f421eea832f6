"""How far each step of the waterfall is from Trainer, and Trainer from itself with another seed."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from stages.learning.decisions import decide, default_thresholds, exclusive_index
from stages.learning.metrics import task_metrics
from stages.learning.tasks import Task
from stages.learning.waterfall import TRAINER, Outcome

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
