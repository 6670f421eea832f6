"""Sentences that say whether a difference is real, from metrics/comparisons.json."""

from collections.abc import Mapping

from stages.evidence.assessment import FORMULAS
from stages.evidence.report_words import Words, probability, shown
from stages.learning.metrics import HEADLINES
from stages.learning.tasks import Task


def verdicts(
    words: Words,
    tasks: Mapping[str, Task],
    summary: Mapping[str, dict],
    comparisons: Mapping[str, dict],
    metrics: Mapping[str, Mapping[str, dict]],
    *,
    encoders: bool,
) -> list[str]:
    """A sentence a task: encoder against encoder, or the best encoder against the best baseline.

    A comparison without a p has no sentence.
    """
    found = []
    for name, task in tasks.items():
        key = "bert_vs_roberta" if encoders else f"{summary[name]['best_encoder']}_vs_baseline"
        pair = comparisons[name].get(key)
        if pair is None or pair["real"] is None:
            continue
        gap, low, high = (pair[k] for k in ("difference", "difference_low", "difference_high"))
        headline = HEADLINES[task.kind]
        scores = [metrics[name][pair[who]]["oof"][headline] for who in ("one", "other")]
        if encoders:
            said = "encoders_real" if pair["real"] else "encoders_chance"
        else:
            said = "chance" if not pair["real"] else "better" if gap > 0 else "worse"
        if said == "worse":  # told as what is lost, so that the interval is one of positive numbers
            low, high = -high, -low
        formula = metrics[name].get(FORMULAS["pre_weld"])
        told = [] if encoders or formula is None else [formula["oof"][headline]]
        found.append(
            words.say(
                "verdicts",
                said,
                task=words.name(name),
                metric=words.name(headline),
                one=words.name(pair["one"]),
                other=words.name(pair["other"]),
                score=shown(scores[0]),
                other_score=shown(scores[1]),
                gap=shown(abs(gap)),
                signed=f"{'+' if gap > 0 else ''}{shown(gap)}",
                low=shown(low),
                high=shown(high),
                p=probability(pair["p_holm"]),
            )
        )
        for score in told:
            found[-1] += " " + words.say("verdicts", "formula", score=shown(score))
    return found
