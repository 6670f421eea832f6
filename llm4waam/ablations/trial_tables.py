"""The baselines of a sweep: the same trials, from tables instead of sentences."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from llm4waam.ablations.ground import Ground
from llm4waam.ablations.plans import row_name
from llm4waam.ablations.trials import Trial
from llm4waam.baselines.features import Features, make_features
from llm4waam.baselines.folds import predict_jobs
from llm4waam.baselines.models import Baselines, all_baselines
from llm4waam.splits.tasks import Task, known_targets


def baseline_rows(
    ground: Ground, trial: Trial, task: Task, settings: Baselines
) -> Iterator[pd.DataFrame]:
    """Prediction rows of every baseline in every job of a trial."""
    prompts, style = ground.prompts(trial), ground.style.model_copy(update=trial.text)
    features = make_features(ground.beads, prompts, ground.card, task.name, style)
    targets = known_targets(ground.card, task, ground.beads)
    texts: dict[str, list[str]] = {bead: [] for bead in ground.beads["bead"]}
    for row in prompts:
        if row["task"] in (None, task.name):
            texts[row["bead"]].append(row["text"])
    jobs = ground.jobs(trial, targets, texts)
    if trial.plan == "rows":
        features, targets = as_rows(features, targets, texts)
    models = all_baselines(task, settings.pretrained)
    for job in jobs:
        learned = ground.targets(trial, targets, job)
        yield from predict_jobs(
            task, features, learned, [job], settings.trees, settings.seed, models
        )


def as_rows(
    features: Features, targets: Mapping[str, np.ndarray], texts: Mapping[str, Sequence[str]]
) -> tuple[Features, dict[str, np.ndarray]]:
    """Features and targets with every prompt as if it were a bead of its own."""
    owners = [(bead, n) for bead, said in texts.items() for n in range(len(said))]
    rows = [row_name(bead, n) for bead, n in owners]
    beads = [bead for bead, _ in owners]
    told = Features(
        features.table.loc[beads].set_axis(rows),
        pd.Series([texts[bead][n] for bead, n in owners], rows, dtype=object),
        features.formulas.loc[beads].set_axis(rows),
    )
    known = {row: targets[bead] for row, bead in zip(rows, beads, strict=True) if bead in targets}
    return told, known
