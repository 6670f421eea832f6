"""What explanations, advice and probabilities are worth, as numbers for metrics/advice.json.

Whether an explanation says what the model does is checked in ways in which a bad explanation
fails: deletion and insertion of fields, another seed, another sentence, another kind of model, a
network with random weights.
"""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from torch import nn
from tqdm import tqdm

from llm4waam.advice.findings import Examiner
from llm4waam.advice.outcome import advice_success, rounded
from llm4waam.advice.shapley import (
    Attribution,
    Output,
    baseline_output,
    mixed,
    model_output,
    outputs_of,
    varying,
)
from llm4waam.baselines.models import boosting
from llm4waam.evaluation.intervals import coverage_of
from llm4waam.evaluation.reliability import log_loss
from llm4waam.inference.predictor import Predictor
from llm4waam.splits.tasks import targets

FAITHFUL = 8  # beads of the checks of explanations: minutes on two cores
FEW = 4  # background beads of the deletion and insertion curves
CLOSE = 0.5  # of a logit
RANDOM_ORDERS = 3
WEIGHT_SD = 0.02  # of the random weights, as BERT starts


def measure(
    examiner: Examiner, held_out: pd.DataFrame, simulated_runs: int
) -> tuple[dict, pd.DataFrame]:
    """All of metrics/advice.json, and the shares of `faithfulness`.

    `held_out` are rows of the clean table that no model learned from, with their outcomes. Advice
    is tried on the bad ones, in `simulated_runs` runs each, and apart from them on those of the
    training beads. Shows progress.
    """
    predictor = examiner.predictor
    card, training = predictor.card, predictor.domain.training
    truths = {name: targets(card, task, held_out) for name, task in predictor.tasks.items()}
    faithful, shares = faithfulness(examiner, each(held_out.iloc[:FAITHFUL], "explanations"))
    success = {}
    for name, table in (("hold_out", held_out), ("training", training)):
        bad = table[table["labels"].notna() & (table["labels"] != predictor.normal)]
        success[name] = advice_success(examiner, each(bad, f"advice, {name}"), simulated_runs)
    sure = certainty(predictor, held_out, truths)
    return {"faithfulness": faithful, "advice": success, "certainty": sure}, shares


def each(beads: pd.DataFrame, title: str) -> Iterator[pd.Series]:
    """Row after row, with a progress bar of that title."""
    yield from (beads.iloc[n] for n in tqdm(range(len(beads)), title, unit="bead"))


def faithfulness(examiner: Examiner, beads: Iterable[pd.Series]) -> tuple[dict, pd.DataFrame]:
    """Means over beads of the checks of explanations, and each field's share of contributions.

    The shares are (fields, models) of the encoder and of gradient boosting, explained alike.
    `beads` may show progress as it is gone through.
    """
    predictor, seed, explain = examiner.predictor, examiner.seed, examiner.explain
    quality, templates = predictor.task_of("binary"), predictor.style.templates
    own = model_output(predictor, quality)
    trees = baseline_output(predictor, quality, boosting, seed)
    blank = model_output(with_random_weights(predictor, quality, seed), quality)
    first, last = (model_output(predictor, quality, [templates[n]]) for n in (0, -1))
    rows, sizes = [], []
    for bead in beads:
        mine, by_trees = explain(own, bead), explain(trees, bead)
        found = {
            "completeness_gap": abs(mine.gap),
            "agreement_seeds": agreement(mine.values, explain(own, bead, again=1).values),
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


def with_random_weights(predictor: Predictor, task: str, seed: int) -> Predictor:
    """The same predictor, the weights of one task drawn anew: it knows nothing any more.

    What explains it the same way explains no model (Adebayo et al. 2018).
    """
    torch.manual_seed(seed)
    model = predictor.models[task]
    drawn = replace(model, models=[_drawn_anew(one) for one in model.models])
    return replace(predictor, models={**predictor.models, task: drawn})


def _drawn_anew(module: nn.Module) -> nn.Module:
    copy = deepcopy(module)
    with torch.no_grad():
        for name, weight in copy.named_parameters():
            if weight.ndim > 1:
                weight.normal_(std=WEIGHT_SD)
            elif name.endswith("bias"):
                weight.zero_()
            else:
                weight.fill_(1.0)
    return copy.eval()


def certainty(predictor: Predictor, beads: pd.DataFrame, targets: dict[str, np.ndarray]) -> dict:
    """Of each task, what its probabilities or intervals are worth on beads it did not learn from.

    `targets[task]` is (beads, outputs). A classification has its temperature and the log-loss
    before and after it, beside that of the base rates; a regression has the coverage and the width
    of its 90 % intervals.
    """
    scores, found = predictor.raw_scores(beads, list(predictor.models)), {}
    for name, task in predictor.tasks.items():
        sure, truth = predictor.confidences[name], targets[name]
        if task.kind == "regression":
            low, high = sure.interval(scores[name][:, 0])
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
