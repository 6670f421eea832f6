"""What explanations, advice and probabilities are worth, as numbers for metrics/advice.json.

Whether an explanation says what the model does is checked in ways in which a bad explanation
fails: deletion and insertion of fields, another seed, another sentence, another kind of model, a
network with random weights.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from llm4waam.advice.findings import Examiner
from llm4waam.advice.shapley import (
    Attribution,
    Output,
    mixed,
    model_output,
    one_number,
    outputs_of,
    representatives,
    varying,
)
from llm4waam.advice.trial import rounded
from llm4waam.baselines.features import Features
from llm4waam.baselines.models import Baseline, Fold, boosting
from llm4waam.card.card import Card
from llm4waam.evaluation.intervals import coverage_of
from llm4waam.evaluation.reliability import log_loss
from llm4waam.inference.predictor import Predictor
from llm4waam.sentences.prompts import TextStyle
from llm4waam.splits.tasks import known_targets, targets

FAITHFUL = 6  # beads of the checks of explanations: minutes on two cores
FEW = 4  # background beads of the deletion and insertion curves
CLOSE = 0.5  # of a logit
RANDOM_ORDERS = 3
WEIGHT_SD = 0.02  # of the random weights, as BERT starts


def each(beads: pd.DataFrame, title: str) -> Iterator[pd.Series]:
    """Row after row, with a progress bar of that title."""
    yield from (beads.iloc[n] for n in tqdm(range(len(beads)), title, unit="bead"))


def faithfulness(examiner: Examiner, beads: Iterable[pd.Series]) -> tuple[dict, pd.DataFrame]:
    """Means over beads of the checks of explanations, and each field's share of contributions.

    The shares are (fields, models) of the encoder and of gradient boosting, explained alike.
    `beads` may show progress as it is gone through.
    """
    predictor, seed, explain = examiner.predictor, examiner.seed, examiner.explain
    quality, templates = predictor.aim, predictor.style.templates
    own = model_output(predictor, quality)
    trees = baseline_output(predictor, quality, boosting, seed)
    others = other_background(examiner)
    blank = model_output(with_random_weights(predictor, quality, seed), quality)
    first, last = (model_output(predictor, quality, [templates[n]]) for n in (0, -1))
    rows, sizes = [], []
    for bead in beads:
        mine, by_trees = explain(own, bead), explain(trees, bead)
        found = {
            "completeness_gap": abs(mine.gap),
            "agreement_seeds": agreement(mine.values, explain(own, bead, others, again=1).values),
            "agreement_templates": agreement(
                explain(first, bead).values, explain(last, bead).values
            ),
            "agreement_gradient_boosting": agreement(mine.values, by_trees.values),
            "agreement_random_weights": agreement(mine.values, explain(blank, bead).values),
        }
        few = examiner.background.iloc[:FEW]
        rows.append(found | (curves(own, bead, few, mine, seed) or {}))
        pair = {predictor.encoder: mine.values, "gradient_boosting": by_trees.values}
        sizes.append(pd.DataFrame(pair).abs())
    table = pd.DataFrame(rows)
    means = {name: rounded(table[name].mean()) for name in table}
    total = sum(sizes)
    return {"beads": len(table), **means}, total / total.sum()


def other_background(examiner: Examiner) -> pd.DataFrame:
    """As many training beads as the background has, representative too, and none of them."""
    domain, used = examiner.predictor.domain, examiner.background
    rest = domain.training[~domain.training["bead"].isin(used["bead"])].reset_index(drop=True)
    return representatives(replace(domain, training=rest), len(used)) if len(rest) else used


def curves(
    model: Output,
    bead: pd.Series,
    background: pd.DataFrame,
    attribution: Attribution,
    seed: int,
) -> dict[str, float] | None:
    """How fast the output leaves the bead's own as fields are deleted, and comes as they are added.

    Fields go in the order of what they do for the output, the most first; `deletion` and
    `insertion` are the mean share of the way from the background's output to the bead's own, over
    all steps: a faithful order has a low deletion and a high insertion. `deletion_random` and
    `insertion_random` are means over RANDOM_ORDERS orders. None where the bead's output is within
    CLOSE of the background's, where shares of the way mean little, or fewer than two fields vary.
    """
    players = varying(bead, background, list(attribution.values.index))
    low = float(outputs_of(model, background, list(attribution.values.index)).mean())
    away = attribution.output - low
    if len(players) < 2 or abs(away) < CLOSE:
        return None
    rng = np.random.default_rng(seed)
    ours = np.argsort(-np.sign(away) * attribution.values[players].to_numpy(), kind="stable")
    orders = [ours, *(rng.permutation(len(players)) for _ in range(RANDOM_ORDERS))]
    steps = np.arange(len(players) + 1)
    kept = []
    for order in orders:
        ranks = np.argsort(order)
        kept += [ranks >= step for step in steps] + [ranks < step for step in steps]
    kept = np.repeat(np.array(kept), len(background), axis=0)
    others = pd.concat([background] * (len(kept) // len(background)), ignore_index=True)
    worth = outputs_of(model, mixed(bead, others, kept, players), players)
    worth = worth.reshape(len(orders), 2, len(steps), len(background)).mean(axis=3)
    share = np.trapezoid((worth - low) / away, axis=2) / (len(steps) - 1)
    return {
        "deletion": float(share[0, 0]),
        "insertion": float(share[0, 1]),
        "deletion_random": float(share[1:, 0].mean()),
        "insertion_random": float(share[1:, 1].mean()),
    }


def agreement(one: pd.Series, other: pd.Series) -> float | None:
    """Spearman's rank correlation of two explanations over the fields both know.

    None where either says the same of all fields.
    """
    both = pd.concat([one, other], axis=1, join="inner").dropna()
    if len(both) < 3 or (both.nunique() < 2).any():
        return None
    return float(spearmanr(both.iloc[:, 0], both.iloc[:, 1]).statistic)


def baseline_output(predictor: Predictor, task: str, baseline: Baseline, seed: int) -> Output:
    """The same of a baseline that learns from the table, fitted on all training beads."""
    card, style, kind = predictor.card, predictor.style, predictor.tasks[task]
    training = predictor.domain.training
    known = known_targets(card, kind, training)
    y = np.array([known[bead] for bead in training["bead"] if bead in known])
    learned = _features(training[training["bead"].isin(known)], card, style)

    def output(beads: pd.DataFrame) -> np.ndarray:
        fold = Fold(kind, learned, y, _features(beads, card, style), trees=100, seed=seed)
        # Of so few beads threads do nothing but wait for each other.
        with threadpool_limits(1):
            return sign * one_number(kind, lambda scores: scores, baseline(fold))

    sign = predictor.towards_good(task)
    return output


def _features(beads: pd.DataFrame, card: Card, style: TextStyle) -> Features:
    table = card.with_formulas(beads)[card.fields(style.information, style.derived)]
    none = pd.Series("", index=table.index)
    return Features(table.reset_index(drop=True), none, pd.DataFrame(index=table.index))


def with_random_weights(predictor: Predictor, task: str, seed: int) -> Predictor:
    """The same predictor, the weights of one task drawn anew: it knows nothing any more.

    What explains it the same way explains no model (Adebayo et al. 2018).
    """
    model, rng = predictor.models[task], np.random.default_rng(seed)
    drawn = replace(model, graphs=[one.redrawn(rng, WEIGHT_SD) for one in model.graphs])
    return replace(predictor, models={**predictor.models, task: drawn})


def certainty(predictor: Predictor, beads: pd.DataFrame) -> dict:
    """Of each task, what its probabilities or intervals are worth on beads it did not learn from.

    `beads` are rows of the clean table with their outcomes. A classification has its temperature
    and the log-loss before and after it, beside that of the base rates; a regression has the
    coverage and the width of its 90 % intervals.
    """
    scores, found = predictor.raw_scores(beads, list(predictor.models)), {}
    for name, task in predictor.tasks.items():
        sure = predictor.models[name].calibration
        truth = targets(predictor.card, task, beads)
        if task.kind == "regression":
            low, high = sure.interval(scores[name][:, 0], beads)
            intervals = pd.DataFrame({"target": truth[:, 0], "low": low, "high": high})
            found[name] = {k: rounded(v) for k, v in coverage_of(intervals).items()}
            continue
        base = np.tile(truth.mean(axis=0), (len(truth), 1))
        found[name] = {
            "temperature": rounded(sure.temperature),
            "log_loss_base_rate": rounded(log_loss(base, truth)),
            "log_loss_before": rounded(log_loss(scores[name], truth)),
            "log_loss_after": rounded(log_loss(sure.probabilities(scores[name]), truth)),
        }
    return found
