"""What explanations and advice are worth, as numbers for metrics/advice.json."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from tqdm import tqdm

from stages.advice.answers import answer_of, baseline_answer
from stages.advice.evidence import Examiner
from stages.advice.faithfulness import agreement, curves, forgetful
from stages.advice.gradients import integrated_gradients
from stages.advice.predictor import Predictor
from stages.advice.success import advice_success, rounded
from stages.evidence.prediction_intervals import coverage_of
from stages.evidence.reliability import log_loss
from stages.learning.baselines import boosting
from stages.learning.tasks import targets

FAITHFUL = 8  # beads of the checks of explanations: minutes on two cores
FEW = 4  # background beads of the deletion and insertion curves


def measure(examiner: Examiner, held_out: pd.DataFrame, trials: int) -> tuple[dict, pd.DataFrame]:
    """All of metrics/advice.json but the narration, and the shares of `faithfulness`.

    `held_out` are rows of the clean table that no model learned from, with their outcomes. Advice
    is tried on the bad ones, and apart from them on those of the training beads. Shows progress.
    """
    predictor = examiner.predictor
    card, training = predictor.card, predictor.novelty.training
    truths = {name: targets(card, task, held_out) for name, task in predictor.tasks.items()}
    told, shares = faithfulness(examiner, each(held_out.iloc[:FAITHFUL], "explanations"))
    success = {}
    for name, table in (("hold_out", held_out), ("training", training)):
        bad = table[table["labels"].notna() & (table["labels"] != predictor.normal)]
        success[name] = advice_success(examiner, each(bad, f"advice, {name}"), trials)
    sure = certainty(predictor, held_out, truths)
    return {"faithfulness": told, "advice": success, "certainty": sure}, shares


def each(beads: pd.DataFrame, told: str) -> Iterator[pd.Series]:
    """Row after row, with a progress bar that says `told`."""
    yield from (beads.iloc[n] for n in tqdm(range(len(beads)), told, unit="bead"))


def faithfulness(examiner: Examiner, beads: Iterable[pd.Series]) -> tuple[dict, pd.DataFrame]:
    """Means over beads of the checks of `faithfulness`, and each field's share of contributions.

    The shares are (fields, models) of the encoder and of gradient boosting, explained alike.
    `beads` may show progress as it is gone through.
    """
    predictor, seed, tell = examiner.predictor, examiner.seed, examiner.explain
    quality = predictor.task_of("binary")
    asked = answer_of(predictor, quality)
    trees = baseline_answer(predictor, quality, boosting, seed)
    blank = answer_of(forgetful(predictor, quality, seed), quality)
    first, last = (answer_of(predictor, quality, [one]) for one in _templates(predictor))
    rows, sizes = [], []
    for bead in beads:
        own, other = tell(asked, bead), tell(trees, bead)
        gradients, lack = integrated_gradients(predictor, quality, bead)
        found = {
            "completeness_gap": abs(own.gap),
            "gradients_completeness_gap": lack,
            "agreement_seeds": agreement(own.values, tell(asked, bead, again=1).values),
            "agreement_templates": agreement(tell(first, bead).values, tell(last, bead).values),
            "agreement_gradients": agreement(own.values, gradients),
            "agreement_gradient_boosting": agreement(own.values, other.values),
            "agreement_random_weights": agreement(own.values, tell(blank, bead).values),
        }
        few = examiner.background.iloc[:FEW]
        rows.append(found | (curves(asked, bead, few, own, seed) or {}))
        pair = {predictor.encoder: own.values, "gradient_boosting": other.values}
        sizes.append(pd.DataFrame(pair).abs())
    table = pd.DataFrame(rows)
    means = {name: rounded(table[name].mean()) for name in table}
    total = sum(sizes)
    return {"beads": len(table), **means}, total / total.sum()


def certainty(predictor: Predictor, beads: pd.DataFrame, targets: dict[str, np.ndarray]) -> dict:
    """Of each task, on beads that no model learned from: what its doubt is worth.

    `targets[task]` is (beads, outputs). A classification has its temperature and the log-loss
    before and after it, beside that of the base rates; a regression has the coverage and the width
    of its 90 % intervals.
    """
    scores, found = predictor.raw_scores(beads, list(predictor.models)), {}
    for name, task in predictor.tasks.items():
        sure, truth = predictor.confidences[name], targets[name]
        if task.kind == "regression":
            low, high = sure.interval(scores[name][:, 0])
            told = pd.DataFrame({"target": truth[:, 0], "low": low, "high": high})
            found[name] = {k: rounded(v) for k, v in coverage_of(told).items()}
            continue
        base = np.tile(truth.mean(axis=0), (len(truth), 1))
        found[name] = {
            "temperature": rounded(sure.temperature),
            "log_loss_base_rate": rounded(log_loss(base, truth)),
            "log_loss_before": rounded(log_loss(scores[name], truth)),
            "log_loss_after": rounded(log_loss(sure.probabilities(scores[name]), truth)),
        }
    return found


def _templates(predictor: Predictor) -> list[str]:
    known = predictor.style.templates
    return [known[0], known[-1]]
