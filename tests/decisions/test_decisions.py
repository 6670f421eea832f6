"""The rule that turns scores into labels, and the decision that one fold fits."""

import json

import numpy as np
import pytest

from llm4waam.decisions.decisions import (
    Decision,
    decide,
    default_thresholds,
    exclusive_index,
    indicators,
)
from llm4waam.decisions.predictions import COLUMNS, prediction_rows
from llm4waam.splits.tasks import Task

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


def test_thresholds_of_every_bead() -> None:
    scores = np.array([[0.4, 0.2, 0.1], [0.4, 0.2, 0.1]])
    thresholds = np.array([[0.3, 0.1, 0.5], [0.5, 0.5, 0.05]])
    decided = decide(scores, thresholds, NORMAL)
    assert decided.tolist() == [[True, True, False], [False, False, True]]
    same = np.random.default_rng(0).random((20, 3))
    assert (decide(same, HALF, NORMAL) == decide(same, np.tile(HALF, (20, 1)), NORMAL)).all()


LABELS = ("Humping", "Balling", "Normal")
DEFECTS = Task("d", "multi_label", LABELS, "Normal", ("no", "yes"), "none", None, "?")
QUALITY = Task("q", "binary", ("Normal",), None, ("defect", "normal"), "none", None, "?")
HEAT = Task("h", "regression", ("heat",), None, ("no", "yes"), "log", "J/mm", "?")


def test_of_a_task() -> None:
    assert exclusive_index(DEFECTS) == NORMAL
    assert default_thresholds(DEFECTS).tolist() == [0.5] * 3
    assert exclusive_index(QUALITY) is None
    assert indicators(QUALITY, np.array([[0.0], [1.0]])).tolist() == [[True, False], [False, True]]


def made_scores() -> tuple[np.ndarray, np.ndarray]:
    """Scores that are too sure and too low, and their targets, for 80 beads."""
    rng = np.random.default_rng(3)
    targets = np.eye(3)[rng.choice(3, 80, p=[0.4, 0.05, 0.55])]
    logits = 4 * (targets - 0.9) + rng.normal(size=targets.shape)
    return 1 / (1 + np.exp(-3 * logits)), targets


def test_the_default_changes_nothing() -> None:
    scores, _ = made_scores()
    decision = Decision.default(DEFECTS)
    assert decision == Decision(LABELS, 1.0, (0.5, 0.5, 0.5), "Normal")
    assert decision.apply(scores) is scores


def test_a_fit_calibrates_and_helps_the_labels_that_have_support() -> None:
    def f1(scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
        decided = scores >= thresholds
        return 2 * (decided & (targets > 0)).sum(axis=0) / (decided + targets).sum(axis=0)

    scores, targets = made_scores()
    support = targets[:, 1].sum()
    decision = Decision.fit(DEFECTS, scores, targets, floor=int(support) + 1)
    assert decision.temperature > 1.5
    assert decision.thresholds[1] == 0.5
    calibrated = decision.apply(scores)
    # A temperature alone moves no score over one half.
    assert ((calibrated >= 0.5) == (scores >= 0.5)).all()
    gain = f1(calibrated, np.array(decision.thresholds)) - f1(scores, HALF)
    assert (gain[[0, 2]] > 0.02).all()
    assert gain[1] == 0
    assert Decision.fit(DEFECTS, scores, targets, floor=int(support)).thresholds[1] != 0.5


def test_a_binary_fit_serves_the_accuracy() -> None:
    scores, targets = (part[:, 2:] for part in made_scores())
    decision = Decision.fit(QUALITY, scores, targets, floor=5)
    found = decide(decision.apply(scores), np.array(decision.thresholds), None) == (targets > 0)
    assert found.mean() > ((scores >= 0.5) == (targets > 0)).mean()
    assert decision.exclusive is None


def test_nothing_to_fit_on_is_the_default() -> None:
    nobody = np.empty((0, 3))
    assert Decision.fit(DEFECTS, nobody, nobody, floor=5) == Decision.default(DEFECTS)


def test_json_and_back_whatever_the_order_of_its_keys() -> None:
    decision = Decision.fit(DEFECTS, *made_scores(), floor=2)
    text = json.dumps(decision.to_json(), sort_keys=True, allow_nan=False)
    assert set(json.loads(text)) == {"temperature", "thresholds", "exclusive"}
    assert list(json.loads(text)["thresholds"]) != list(LABELS)
    assert Decision.from_json(DEFECTS, json.loads(text)) == decision


def test_rows_of_predictions_hold_the_threshold_of_their_label_or_none() -> None:
    values = np.zeros((2, 3))
    bare = ("bert", (0, 1), ["b1", "b2"], LABELS, values, values, values)
    assert prediction_rows(*bare)["threshold"].isna().all()
    rows = prediction_rows(*bare, np.array([0.1, 0.2, 0.3]))
    assert list(rows.columns) == COLUMNS
    assert rows["threshold"].tolist() == [0.1, 0.2, 0.3] * 2
    assert prediction_rows("bert", (0, -1), [], ("a",), *np.zeros((3, 0, 1))).empty


def test_a_decision_of_other_labels_is_refused() -> None:
    value = Decision.default(QUALITY).to_json()
    with pytest.raises(ValueError, match="task d: a decision of other labels: Normal"):
        Decision.from_json(DEFECTS, value)


def test_a_regression_has_no_decision_and_shapes_must_fit() -> None:
    with pytest.raises(ValueError, match="no decision"):
        Decision.default(HEAT)
    with pytest.raises(ValueError, match="do not fit"):
        Decision.fit(DEFECTS, np.zeros((4, 3)), np.zeros((4, 1)), floor=5)
    with pytest.raises(ValueError, match="do not fit"):
        Decision.fit(QUALITY, np.zeros((4, 3)), np.zeros((4, 3)), floor=5)
