"""How sure a final model is: widths and temperatures against brute force and drawn data."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from llm4waam.decisions.confidence import Calibration, fit_calibration, pattern_of, tellings
from llm4waam.splits.tasks import Task

LABELS = ("Humping", "Balling", "Normal")
NONE = pd.DataFrame(columns=["bead", "without", "label", "target", "score"])


def task(kind: str, *outputs: str, transform: str = "none") -> Task:
    """A task of a kind."""
    return Task("t", kind, outputs, None, ("no", "yes"), transform, None, "?")


def rows_of(outputs: tuple[str, ...], target: np.ndarray, score: np.ndarray) -> pd.DataFrame:
    """Predictions as in a file, one row a bead and output, from arrays (beads, outputs)."""
    beads = [f"b{n}" for n in range(len(target)) for _ in outputs]
    columns = {"bead": beads, "label": [*outputs] * len(target)}
    return pd.DataFrame(columns | {"target": target.ravel(), "score": score.ravel()})


def drawn(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Targets and scores of a regression, with factors of error."""
    rng = np.random.default_rng(seed)
    target = rng.uniform(200, 900, (count, 1))
    return target, target * np.exp(rng.normal(0, 0.2, (count, 1)))


def complete(values: np.ndarray) -> pd.DataFrame:
    """As many beads that lack nothing."""
    return pd.DataFrame({"gas": ["Ar"] * len(values), "angle": 5.0})


def brute(residuals: np.ndarray) -> float:
    """The least residual that at least ceil(0.9 (n + 1)) of the residuals do not exceed."""
    need = math.ceil(round(0.9 * (len(residuals) + 1), 6))
    fitting = [r for r in residuals if (residuals <= r).sum() >= need]
    return min(fitting, default=math.nan)


def fit(one: Task, rows: pd.DataFrame, incomplete: pd.DataFrame = NONE) -> Calibration:
    """The calibration of these rows."""
    return fit_calibration(one, rows, incomplete, tempered_already=False)


def fitted(target: np.ndarray, score: np.ndarray, transform: str) -> Calibration:
    """What a regression of this transform learns from its out-of-fold predictions."""
    one = task("regression", "e", transform=transform)
    return fit(one, rows_of(("e",), target, score))


@pytest.mark.parametrize("transform", ["log", "none"])
def test_the_half_width_is_the_right_order_statistic_and_few_beads_have_none(
    transform: str,
) -> None:
    change = np.log if transform == "log" else np.asarray
    for count in (1, 8, 9, 10, 19, 29):
        target, score = drawn(count, count)
        found = fitted(target, score, transform)
        assert found.log == (transform == "log")
        right = brute(np.abs(change(score) - change(target)).ravel())
        assert found.half_width == pytest.approx(right, nan_ok=True)
        assert np.isnan(found.interval(score, complete(score))).all() == (count < 9)


def test_a_prediction_that_has_no_logarithm_is_taken_raw() -> None:
    target, score = drawn(20, 1)
    score[3] = -5.0
    found = fitted(target, score, "log")
    assert not found.log
    assert found.half_width == pytest.approx(brute(np.abs(score - target).ravel()))


@pytest.mark.parametrize("transform", ["log", "none"])
def test_intervals_cover_nine_tenths_of_what_is_drawn_next(transform: str) -> None:
    covered = []
    for seed in range(200):
        target, score = drawn(80, seed)
        low, high = fitted(target[:40], score[:40], transform).interval(
            score[40:, 0], complete(score[40:])
        )
        covered.append(((low <= target[40:, 0]) & (target[40:, 0] <= high)).mean())
    assert np.mean(covered) == pytest.approx(0.9, abs=0.02)


def test_repeated_rows_of_a_bead_count_once_by_their_mean() -> None:
    target, score = drawn(12, 5)
    halves = pd.concat([rows_of(("e",), target, score + shift) for shift in (-50, 50)])
    twice = fit(task("regression", "e"), halves)
    assert twice.half_width == pytest.approx(fitted(target, score, "none").half_width)


def test_an_interval_is_a_factor_or_a_sum() -> None:
    values = np.array([100.0, 400.0])
    beads = complete(values)
    low, high = Calibration(half_width=math.log(2), log=True).interval(values, beads)
    assert low == pytest.approx([50, 200])
    assert high == pytest.approx([200, 800])
    low, high = Calibration(half_width=30.0).interval(values, beads)
    assert low.tolist() == [70, 370]
    assert high.tolist() == [130, 430]


def left_out(count: int, seed: int, widths: dict[str, float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of a regression, and rows with fields left out whose error is so many times as wide."""
    target, score = drawn(count, seed)
    rows = rows_of(("e",), target, score)
    rng = np.random.default_rng(seed + 1000)
    parts = [
        rows.assign(
            without=without,
            score=target.ravel() * np.exp(width * rng.normal(0, 0.2, count)),
        )
        for without, width in widths.items()
    ]
    return rows, pd.concat(parts)


LACKING = pd.DataFrame({"gas": ["Ar", None, "Ar", None], "angle": [5.0, 5.0, None, None]})


def test_a_field_that_matters_widens_the_interval_and_no_other_does() -> None:
    one = task("regression", "e", transform="log")
    rows, incomplete = left_out(100, 3, {"gas": 1.0, "angle": 4.0, "gas angle": 6.0})
    found = fit(one, rows, incomplete)
    assert list(found.alone) == ["angle", "gas"]
    widths = found.half_widths(LACKING)
    assert widths[0] == found.half_width == pytest.approx(fitted(*drawn(100, 3), "log").half_width)
    assert widths[1] == pytest.approx(max(found.alone["gas"], widths[0]))
    assert widths[2] == pytest.approx(found.alone["angle"])
    assert widths[2] > 3 * widths[1]
    both = np.sqrt(widths[1] ** 2 + widths[2] ** 2 - widths[0] ** 2)
    assert widths[3] == pytest.approx(min(both, found.all_left_out))
    low, high = found.interval(np.full(4, 100.0), LACKING)
    assert np.log(high / low) / 2 == pytest.approx(widths)
    again = Calibration.from_json(json.loads(json.dumps(found.to_json())))
    assert again == found


def test_every_pattern_covers_nine_tenths_of_what_is_drawn_next() -> None:
    one, covered = task("regression", "e", transform="log"), []
    widths = {"gas": 1.5, "angle": 3.0, "gas angle": 3.3}
    for seed in range(40):
        found = fit(one, *left_out(60, seed, widths))
        rows, incomplete = left_out(60, 500 + seed, widths)
        told = [rows, *(incomplete[incomplete["without"] == name] for name in widths)]
        for place, part in enumerate(told):
            beads = LACKING.iloc[[place] * len(part)]
            low, high = found.interval(part["score"].to_numpy(), beads)
            covered.append((place, ((low <= part["target"]) & (part["target"] <= high)).mean()))
    means = pd.DataFrame(covered).groupby(0)[1].mean()
    assert means.between(0.86, 0.95).all(), means


def test_a_field_that_too_few_beads_have_has_no_width_of_its_own() -> None:
    one = task("regression", "e")
    rows, incomplete = left_out(30, 4, {"gas": 1.0, "angle": 5.0, "gas angle": 5.0})
    few = incomplete[
        (incomplete["without"] != "gas") | (incomplete["bead"].str[1:].astype(int) < 5)
    ]
    found = fit(one, rows, few)
    assert list(found.alone) == ["angle"]
    assert found.half_widths(LACKING)[1] == found.half_width


def test_what_a_telling_leaves_out_has_a_name() -> None:
    rows, incomplete = left_out(2, 4, {"gas": 1.0, "gas angle": 1.0, "gas angle note": 1.0})
    alone = incomplete[(incomplete["bead"] == "b0") | (incomplete["without"] == "gas")]
    told = tellings(rows, alone).index
    found = dict(zip(told, pattern_of(told), strict=True))
    assert found == {
        ("b0", ""): "complete",
        ("b1", ""): "complete",
        ("b0", "gas"): "gas",
        ("b1", "gas"): "gas",
        ("b0", "gas angle"): "some_left_out",
        ("b0", "gas angle note"): "required_only",
    }


def over_confident(factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Targets drawn from probabilities, and scores whose logits are `factor` too large."""
    rng = np.random.default_rng(8)
    logits = rng.normal(0, 1.2, (400, len(LABELS)))
    target = (rng.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(float)
    return target, 1 / (1 + np.exp(-factor * logits))


def log_loss(target: np.ndarray, p: np.ndarray) -> float:
    """Mean log-loss."""
    return float(-np.where(target > 0.5, np.log(p), np.log1p(-p)).mean())


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_a_temperature_undoes_scores_that_are_too_sure_or_not_sure_enough(factor: float) -> None:
    target, score = over_confident(factor)
    rows = rows_of(LABELS, target, score).sample(frac=1, random_state=1)
    one = task("multi_label", *LABELS)
    sure = fit(one, rows)
    assert sure.temperature == pytest.approx(factor, rel=0.15)
    assert log_loss(target, sure.probabilities(score)) < log_loss(target, score)
    assert sure.probabilities(np.array([0.5])) == pytest.approx(0.5)
    # What inner folds have calibrated already stays as it is.
    assert fit_calibration(one, rows, NONE, tempered_already=True).temperature == 1.0
