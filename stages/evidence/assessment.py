"""What one model is worth on one task: its metrics file and its bootstrap draws."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stages.evidence import statistics
from stages.evidence.further_metrics import further_metrics
from stages.evidence.scores import Scores
from stages.learning.metrics import HEADLINES, mean_metrics, rounded, task_metrics
from stages.learning.tasks import Task

ENCODERS = ("bert", "roberta")
# The information a closed formula needs -> the baseline that it is.
FORMULAS = {"pre_weld": "formula_pre_weld", "post_weld": "formula_post_weld"}


@dataclass(frozen=True)
class Assessment:
    """One model of one task. `draws` are the bootstrap draws of its headline, (draws,).

    The draws of two models of a task belong together: draw by draw they hold the same cells.
    `knows_more` marks a formula fed with measured values that the encoders do not see; `tier` is
    that of `stages.learning.tiers`.
    """

    task: Task
    model: str
    oof: Scores
    hold_out: Scores
    metrics: dict
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
        return self.model in ENCODERS


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
    draws = _draws(task, scores["oof"])
    low, high = statistics.interval(draws)
    found["oof"]["interval"] = {"low": rounded(low), "high": rounded(high)}
    per_label = mean_metrics(labels)
    for each in per_label.values():
        each["support"] = int(each["support"])
    metrics = {**found, "per_label": per_label, "optimistic": int(optimistic)}
    more = information == "pre_weld" and model == FORMULAS["post_weld"]
    return Assessment(task, model, scores["oof"], scores["hold_out"], metrics, draws, more, tier)


def _draws(task: Task, oof: Scores) -> np.ndarray:
    terms = [
        statistics.bead_terms(task, oof.target, *each)
        for each in zip(oof.score, oof.thresholds, strict=True)
    ]
    sums = [statistics.cell_sums(each, oof.cells) for each in terms]
    return statistics.bootstrap(task, np.stack(sums))


def ranked(assessments: Sequence[Assessment]) -> list[Assessment]:
    """Assessments from the best headline to the worst, the undefined ones last."""
    return sorted(assessments, key=lambda a: -np.inf if a.score is None else a.score, reverse=True)


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
    gap = None if None in (one.score, other.score) else rounded(one.score - other.score)
    low, high = statistics.interval(one.draws - other.draws)
    return {
        "difference": gap,
        "difference_low": rounded(low),
        "difference_high": rounded(high),
    }
