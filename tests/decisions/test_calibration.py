"""Temperature and thresholds, against what is known of the numbers they are fitted on."""

import numpy as np
import pytest
from scipy.special import expit

from llm4waam.decisions.decisions import COLDEST, HOTTEST, fit_temperature, fit_threshold, tempered


def drawn(temperature: float, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose log-odds are `temperature` times too large, and their targets."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(count, 2))
    targets = (rng.random((count, 2)) < expit(logits)).astype(float)
    return expit(logits * temperature), targets


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_the_temperature_is_found_again(temperature: float) -> None:
    scores, targets = drawn(temperature)
    found = fit_temperature(scores, targets)
    assert found == pytest.approx(temperature, rel=0.05)
    assert tempered(scores, found) == pytest.approx(drawn(1.0)[0], abs=0.02)


def test_calibration_never_makes_the_loss_of_its_own_rows_worse() -> None:
    def loss(scores: np.ndarray) -> float:
        return -np.log(np.where(targets > 0.5, scores, 1 - scores)).mean()

    scores, targets = drawn(5.0, 60)
    assert loss(tempered(scores, fit_temperature(scores, targets))) < loss(scores)


def test_one_class_has_no_temperature_and_separable_ones_a_bounded_one() -> None:
    scores = np.array([[0.2], [0.4], [0.9]])
    for targets in (np.zeros((3, 1)), np.ones((3, 1)), np.tile([0.0, 1.0], (3, 1))):
        assert fit_temperature(np.tile(scores, targets.shape[1]), targets) == 1.0
    assert fit_temperature(np.empty((0, 2)), np.empty((0, 2))) == 1.0
    right = np.array([[0.0], [0.0], [1.0]])
    assert fit_temperature(scores, right) == pytest.approx(COLDEST, rel=1e-3)
    assert fit_temperature(scores, 1 - right) == pytest.approx(HOTTEST, rel=1e-3)


def test_certain_scores_stay_finite_and_half_stays_half() -> None:
    found = tempered(np.array([0.0, 0.5, 1.0]), 2.0)
    assert found[1] == 0.5
    assert 0 < found[0] < found[1] < found[2] < 1


def test_a_temperature_of_one_changes_no_bit() -> None:
    scores = np.random.default_rng(1).random((50, 3))
    assert tempered(scores, 1.0) is scores


SCORES = np.array([0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize(
    ("targets", "measure", "expected"),
    [
        ([0, 0, 1, 1], "f1", 0.25),  # the gap between the classes
        ([0, 0, 1, 1], "accuracy", 0.25),
        ([0, 1, 0, 1], "f1", 0.15),  # F1 4/5 for the upper three, 2/3 for the uppermost
        ([0, 1, 0, 1], "accuracy", 0.35),  # 3/4 at 0.15 and 0.35: the nearer to one half
        ([1, 1, 1, 1], "f1", 0.05),
        ([1, 0, 0, 0], "accuracy", 0.5),  # nothing beats saying no, as one half does
    ],
)
def test_threshold_by_hand(targets: list[int], measure: str, expected: float) -> None:
    found = fit_threshold(SCORES, np.array(targets, float), measure=measure, floor=1)
    assert found == pytest.approx(expected)


def test_a_tie_goes_to_the_nearest_to_one_half_and_then_to_the_lower() -> None:
    scores = np.array([0.1, 0.6, 0.8])
    # Every cut in the gap is as good: one half lies in it.
    assert fit_threshold(scores, np.array([0.0, 1.0, 1.0]), measure="f1", floor=1) == 0.5
    scores, targets = np.array([0.25, 0.5, 0.75]), np.array([1.0, 0.0, 1.0])
    # 0.125 has F1 4/5 and nothing else has; by accuracy 0.125 and 0.625 have 2/3 each.
    assert fit_threshold(scores, targets, measure="f1", floor=1) == 0.125
    assert fit_threshold(scores, targets, measure="accuracy", floor=1) == 0.625
    scores, targets = np.array([0.125, 0.375, 0.625, 0.875]), np.array([0.0, 1.0, 0.0, 1.0])
    # 0.25 and 0.75 are right three times of four, 0.5 twice.
    assert fit_threshold(scores, targets, measure="accuracy", floor=1) == 0.25


def test_the_best_of_every_cut() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        scores, targets = rng.random(30).round(1), (rng.random(30) > 0.7).astype(float)
        for measure in ("f1", "accuracy"):
            found = fit_threshold(scores, targets, measure=measure, floor=1)
            every = [worth(scores, targets, cut, measure) for cut in np.linspace(0, 1, 101)]
            assert worth(scores, targets, found, measure) == pytest.approx(max(every))


def worth(scores: np.ndarray, targets: np.ndarray, cut: float, measure: str) -> float:
    decided, true = scores >= cut, targets > 0.5
    if measure == "accuracy":
        return float((decided == true).mean())
    return float(2 * (decided & true).sum() / (decided.sum() + true.sum()))


def test_the_floor_on_support() -> None:
    targets = np.array([0.0, 0.0, 1.0, 1.0])
    assert fit_threshold(SCORES, targets, measure="f1", floor=2) == pytest.approx(0.25)
    assert fit_threshold(SCORES, targets, measure="f1", floor=3) == 0.5
    assert fit_threshold(SCORES, np.zeros(4), measure="f1", floor=0) == 0.5
    # Accuracy has two classes to know.
    assert fit_threshold(SCORES, np.ones(4), measure="accuracy", floor=1) == 0.5


def test_another_measure_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no measure called 'f2'"):
        fit_threshold(SCORES, np.ones(4), measure="f2", floor=1)
