"""Baselines in the same folds, with the same rows of predictions, as the encoders."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from llm4waam.baselines.features import Features
from llm4waam.baselines.models import Baseline, Fold
from llm4waam.baselines.settings import Baselines
from llm4waam.core.errors import StudyError
from llm4waam.core.processes import Work, share_out
from llm4waam.decisions.decisions import default_thresholds
from llm4waam.decisions.predictions import (
    Job,
    fold_jobs,
    members,
    place_name,
    prediction_rows,
)
from llm4waam.decisions.target_scale import TargetScale
from llm4waam.splits.tasks import Task

CERTAIN = 1e-6  # a probability of 0 or 1 that is wrong would cost infinity


def predict_folds(
    task: Task,
    features: Features,
    targets: dict[str, np.ndarray],
    folds: pd.DataFrame,
    settings: Baselines,
    models: Mapping[str, Baseline],
) -> pd.DataFrame:
    """Prediction rows of the baselines `models` on every fold and on the hold-out."""
    jobs = [(place, *members(folds, *place)) for place in fold_jobs(folds)]
    jobs = [job for job in jobs if any(bead in targets for bead in job[2])]
    given = task, features, targets, settings.trees, settings.seed, models
    work = Work(partial(_predict_fold, *given), title=f"baselines {task.name}", unit="fold")
    rows = pd.concat(share_out(work, jobs, settings.workers), ignore_index=True)
    return rows.sort_values(["model", "repeat", "fold"], kind="stable")


def _predict_fold(
    task: Task,
    features: Features,
    targets: dict[str, np.ndarray],
    trees: int,
    seed: int,
    models: Mapping[str, Baseline],
    job: Job,
) -> pd.DataFrame:
    # A hundred beads are too few to share out, and the sums of one thread are always the same.
    with threadpool_limits(1):
        return pd.concat(predict_jobs(task, features, targets, [job], trees, seed, models))


def predict_jobs(
    task: Task,
    features: Features,
    targets: dict[str, np.ndarray],
    jobs: Iterable[Job],
    trees: int,
    seed: int,
    models: Mapping[str, Baseline],
) -> Iterator[pd.DataFrame]:
    """Prediction rows of `models` for every job: (repeat, fold), train and test beads.

    Baselines decide at 0.5: their scores are the probabilities that their own fitting gives. A
    bead without a target takes no part. Raises StudyError for a baseline that refuses the values
    that it is given, and for one whose answers are not finite.
    """
    thresholds = None if task.kind == "regression" else default_thresholds(task)
    for place, *parts in jobs:
        train, test = ([b for b in part if b in targets] for part in parts)
        if not test:
            continue
        y, truth = (np.array([targets[bead] for bead in part]) for part in (train, test))
        fold = Fold(task, features.of(train), y, features.of(test), trees, seed)
        for name, baseline in models.items():
            scores = _scores(name, baseline, fold, place)
            if scores is not None:
                if task.kind == "multi_class":
                    scores = _summing_to_one(scores)
                losses = _losses(task, y, truth, scores)
                yield prediction_rows(
                    name, place, test, task.outputs, truth, scores, losses, thresholds
                )


def _scores(name: str, baseline: Baseline, fold: Fold, place: tuple[int, int]) -> np.ndarray | None:
    """What a baseline says; that it refuses what it is given is told in one line."""
    try:
        return baseline(fold)
    except StudyError:
        raise
    except ValueError as error:
        what = f"{name} for {fold.task.name}, {place_name(place)}"
        expected = "values that it can compute with, see the ranges in the card"
        raise StudyError(what, str(error).splitlines()[0], expected=expected) from error


def _summing_to_one(scores: np.ndarray) -> np.ndarray:
    """Probabilities of classes of which one holds, from one judgement a class."""
    scores = np.maximum(scores, CERTAIN)
    return scores / scores.sum(axis=1, keepdims=True)


def _losses(task: Task, y: np.ndarray, truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Cross-entropy, or the squared error on the scale that encoders learn on."""
    if task.kind == "regression":
        scaler = TargetScale.fit(y[:, 0], task.transform)
        floor = np.finfo(float).tiny if scaler.log else -np.inf
        return (scaler.scale(np.maximum(scores, floor)) - scaler.scale(truth)) ** 2
    p = np.clip(scores, CERTAIN, 1 - CERTAIN)
    if task.kind == "multi_class":  # that of the class, once for each output, as the encoders' is
        return np.broadcast_to(-(truth * np.log(p)).sum(axis=1, keepdims=True), p.shape)
    return -(truth * np.log(p) + (1 - truth) * np.log(1 - p))
