"""How sure a final model is: widths and temperatures against brute force and drawn data."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llm4waam.core.errors import StudyError
from llm4waam.inference.predictor import Confidence, fit_confidence, read_rows
from llm4waam.splits.tasks import Task

LABELS = ("Humping", "Balling", "Normal")


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


def brute(residuals: np.ndarray) -> float:
    """The least residual that at least ceil(0.9 (n + 1)) of the residuals do not exceed."""
    need = math.ceil(round(0.9 * (len(residuals) + 1), 6))
    fitting = [r for r in residuals if (residuals <= r).sum() >= need]
    return min(fitting, default=math.nan)


def fitted(target: np.ndarray, score: np.ndarray, transform: str) -> Confidence:
    """What a regression of this transform learns from its out-of-fold predictions."""
    rows = rows_of(("e",), target, score)
    return fit_confidence(
        task("regression", "e", transform=transform), rows, tempered_already=False
    )


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
        assert np.isnan(found.interval(score)).all() == (count < 9)


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
        low, high = fitted(target[:40], score[:40], transform).interval(score[40:])
        covered.append(((low <= target[40:]) & (target[40:] <= high)).mean())
    assert np.mean(covered) == pytest.approx(0.9, abs=0.02)


def test_repeated_rows_of_a_bead_count_once_by_their_mean() -> None:
    target, score = drawn(12, 5)
    halves = pd.concat([rows_of(("e",), target, score + shift) for shift in (-50, 50)])
    twice = fit_confidence(task("regression", "e"), halves, tempered_already=False)
    assert twice.half_width == pytest.approx(fitted(target, score, "none").half_width)


def test_an_interval_is_a_factor_or_a_sum() -> None:
    values = np.array([100.0, 400.0])
    low, high = Confidence(half_width=math.log(2), log=True).interval(values)
    assert low == pytest.approx([50, 200])
    assert high == pytest.approx([200, 800])
    low, high = Confidence(half_width=30.0).interval(values)
    assert low.tolist() == [70, 370]
    assert high.tolist() == [130, 430]


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
    sure = fit_confidence(task("multi_label", *LABELS), rows, tempered_already=False)
    assert sure.temperature == pytest.approx(factor, rel=0.15)
    assert log_loss(target, sure.probabilities(score)) < log_loss(target, score)
    assert sure.probabilities(np.array([0.5])) == pytest.approx(0.5)
    # What inner folds have calibrated already stays as it is.
    assert fit_confidence(task("multi_label", *LABELS), rows, tempered_already=True) == Confidence()


def test_rows_of_the_hold_out_beads_never_enter(tmp_path: Path) -> None:
    target, score = drawn(30, 4)
    honest = rows_of(("e",), target, score).assign(role="oof")
    planted = rows_of(("e",), target, target * 50).assign(role="test")
    file = tmp_path / "energy.csv"
    pd.concat([planted, honest]).to_csv(file, index=False)
    energy = task("regression", "e", transform="log")
    found = fit_confidence(energy, read_rows(file, "oof"), tempered_already=False)
    assert found == fit_confidence(energy, honest, tempered_already=False)
    mixed = fit_confidence(energy, pd.read_csv(file), tempered_already=False)
    assert mixed.half_width > 2 * found.half_width


def test_names_of_beads_stay_words_and_a_missing_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "energy.csv"
    file.write_text("bead,label,target,score,role\n007,e,1,2,oof\n")
    assert read_rows(file, "oof")["bead"].tolist() == ["007"]
    with pytest.raises(StudyError, match="there is no such file") as caught:
        read_rows(tmp_path / "none.csv", "oof")
    assert "\n" not in str(caught.value)
