"""Whether explanations tell what the model does: four checks that a bad explanation fails."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from torch import nn

from stages.advice.answers import Answer
from stages.advice.attribution import Attribution, asked_once, mixed, varying
from stages.advice.predictor import Predictor

CLOSE = 0.5  # of a logit
RANDOM_ORDERS = 3
WEIGHT_SD = 0.02  # of the drawn weights, as BERT starts


def curves(
    answer: Answer,
    bead: pd.Series,
    background: pd.DataFrame,
    attribution: Attribution,
    seed: int,
) -> dict[str, float] | None:
    """How fast the answer leaves the bead's own as fields are deleted, and comes as they are told.

    Fields go in the order of what they do for the answer, the most first; `deletion` and
    `insertion` are the mean share of the way from the background's answer to the bead's own, over
    all steps: a faithful order has a low deletion and a high insertion. `deletion_random` and
    `insertion_random` are means over RANDOM_ORDERS orders. None where the bead's answer is within
    CLOSE of the background's, where shares of the way mean little, or fewer than two fields vary.
    """
    players = varying(bead, background, list(attribution.values.index))
    low = float(asked_once(answer, background, list(attribution.values.index)).mean())
    away = attribution.answer - low
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
    worth = asked_once(answer, mixed(bead, others, kept, players), players)
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


def forgetful(predictor: Predictor, task: str, seed: int) -> Predictor:
    """The same predictor with weights drawn anew for one task: it knows nothing any more.

    What explains it the same way explains no model (Adebayo et al. 2018).
    """
    torch.manual_seed(seed)
    model = predictor.models[task]
    readers = [_drawn(reader) for reader in model.readers]
    return replace(predictor, models={**predictor.models, task: replace(model, readers=readers)})


def _drawn(reader: nn.Module) -> nn.Module:
    copy = deepcopy(reader)
    with torch.no_grad():
        for name, weight in copy.named_parameters():
            if weight.ndim > 1:
                weight.normal_(std=WEIGHT_SD)
            elif name.endswith("bias"):
                weight.zero_()
            else:
                weight.fill_(1.0)
    return copy.eval()
