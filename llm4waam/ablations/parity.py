"""From a loop as they are published to Trainer, one habit at a time, and what remains.

Each step changes one habit of `published_loop` and keeps what came before; after the last, loop and
Trainer are equal, bit for bit. The engine that trains folds together carries out the same recipe
with other random numbers, and is compared with Trainer as well; Trainer with another seed says how
large a difference is noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from llm4waam.ablations.published_loop import Habits, fine_tune
from llm4waam.core.unfinished import Unfinished
from llm4waam.decisions.decisions import decisions_of, default_thresholds
from llm4waam.evaluation.metrics import task_metrics
from llm4waam.plotting.pages import DASH, kind_of_data, markdown_table, sentence_case
from llm4waam.plotting.style import COLOURS, GREY, PANEL, Panels, new_figure, title
from llm4waam.splits.tasks import Task
from llm4waam.stacked.engine import engine_of
from llm4waam.training.data import TaskData
from llm4waam.training.fit import Wanted, compute_alike
from llm4waam.training.fit import fine_tune as fine_tune_by
from llm4waam.training.loop import FineTuning, predict

STEPS: dict[str, dict] = {
    "as_published": {},
    "padded_to_the_batch": {"pads_to_max_tokens": False},
    "same_order": {"global_order": False},
    "seeded_after_building": {"seeds_after_building": True},
    "generator_kept": {"keeps_generator": True},
    "gradients_clipped": {"clips_at": 1.0},
    "biases_do_not_decay": {"spares_biases": True},
    "fused_adamw": {"fused": True},
}
STACKED, TRAINER = "stacked", "trainer"
SEED_NOISE = "trainer_with_another_seed"
MEASURES = {
    "max_logit_difference": "largest difference of a logit",
    "flipped_beads": "beads decided otherwise",
    "metric_change": "change of macro F1 or R²",
}


@dataclass(frozen=True)
class Outcome:
    """One run on the fold's test beads: logits (prompts, logits), scores (beads, outputs)."""

    task: str
    step: str
    seed: int
    logits: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class ParityRun:
    """Every step, then the other engines, on one fold; what is done is kept."""

    data: TaskData
    train: list[str]
    test: list[str]
    seed: int
    kept: Unfinished

    @property
    def folder(self) -> Path:
        """Where the outcomes are kept."""
        return self.kept.folder

    @property
    def reads(self) -> list[Path]:
        """The folders that a run reads."""
        return [Path(self.data.source.checkpoint)]

    def found(self) -> list[Outcome] | None:
        """The outcomes, if an earlier run has made them."""
        stored = self.kept.load(self._part)
        if stored is None:
            return None
        return [
            Outcome(self.data.task.name, step, self.seed, np.float32(logits), np.array(scores))
            for step, logits, scores in stored
        ]

    def run(self) -> list[Outcome]:
        """The outcomes, which are kept."""
        outcomes = _run_steps(self.data, self.train, self.test, self.seed)
        rows = [[one.step, one.logits.tolist(), one.scores.tolist()] for one in outcomes]
        self.kept.store(self._part, rows)
        return outcomes

    @property
    def _part(self) -> str:
        return f"{self.data.task.name}_{self.seed}"


def _run_steps(data: TaskData, train: list[str], test: list[str], seed: int) -> list[Outcome]:
    compute_alike(data.threads)
    recipe = data.recipe.model_copy(
        update={
            "engine": "loop",
            "selection": "none",
            "max_grad_norm": 1.0,
            "seed": data.recipe.seed + seed,
        }
    )
    habits, engines = {}, {}
    for step, change in STEPS.items():
        habits |= change
        engines[step] = partial(_with_habits, habits=Habits(**habits))
    for name in (STACKED, TRAINER):
        engines[name] = engine_of(recipe.model_copy(update={"engine": name}))
    outcomes = []
    for step, engine in engines.items():
        wanted = Wanted(recipe, train, test, f"the step {step}, {data.task.name}")
        [trained] = fine_tune_by(data, [wanted], engine)
        logits = predict(trained.model, trained.scorer.flat_prompts(test), recipe)
        scores = trained.scorer.scores(logits, test)[0]
        outcomes.append(Outcome(data.task.name, step, seed, logits.numpy(), scores))
    return outcomes


def _with_habits(jobs: Sequence[FineTuning], habits: Habits) -> list[list[dict]]:
    return [fine_tune(job, habits) for job in jobs]


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


def _row(one: Outcome, other: Outcome, step: str, task: Task, targets: np.ndarray) -> dict:
    row = {"task": task.name, "step": step, "seeds": f"{one.seed}-{other.seed}"}
    row["max_logit_difference"] = float(np.abs(one.logits - other.logits).max())
    regression, thresholds = task.kind == "regression", default_thresholds(task)
    metric = "r2" if regression else "macro_f1"
    row["flipped_beads"] = None
    if not regression:
        sets = [decisions_of(task, o.scores, thresholds) for o in (one, other)]
        row["flipped_beads"] = int((sets[0] != sets[1]).any(axis=1).sum())
    losses, cuts = np.zeros_like(targets), None if regression else thresholds
    values = [task_metrics(task, targets, o.scores, losses, cuts)[0][metric] for o in (one, other)]
    row["metric_change"] = None if None in values else abs(values[0] - values[1])
    return row


def summarise(table: pd.DataFrame) -> dict[str, dict[str, dict[str, float | None]]]:
    """Task -> step -> the three measures, means over the seeds."""
    means = table.groupby(["task", "step"], sort=False)[list(MEASURES)].mean()
    found: dict = {}
    for (task, step), row in means.iterrows():
        found.setdefault(task, {})[step] = {
            name: None if np.isnan(value) else float(value) for name, value in row.items()
        }
    return found


def parity_figure(table: pd.DataFrame) -> Panels:
    """One panel a task: the largest difference of a logit to Trainer at every step."""
    tasks, measure = list(table["task"].unique()), "max_logit_difference"
    figure, axes = new_figure(1, len(tasks), width=PANEL, height=3.2)
    for axis, task in zip(axes, tasks, strict=True):
        part = table[table["task"] == task]
        steps = [step for step in part["step"].unique() if step != SEED_NOISE]
        noise = part.loc[part["step"] == SEED_NOISE, measure]
        axis.axvspan(noise.min(), noise.max(), color=COLOURS[4], alpha=0.35, lw=0)
        for place, step in enumerate(reversed(steps)):
            found = part.loc[part["step"] == step, measure]
            axis.plot(found, [place] * len(found), "o", color=COLOURS[2], alpha=0.7)
        axis.set_xscale("symlog", linthresh=1e-7)
        axis.set_xticks([0, 1e-6, 1e-4, 1e-2, 1], ["0", "10⁻⁶", "10⁻⁴", "0.01", "1"])
        axis.minorticks_off()
        axis.set_xlim(-2e-8, 20)
        axis.set_yticks(range(len(steps)), [_step(step) for step in reversed(steps)])
        axis.set_title(title(task))
        axis.set_xlabel("largest difference of a logit to Trainer\n(same seed)")
        axis.grid(axis="x", color="#E5E5E5")
        axis.set_axisbelow(True)
    axes[0].plot([], [], "o", color=COLOURS[2], label="one seed")
    axes[0].fill_between([], [], color=COLOURS[4], alpha=0.35, label="Trainer with another seed")
    figure.legend(loc="outside upper center", ncols=2, fontsize=8, labelcolor=GREY)
    return figure


def parity_page(table: pd.DataFrame, *, simulated: bool) -> str:
    """A Markdown table a task, means over seeds, and what it says in words."""
    parts = [f"# The loop against Trainer, on {kind_of_data(simulated=simulated)}"]
    for task, rows in table.groupby("task", sort=False):
        means = rows.groupby("step", sort=False)[list(MEASURES)].mean()
        lines = [[_step(step), *map(_number, row)] for step, row in means.iterrows()]
        parts.append(f"## {sentence_case(title(task))}")
        parts.append(markdown_table(pd.DataFrame(lines, columns=["step", *MEASURES.values()])))
        differences = means["max_logit_difference"]
        first, noise, stacked = (
            differences[n] for n in (differences.index[0], SEED_NOISE, STACKED)
        )
        last = differences.drop([SEED_NOISE, STACKED]).iloc[-1]
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
        return DASH
    return "0" if value == 0 else f"{value:.2g}"
