"""Calibration in closed cases, and against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from sklearn.metrics import average_precision_score, brier_score_loss
from sklearn.metrics import f1_score as sk_f1
from sklearn.metrics import log_loss as sk_log_loss

from llm4waam.card.card import read_card
from llm4waam.decisions.decisions import fit_temperature, tempered
from llm4waam.evaluation.assessment import further_metrics
from llm4waam.evaluation.reliability import (
    brier,
    came_true,
    ece,
    log_loss,
    ranked_scores,
    reliability_bins,
)
from llm4waam.splits.tasks import make_task

FILE = ROOT / "data/raw/waam_beads.yaml"
CARD = read_card(FILE)


def test_certain_scores_are_ranked_outside_all_others_and_their_differences_are_finite() -> None:
    score = np.array([0.0, 5e-324, 1e-9, 0.5, 1 - 1e-16, 1.0])
    with np.errstate(all="raise"):
        steps = np.diff(ranked_scores(score))
    assert (steps > 0).all()
    assert np.isfinite(steps).all()


def test_bins_have_equal_mass_and_hold_what_is_in_them() -> None:
    score = np.array([[0.9], [0.1], [0.2], [0.8], [0.3], [0.7], [0.4], [0.6], [0.5], [0.55]])
    target = (score > 0.45).astype(float)
    table = reliability_bins(score, target)
    assert table["beads"].tolist() == [2] * 5
    assert table["mean_score"].tolist() == pytest.approx([0.15, 0.35, 0.525, 0.65, 0.85])
    assert table["share"].tolist() == [0, 0, 1, 1, 1]
    assert (table["low"] <= table["share"]).all()
    gaps = [0.15, 0.35, 0.475, 0.35, 0.15]
    assert ece(score, target) == pytest.approx(np.mean(gaps))


def test_equal_scores_stay_together() -> None:
    table = reliability_bins(np.full((10, 1), 0.3), np.eye(10)[:, :1])
    assert table[["beads", "share"]].to_numpy().tolist() == [[10, 0.1]]
    # However the beads are ordered.
    rng = np.random.default_rng(0)
    score, target = rng.integers(0, 4, (50, 1)) / 4, rng.integers(0, 2, (50, 1)).astype(float)
    order = rng.permutation(50)
    assert ece(score, target) == pytest.approx(ece(score[order], target[order]))


def test_a_calibrated_score_has_no_error_and_an_overconfident_one_is_cooled() -> None:
    score = np.repeat([0.2, 0.5, 0.8], 100)[:, None]
    target = np.concatenate([np.arange(100) < share for share in (20, 50, 80)])[:, None] * 1.0
    assert ece(score, target) == pytest.approx(0, abs=1e-12)
    hot = tempered(score, 1 / 3)  # three times too sure
    assert ece(hot, target) > 0.1
    temperature = fit_temperature(hot, target)
    assert temperature == pytest.approx(3, abs=0.01)
    assert log_loss(tempered(hot, temperature), target) < log_loss(hot, target)


def test_brier_and_log_loss_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    score, target = rng.random((60, 3)), rng.integers(0, 2, (60, 3)).astype(float)
    assert brier(score, target) == pytest.approx(brier_score_loss(target.ravel(), score.ravel()))
    assert log_loss(score, target) == pytest.approx(sk_log_loss(target.ravel(), score.ravel()))
    certain = np.array([[1.0], [0.0]])
    assert np.isfinite(log_loss(certain, 1 - certain))
    nobody = np.empty((0, 1))
    assert ece(nobody, nobody) is brier(nobody, nobody) is log_loss(nobody, nobody) is None


def test_further_metrics_by_hand_and_by_scikit_learn() -> None:
    task = make_task(CARD, "defects", FILE)
    rng = np.random.default_rng(2)
    target = np.eye(6)[rng.integers(0, 4, 40)]  # two labels are never there
    score = np.clip(target * 0.5 + rng.random((40, 6)) * 0.5, 0, 1)
    found = further_metrics(task, target, score, np.full(6, 0.5))
    expected = [average_precision_score(target[:, n], score[:, n]) for n in range(4)]
    assert found["average_precision"] == pytest.approx(np.mean(expected))
    alone = np.eye(6)[[0, 5]]
    perfect = further_metrics(task, alone, alone * 0.9, np.full(6, 0.5))
    assert perfect["samples_f1"] == sk_f1(alone, alone, average="samples") == 1
    heat = make_task(CARD, "heat_input", FILE)
    values = np.array([[100.0], [200.0]])
    found = further_metrics(heat, values, values * [[1.1], [0.9]], np.full((2, 1), np.nan))
    assert found["mape"] == pytest.approx(0.1)
    assert found["log_rmse"] == pytest.approx(np.sqrt((np.log(1.1) ** 2 + np.log(0.9) ** 2) / 2))
    below = further_metrics(heat, values, -values, np.full((2, 1), np.nan))
    assert below["log_rmse"] is None


def test_how_often_a_stated_chance_came_true() -> None:
    """Each band holds its upper end; the first one 0 as well."""
    score = np.array([0.0, 0.1, 0.11, 0.7, 0.71, 0.9, 0.9, 1.0])
    table = came_true(score, np.array([0.0, 1, 0, 0, 1, 1, 0, 1]))
    assert table["statements"].tolist() == [2, 1, 0, 1, 3, 1]
    assert table["came_true"].tolist() == [1, 0, 0, 0, 2, 1]
    assert table["least"].tolist() == [0, 0.1, 0.3, 0.5, 0.7, 0.9]
    low, high = table.loc[4, ["low", "high"]]
    assert 0.20 < low < 0.21  # Wilson's, 2 of 3
    assert 0.93 < high < 0.94
    assert pd.isna(table.loc[2, "low"])
