"""The rule that turns scores into labels."""

import numpy as np
import pytest

from stages.learning.decisions import decide, default_thresholds, exclusive_index, indicators
from stages.learning.tasks import Task

NORMAL = 2
HALF = np.full(3, 0.5)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.9, 0.6, 0.1], [1, 1, 0]),  # every label over its threshold
        ([0.5, 0.2, 0.1], [1, 0, 0]),  # at the threshold counts
        ([0.2, 0.4, 0.3], [0, 1, 0]),  # nothing passes: the highest
        ([0.2, 0.3, 0.4], [0, 0, 1]),  # nothing passes, and Normal is the highest
        ([0.8, 0.6, 0.7], [1, 1, 0]),  # the best defect beats Normal: all defects stay
        ([0.8, 0.6, 0.9], [0, 0, 1]),  # Normal beats every defect: none stays
        ([0.8, 0.1, 0.8], [1, 0, 0]),  # a tie is a defect
        ([0.3, 0.3, 0.3], [1, 0, 0]),  # a tie below the thresholds: the first
    ],
)
def test_rule_with_an_exclusive_label(scores: list[float], expected: list[int]) -> None:
    decided = decide(np.array([scores]), HALF, NORMAL)
    assert decided.dtype == bool
    assert decided.tolist() == [[bool(value) for value in expected]]


def test_only_labels_that_pass_challenge_the_exclusive_one() -> None:
    decided = decide(np.array([[0.7, 0.0, 0.6]]), np.array([0.8, 0.5, 0.5]), NORMAL)
    assert decided.tolist() == [[False, False, True]]


def test_without_an_exclusive_label_a_set_may_be_empty() -> None:
    decided = decide(np.array([[0.2, 0.4, 0.3], [0.9, 0.9, 0.9]]), HALF, None)
    assert decided.tolist() == [[False] * 3, [True] * 3]


def test_every_set_is_consistent() -> None:
    scores = np.random.default_rng(0).random((500, 6))
    decided = decide(scores, np.full(6, 0.5), 5)
    assert decided.any(axis=1).all()
    assert not (decided[:, 5] & decided[:, :5].any(axis=1)).any()


def test_one_output_is_a_threshold() -> None:
    decided = decide(np.array([[0.2], [0.5], [0.9]]), np.array([0.5]), None)
    assert decided.ravel().tolist() == [False, True, True]


def test_no_beads() -> None:
    assert decide(np.empty((0, 3)), HALF, NORMAL).shape == (0, 3)


@pytest.mark.parametrize("thresholds", [np.full(2, 0.5), np.full((1, 3), 0.5)])
def test_shapes_must_fit(thresholds: np.ndarray) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        decide(np.zeros((4, 3)), thresholds, None)


def test_of_a_task() -> None:
    labels = ("Humping", "Balling", "Normal")
    task = Task("d", "multi_label", labels, "Normal", ("no", "yes"), "none", None, "?")
    assert exclusive_index(task) == NORMAL
    assert default_thresholds(task).tolist() == [0.5] * 3
    binary = Task("q", "binary", ("Normal",), None, ("defect", "normal"), "none", None, "?")
    assert exclusive_index(binary) is None
    assert indicators(binary, np.array([[0.0], [1.0]])).tolist() == [[True, False], [False, True]]
