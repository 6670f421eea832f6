"""The study in a handful of numbers: for each task the best encoder against the best baseline."""

from collections.abc import Mapping, Sequence

from stages.evidence.assessment import Assessment, best, difference


def summarise(study: Mapping[str, Sequence[Assessment]]) -> dict[str, dict]:
    """`metrics/summary.json`: task -> names, headline scores and their paired difference.

    Headlines (accuracy, micro F1, R2) are out of fold. Both models of a task are chosen on the
    rows they are scored on, which flatters each of them a little.
    """
    return {task: _summary(assessments) for task, assessments in study.items()}


def _summary(assessments: Sequence[Assessment]) -> dict:
    encoder, baseline = best(assessments, encoder=True), best(assessments, encoder=False)
    found = {
        "best_encoder": encoder and encoder.model,
        "encoder_score": encoder and encoder.score,
        "best_baseline": baseline and baseline.model,
        "baseline_score": baseline and baseline.score,
    }
    if encoder and baseline:
        return found | difference(encoder, baseline)
    return found | dict.fromkeys(("difference", "difference_low", "difference_high"))
