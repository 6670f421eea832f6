"""Which epoch is kept: the direction of every metric, and what predicting everything earns."""

import itertools

import numpy as np
import pytest

from llm4waam.core.errors import StudyError
from llm4waam.evaluation.metrics import task_metrics
from llm4waam.splits.tasks import Task
from llm4waam.training.early_stopping import (
    METRICS,
    OF_KIND,
    EarlyStopping,
    check_selection,
    guarded_partial_score,
    selection_value,
)

BINARY = Task("q", "binary", ("Normal",), None, ("defect", "normal"), "none", None, "?")
MULTI = Task("d", "multi_label", ("a", "b", "c"), "c", ("no", "yes"), "none", None, "?")
FREE = Task("d", "multi_label", ("a", "b", "c"), None, ("no", "yes"), "none", None, "?")
REGRESSION = Task("r", "regression", ("x",), None, ("no", "yes"), "none", "J", "?")
HALF = np.full(3, 0.5)


def stops(metric: str, values: list, patience: int = 3) -> tuple[int | None, int | None]:
    """(the epoch after which training stops, the best epoch)."""
    stopper = EarlyStopping(metric, patience)
    for epoch, value in enumerate(values, start=1):
        if stopper.observe(epoch, value):
            return epoch, stopper.best_epoch
    return None, stopper.best_epoch


@pytest.mark.parametrize("metric", METRICS)
def test_what_gets_better_never_stops_and_what_gets_worse_stops_at_patience(metric: str) -> None:
    down, up = np.linspace(1, 0, 30).tolist(), np.linspace(0, 1, 30).tolist()
    better, worse = (up, down) if METRICS[metric] == "up" else (down, up)
    assert stops(metric, better) == (None, 30)
    assert stops(metric, worse) == (4, 1)
    assert stops(metric, worse, patience=7) == (8, 1)


def test_only_losses_and_errors_get_better_downwards() -> None:
    down = {name for name, way in METRICS.items() if way == "down"}
    assert down == {"val_loss", "val_mse", "rmse", "mae"}
    assert set(METRICS) == set(itertools.chain(*OF_KIND.values()))


def test_patience_starts_anew_with_every_better_epoch_and_ties_keep_the_earlier() -> None:
    assert stops("val_loss", [5, 6, 6, 4, 6, 6, 6, 1]) == (7, 4)
    assert stops("micro_f1", [0.1, 0.5, 0.5, 0.5]) == (None, 2)
    assert stops("micro_f1", [0.1, 0.5, 0.5, 0.5, 0.5]) == (5, 2)
    stopper = EarlyStopping("r2", 2)
    for epoch, value in enumerate([-0.5, 0.25, 0.125], start=1):
        assert not stopper.observe(epoch, value)
    assert (stopper.best_epoch, stopper.best_value) == (2, 0.25)


@pytest.mark.parametrize("nothing", [None, float("nan"), float("inf")])
def test_what_is_no_number_is_never_better(nothing: float | None) -> None:
    assert stops("val_loss", [nothing, 3.0, nothing, 2.0]) == (None, 4)
    assert stops("r2", [nothing, 0.1, nothing, nothing, nothing]) == (5, 2)
    assert stops("r2", [nothing] * 3) == (3, None)


def test_an_unknown_metric_is_named() -> None:
    with pytest.raises(StudyError, match=r"params.yaml, column train.select_by: 'f1': .*val_loss"):
        EarlyStopping("f1", 3)
    with pytest.raises(StudyError, match=r"'r2': no metric of the binary task q; expected .*accu"):
        check_selection(BINARY, "r2")
    with pytest.raises(StudyError, match=r"'accuracy': .*regression task r; expected .*val_mse"):
        selection_value(REGRESSION, "accuracy", *np.zeros((3, 2, 1)), None)


def test_values_by_hand() -> None:
    targets, scores = np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [2.0], [5.0]])
    losses = np.array([[0.0], [0.0], [6.0]])
    found = {
        name: selection_value(REGRESSION, name, targets, scores, losses, None)
        for name in OF_KIND["regression"]
    }
    assert found == pytest.approx(
        {"val_loss": 2, "val_mse": 4 / 3, "rmse": (4 / 3) ** 0.5, "mae": 2 / 3, "r2": -1}
    )


@pytest.mark.parametrize("name", ["scores", "losses"])
def test_every_metric_of_sets_has_a_value_and_none_where_a_model_diverged(name: str) -> None:
    arrays = {"targets": np.eye(3), "scores": np.eye(3), "losses": np.eye(3)}
    for metric in OF_KIND["multi_label"]:
        assert isinstance(selection_value(MULTI, metric, **arrays, thresholds=HALF), float)
        spoiled = arrays | {name: np.full((3, 3), np.nan)}
        assert selection_value(MULTI, metric, **spoiled, thresholds=HALF) is None


def test_guarded_partial_score_by_hand() -> None:
    actual = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]], bool)
    predicted = np.array([[1, 0, 0, 0], [1, 0, 0, 1], [0, 1, 0, 0], [1, 1, 1, 1]], bool)
    expected = (1 / 2 + (1 - 1 / 3) + 0 + 0) / 4
    assert guarded_partial_score(actual, predicted) == pytest.approx(expected)
    assert guarded_partial_score(actual[:1], predicted[:1]) == 0.5  # as without a false label
    # Beads of which all labels or none are true take no part.
    full, empty, some = (np.array([row], bool) for row in ([1, 1], [0, 0], [1, 0]))
    assert guarded_partial_score(full, full) is None
    assert guarded_partial_score(empty, empty) is None
    assert guarded_partial_score(np.vstack([full, some]), np.vstack([full, full])) == 0.0


def test_predicting_everything_loses_to_any_epoch_with_one_right_set() -> None:
    """All targets of two beads and three labels, and all predictions of them."""
    cells = np.array(list(itertools.product([False, True], repeat=6))).reshape(-1, 2, 3)
    everything = np.ones((2, 3), bool)
    for actual in cells:
        if actual.all(axis=1).any() or not actual.any(axis=1).all():
            continue
        nothing_earned = guarded_partial_score(actual, everything)
        assert nothing_earned == 0.0
        for predicted in cells:
            if (predicted == actual).all(axis=1).any():
                assert guarded_partial_score(actual, predicted) > nothing_earned


def test_one_right_set_among_many_wrong_ones_still_beats_everything() -> None:
    targets = np.tile([1.0, 0.0, 0.0], (100, 1))
    wrong = np.tile([0.0, 1.0, 1.0], (100, 1))
    wrong[0] = [1.0, 0.0, 0.0]
    everything = np.ones((100, 3))
    stopper = EarlyStopping("partial_score", 5)
    for epoch, scores in enumerate([everything, wrong, everything], start=1):
        stopper.observe(
            epoch, selection_value(FREE, "partial_score", targets, scores, scores, HALF)
        )
    assert stopper.best_epoch == 2


def test_of_a_binary_task_it_is_the_accuracy() -> None:
    targets, scores = np.array([[1.0], [0.0], [1.0]]), np.array([[0.9], [0.8], [0.7]])
    arrays = (targets, scores, scores, np.array([0.5]))
    assert selection_value(BINARY, "partial_score", *arrays) == pytest.approx(2 / 3)
    assert selection_value(BINARY, "accuracy", *arrays) == pytest.approx(2 / 3)


@pytest.mark.parametrize("task", [MULTI, BINARY])
@pytest.mark.parametrize("metric", ["macro_f1", "micro_f1", "exact_match"])
def test_what_chooses_an_epoch_is_what_is_reported(task: Task, metric: str) -> None:
    rng = np.random.default_rng(3)
    scores = rng.random((20, len(task.outputs)))
    truth = (rng.random(scores.shape) > 0.6).astype(float)
    thresholds = np.full(len(task.outputs), 0.5)
    found = selection_value(task, metric, truth, scores, scores, thresholds)
    assert found == task_metrics(task, truth, scores, scores, thresholds)[0][metric]
