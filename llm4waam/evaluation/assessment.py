"""What one model is worth on one task: its metrics file, its draws, and the study's summary.

`metrics/summary.json` is what `dvc exp show` and `dvc metrics diff` show first, so it stays short.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn import metrics as sk

from llm4waam.core.files import significant
from llm4waam.decisions.decisions import decisions_of, indicators
from llm4waam.encoders.families import FAMILIES
from llm4waam.evaluation import bootstrap
from llm4waam.evaluation.metrics import HEADLINES, Metrics, mean_metrics, task_metrics
from llm4waam.evaluation.read_predictions import Scores, pooled
from llm4waam.evaluation.reliability import brier, ece, log_loss, ranked_scores
from llm4waam.splits.tasks import Task


def further_metrics(
    task: Task, target: np.ndarray, score: np.ndarray, thresholds: np.ndarray
) -> Metrics:
    """Metrics of arrays (beads, outputs); `thresholds` (outputs,) or (beads, outputs).

    Classification: `samples_f1` (the mean over beads of the F1 of a bead's label set),
    `average_precision` (the mean over labels that have both classes), `brier`, `log_loss`, `ece`.
    Regression: `mape` (a share, not a percentage), `log_rmse`; None where a target is 0, or any
    value is not positive.
    """
    if task.kind == "regression":
        known = len(target) > 0
        positive = known and bool((target > 0).all() and (score > 0).all())
        return {
            "mape": float(np.mean(np.abs(score / target - 1)))
            if known and (target != 0).all()
            else None,
            "log_rmse": float(np.sqrt(np.mean(np.log(score / target) ** 2))) if positive else None,
        }
    return {
        "samples_f1": _samples_f1(task, target, score, thresholds) if len(target) else None,
        "average_precision": _average_precision(target, score),
        "brier": brier(score, target),
        "log_loss": log_loss(score, target),
        "ece": ece(score, target),
    }


def _samples_f1(task: Task, target: np.ndarray, score: np.ndarray, thresholds: np.ndarray) -> float:
    decided = indicators(task, decisions_of(task, score, thresholds))
    actual = indicators(task, target)
    hits, both = (actual & decided).sum(axis=1), actual.sum(axis=1) + decided.sum(axis=1)
    return float(np.where(both > 0, 2 * hits / np.maximum(both, 1), 1.0).mean())


def _average_precision(target: np.ndarray, score: np.ndarray) -> float | None:
    if not len(target):
        return None
    pairs = zip(target.T, score.T, strict=True)
    found = [
        sk.average_precision_score(true, ranked_scores(given))
        for true, given in pairs
        if 0 < true.mean() < 1
    ]
    return float(np.mean(found)) if found else None


# The information a closed formula needs -> the baseline that it is.
FORMULAS = {"pre_weld": "formula_pre_weld", "post_weld": "formula_post_weld"}


@dataclass(frozen=True)
class Assessment:
    """One model of one task. `draws` are the bootstrap draws of its headline, (draws,).

    `metrics` is what its metrics file holds, `exact` its headline out of fold with all digits (NaN
    where it is not defined), from which differences are made.

    The draws of two models of a task belong together: draw by draw they hold the same cells.
    `knows_more` marks a formula fed with measured values that the encoders do not see; `tier` is
    that of `llm4waam.decisions.prior_knowledge`.
    """

    task: Task
    model: str
    oof: Scores
    hold_out: Scores
    metrics: dict
    exact: float
    draws: np.ndarray
    knows_more: bool = False
    tier: int = 0

    @property
    def score(self) -> float | None:
        """The headline out of fold: accuracy, micro F1 or R2."""
        return self.metrics["oof"][HEADLINES[self.task.kind]]

    @property
    def is_optimistic(self) -> bool:
        """Whether something was chosen on the very rows that the scores are of."""
        return bool(self.metrics["optimistic"])

    @property
    def is_encoder(self) -> bool:
        """Whether this is a fine-tuned encoder and no baseline."""
        return self.model in FAMILIES


def assess(
    task: Task,
    model: str,
    scores: dict[str, Scores],
    information: str,
    *,
    optimistic: bool = False,
    tier: int = 0,
) -> Assessment:
    """Assess a model; its `metrics` are what its metrics file holds.

    `information` is the set that the encoders saw, "pre_weld" or "post_weld". Each out-of-fold
    value is pooled over the folds of a repeat and then the mean over repeats; a bead is decided on
    by the thresholds of its fold. `optimistic` says that something was chosen on these rows.
    """
    found, labels = {}, []
    for role, part in scores.items():
        repeats = [
            task_metrics(task, part.target, *each)
            for each in zip(part.score, part.loss, part.thresholds, strict=True)
        ]
        nobody = np.empty((0, len(task.outputs)))
        if not repeats:  # a split without a hold-out
            repeats = [task_metrics(task, nobody, nobody, nobody, nobody)]
        decided = zip(part.score, part.thresholds, strict=True)
        further = [further_metrics(task, part.target, *each) for each in decided]
        further = further or [further_metrics(task, nobody, nobody, nobody)]
        found[role] = mean_metrics([values for values, _ in repeats]) | mean_metrics(further)
        if role == "oof":
            labels = [each for _, each in repeats]
            headlines = [values[HEADLINES[task.kind]] for values, _ in repeats]
            known = [value for value in headlines if value is not None]
            exact = float(np.mean(known)) if known else float("nan")
    draws = bootstrap.draws_of(task, scores["oof"])
    low, high = bootstrap.interval(draws)
    found["oof"]["interval"] = {"low": significant(low), "high": significant(high)}
    per_label = mean_metrics(labels)
    for each in per_label.values():
        each["support"] = int(each["support"])
    metrics = {**found, "per_label": per_label, "optimistic": int(optimistic)}
    more = information == "pre_weld" and model == FORMULAS["post_weld"]
    return Assessment(
        task, model, scores["oof"], scores["hold_out"], metrics, exact, draws, more, tier
    )


def ranked(assessments: Sequence[Assessment]) -> list[Assessment]:
    """Assessments from the best headline to the worst, the undefined ones last."""
    return sorted(
        assessments, key=lambda a: -np.inf if np.isnan(a.exact) else a.exact, reverse=True
    )


def best(assessments: Sequence[Assessment], *, encoder: bool) -> Assessment | None:
    """The best encoder or the best baseline; the first of equals, None where there is none.

    Like is compared with like: a formula that knows more than the encoders is no candidate.
    """
    of_kind = [one for one in assessments if one.is_encoder == encoder and not one.knows_more]
    return ranked(of_kind)[0] if of_kind else None


def named(assessments: Sequence[Assessment], model: str) -> Assessment | None:
    """The assessment of the model of that name, if there is one."""
    return next((one for one in assessments if one.model == model), None)


def difference(one: Assessment, other: Assessment) -> dict[str, float | None]:
    """How much higher `one` scores, and the paired 95 % bootstrap interval of that."""
    low, high = bootstrap.interval(one.draws - other.draws)
    return {
        "difference": significant(one.exact - other.exact),
        "difference_low": significant(low),
        "difference_high": significant(high),
    }


def summarise(study: Mapping[str, Sequence[Assessment]]) -> dict[str, dict]:
    """`metrics/summary.json`: task -> names, headline scores and their paired difference.

    Headlines (accuracy, micro F1, R2) are out of fold, `hold_out` is the best encoder's on the
    hold-out. Both models of a task are chosen on the rows they are scored on, which flatters each
    of them a little.
    """
    return {task: _summary(assessments) for task, assessments in study.items()}


def _summary(assessments: Sequence[Assessment]) -> dict:
    encoder, baseline = best(assessments, encoder=True), best(assessments, encoder=False)
    found = dict.fromkeys(("difference", "difference_low", "difference_high"))
    if encoder and baseline:
        found = difference(encoder, baseline)
    found |= {
        "encoder_score": encoder and encoder.score,
        "baseline_score": baseline and baseline.score,
        "hold_out": encoder and encoder.metrics["hold_out"][HEADLINES[encoder.task.kind]],
    }
    return {
        "best_encoder": encoder and encoder.model,
        "best_baseline": baseline and baseline.model,
        **found,
    }


def assess_rows(task: Task, model: str, rows: pd.DataFrame, cells: pd.Series) -> Assessment:
    """The assessment of out-of-fold `rows`; there is no hold-out.

    `cells` maps a bead to its cell. Raises ValueError for a bead that stands twice or is missing.
    """
    oof = pooled(task, rows, cells)
    nobody = np.empty((0, *oof.target.shape))
    hold_out = Scores(oof.beads, oof.cells, oof.target, nobody, nobody, nobody)
    return assess(task, model, {"oof": oof, "hold_out": hold_out}, "pre_weld")
