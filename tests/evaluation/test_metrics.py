"""Metrics against values worked out by hand."""

import numpy as np
import pytest

from llm4waam.core.files import significant
from llm4waam.evaluation.metrics import (
    classification_metrics,
    label_metrics,
    mean_metrics,
    regression_metrics,
    task_metrics,
)
from llm4waam.splits.tasks import Task

ACTUAL = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 0, 0]], bool)
PREDICTED = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], bool)
NAMES = ("Humping", "Lack of fusion", "Bead cut")


def test_classification_by_hand() -> None:
    # Humping: 2 hits, 1 false, 1 missed; Lack of fusion: 1, 1, 1; Bead cut: never there.
    found = classification_metrics(ACTUAL, PREDICTED)
    assert found["macro_f1"] == pytest.approx((4 / 6 + 2 / 4) / 2)
    assert found["micro_f1"] == pytest.approx(6 / 10)
    assert found["partial_score"] == pytest.approx((1 + 1 / 2 + 1 + 0) / 4)
    assert found["exact_match"] == pytest.approx(1 / 4)
    assert found["label_accuracy"] == pytest.approx(8 / 12)
    # Predicting everything pays in the partial score alone.
    everything = classification_metrics(np.eye(6, dtype=bool), np.ones((6, 6), bool))
    assert everything["partial_score"] == 1.0
    assert everything["exact_match"] == 0.0
    assert everything["label_accuracy"] == pytest.approx(1 / 6)
    # A bead without labels takes no part in it.
    few = np.array([[0, 0], [1, 0]], bool)
    assert classification_metrics(few, few)["partial_score"] == 1.0
    assert classification_metrics(few[:1], few[:1])["partial_score"] is None


def test_labels_by_hand_and_an_absent_label_has_no_score() -> None:
    found = mean_metrics([label_metrics(ACTUAL, PREDICTED, NAMES)])
    assert found["humping"] == {
        "f1": 0.6667, "precision": 0.6667, "recall": 0.6667, "support": 3,
    }  # fmt: skip
    assert found["lack_of_fusion"]["f1"] == 0.5
    assert found["bead_cut"] == {"f1": None, "precision": None, "recall": None, "support": 0}
    never = np.zeros_like(ACTUAL)
    found = mean_metrics([label_metrics(ACTUAL, never, NAMES)])["humping"]
    assert found == {"f1": 0.0, "precision": None, "recall": 0.0, "support": 3}


def test_regression_by_hand() -> None:
    target, score = np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [2.0], [5.0]])
    found = regression_metrics(target, score)
    assert found["mse"] == pytest.approx(4 / 3)
    assert found["rmse"] == pytest.approx((4 / 3) ** 0.5)
    assert found["mae"] == pytest.approx(2 / 3)
    assert found["r2"] == pytest.approx(1 - 4 / 2)
    for count in (1, 3):  # equal targets
        assert regression_metrics(np.full((count, 1), 2.0), np.zeros((count, 1)))["r2"] is None


def test_no_beads_no_scores() -> None:
    nobody = np.empty((0, 3))
    assert set(classification_metrics(nobody > 0, nobody > 0).values()) == {None}
    assert set(regression_metrics(nobody, nobody).values()) == {None}


def test_binary_task_counts_both_classes() -> None:
    task = Task("q", "binary", ("Normal",), None, ("defect", "normal"), "none", None, "?")
    target = np.array([[1.0], [1.0], [1.0], [0.0]])
    score = np.array([[0.9], [0.8], [0.1], [0.4]])
    loss = np.array([[0.1], [0.1], [0.1], [0.7]])
    found, labels = task_metrics(task, target, score, loss, np.array([0.5]))
    assert found["accuracy"] == found["micro_f1"] == found["label_accuracy"] == 0.75
    assert found["recall_normal"] == pytest.approx(2 / 3)
    assert found["recall_defect"] == 1.0
    # normal: F1 = 4/5; defect: precision 1/2, recall 1, F1 = 2/3.
    assert found["macro_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert found["val_loss"] == pytest.approx(0.25)
    assert labels["defect"]["support"] == 1
    own = np.array([[0.95], [0.5], [0.05], [0.4]])  # every bead may have a threshold of its own
    assert task_metrics(task, target, score, loss, own)[0]["accuracy"] == 0.5


def test_mean_over_repeats_leaves_out_the_undefined() -> None:
    repeats = [{"a": 1.0, "b": None, "c": {"d": 0.0}}, {"a": 2.0, "b": None, "c": {"d": None}}]
    assert mean_metrics(repeats) == {"a": 1.5, "b": None, "c": {"d": 0.0}}


def test_rounding_hides_the_last_bits_and_knows_no_nan() -> None:
    assert significant(0.1 + 0.2) == 0.3
    assert significant(0.426058) == significant(0.426063) == 0.4261
    assert significant(14_237.6) == 14_240
    assert significant(float("nan")) is None
    assert significant(float("inf")) is None
    assert str(significant(-0.0)) == "0.0"
