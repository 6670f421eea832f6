"""What explanations and advice are worth, as numbers for metrics/advice.json."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from scipy.stats import bootstrap
from tqdm import tqdm

from stages.advice.answers import answer_of, baseline_answer
from stages.advice.changes import carried_out
from stages.advice.evidence import Examiner
from stages.advice.faithfulness import agreement, curves, forgetful
from stages.advice.gradients import integrated_gradients
from stages.advice.predictor import Predictor
from stages.advice.simulated import normal_shares, random_moves
from stages.evidence.prediction_intervals import coverage_of
from stages.learning.baselines import boosting
from stages.learning.tasks import targets

FAITHFUL = 8  # beads of the checks of explanations: minutes on two cores
FEW = 4  # background beads of the deletion and insertion curves
DIGITS = 4


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
    means = {name: _number(table[name].mean()) for name in table}
    total = sum(sizes)
    return {"beads": len(table), **means}, total / total.sum()


def advice_success(examiner: Examiner, beads: Iterable[pd.Series], trials: int) -> dict:
    """What became of bad beads: how many were advised, and how often a run then came out Normal.

    `as_run`, `random` and `advised` are shares of `trials` simulated runs of the advised beads:
    unchanged, after a random move of equal size, and after the advised one; `expected` is the mean
    probability that the model gave the last. The difference to random has a 95 % percentile
    bootstrap over beads.
    """
    rng, training = np.random.default_rng(examiner.seed), examiner.predictor.novelty.training
    adviser, card = examiner.adviser, examiner.predictor.card
    counts = {"normal": 0, "outside": 0, "unknown": 0, "none": 0, "": 0}
    runs: dict[str, list[pd.DataFrame]] = {"as_run": [], "random": [], "advised": []}
    expected = []
    for bead in beads:
        advice = adviser.advise(bead)
        counts[advice.reason] += 1
        other = None
        if advice.moves:
            other = random_moves(adviser, bead, advice.size, len(advice.moves), rng)
        if other is None:
            continue
        expected.append(advice.expected)
        for name, moves in (("as_run", ()), ("random", other), ("advised", advice.moves)):
            runs[name].append(carried_out(bead, [moves], card))
    found = {
        "bad_beads": sum(counts.values()),
        "thought_normal": counts["normal"],
        "outside": counts["outside"],
        "no_change_found": counts["none"] + counts["unknown"],
        "advised_beads": len(runs["advised"]),
    }
    if not runs["advised"]:
        return found | dict.fromkeys(
            ["expected", *runs, "difference", "difference_low", "difference_high"]
        )
    shares = {
        name: normal_shares(pd.concat(parts, ignore_index=True), training, trials, examiner.seed)
        for name, parts in runs.items()
    }
    gains = shares["advised"] - shares["random"]
    low, high = _interval(gains, examiner.seed)
    found["expected"] = _number(np.mean(expected))
    found |= {name: _number(values.mean()) for name, values in shares.items()}
    return found | {
        "difference": _number(gains.mean()),
        "difference_low": low,
        "difference_high": high,
    }


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
            found[name] = {k: _number(v) for k, v in coverage_of(told).items()}
            continue
        base = np.tile(truth.mean(axis=0), (len(truth), 1))
        found[name] = {
            "temperature": _number(sure.temperature),
            "log_loss_base_rate": _number(_log_loss(base, truth)),
            "log_loss_before": _number(_log_loss(scores[name], truth)),
            "log_loss_after": _number(_log_loss(sure.probabilities(scores[name]), truth)),
        }
    return found


def _templates(predictor: Predictor) -> list[str]:
    known = predictor.style.templates
    return [known[0], known[-1]]


def _log_loss(p: np.ndarray, truth: np.ndarray) -> float:
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return float(-(truth * np.log(p) + (1 - truth) * np.log(1 - p)).mean())


def _interval(values: np.ndarray, seed: int) -> tuple[float | None, float | None]:
    if len(values) < 2 or values.min() == values.max():
        return None, None
    drawn = bootstrap(
        (values,), np.mean, method="percentile", n_resamples=2000, rng=np.random.default_rng(seed)
    )
    return _number(drawn.confidence_interval.low), _number(drawn.confidence_interval.high)


def _number(value: float | None) -> float | None:
    if value is None or pd.isna(value):
        return None
    return value if isinstance(value, int) else round(float(value), DIGITS)
