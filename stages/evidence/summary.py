"""The study in a handful of numbers: for each task the best encoder against the best baseline.

It is all that `dvc exp show` and `dvc metrics diff` show unasked, so it stays short.
"""

from collections.abc import Mapping, Sequence

from stages.evidence.assessment import Assessment, best, difference
from stages.learning.metrics import HEADLINES

DIGITS = 3  # significant ones; all six decimals stand in metrics/ENCODER/TASK.json


def summarise(study: Mapping[str, Sequence[Assessment]]) -> dict[str, dict]:
    """`metrics/summary.json`: task -> names, headline scores and their paired difference.

    Headlines (accuracy, micro F1, R2) are out of fold, `hold_out` is the best encoder's on the
    hold-out. Both models of a task are chosen on the rows they are scored on, which flatters each
    of them a little.
    """
    return {task: _summary(assessments) for task, assessments in study.items()}


def significant(value: float | None) -> float | None:
    """`value` with three significant digits."""
    return None if value is None else float(f"{value:.{DIGITS}g}")


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
        **{name: significant(value) for name, value in found.items()},
    }
