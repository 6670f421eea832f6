"""The three scales of a regression's target, there and back."""

import json

import numpy as np
import pytest

from llm4waam.decisions.target_scale import SCALES, TargetScale

VALUES = np.array([120.0, 515.6, 980.25, 61808.0])


@pytest.mark.parametrize("scale", SCALES)
def test_a_scale_is_left_and_entered_without_loss(scale: str) -> None:
    scaler = TargetScale.fit(VALUES, scale)
    for values in (VALUES, VALUES.reshape(2, 2), VALUES[:1]):
        assert scaler.restore(scaler.scale(values)) == pytest.approx(values, rel=1e-12)
    assert TargetScale(**json.loads(json.dumps(scaler.to_json()))) == scaler


def test_raw_values_stay_as_they_are() -> None:
    scaler = TargetScale.fit(VALUES, "raw")
    assert scaler == TargetScale(log=False, mean=0.0, sd=1.0)
    assert np.array_equal(scaler.scale(VALUES), VALUES)
    assert np.array_equal(scaler.restore(VALUES), VALUES)


@pytest.mark.parametrize("scale", ["standardised", "log"])
def test_the_training_fold_has_mean_0_and_sd_1(scale: str) -> None:
    scaled = TargetScale.fit(VALUES, scale).scale(VALUES)
    assert scaled.mean() == pytest.approx(0, abs=1e-12)
    assert scaled.std() == pytest.approx(1)


def test_scales_by_hand() -> None:
    assert TargetScale.fit(np.array([1.0, 3.0]), "standardised") == TargetScale(False, 2.0, 1.0)
    log = TargetScale.fit(np.exp([1.0, 5.0]), "log")
    assert (log.log, log.mean, log.sd) == (True, pytest.approx(3), pytest.approx(2))
    assert log.scale(np.exp([7.0])) == pytest.approx([2.0])


def test_none_is_the_cards_word_for_standardised() -> None:
    assert TargetScale.fit(VALUES, "none") == TargetScale.fit(VALUES, "standardised")


@pytest.mark.parametrize("scale", SCALES)
def test_a_constant_target_is_not_divided_by_zero(scale: str) -> None:
    scaler = TargetScale.fit(np.full(3, 7.0), scale)
    assert scaler.sd == 1.0
    assert scaler.restore(scaler.scale(np.array([7.0]))) == pytest.approx([7.0])


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_logarithm_that_does_not_exist_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=f"the logarithm of {value:g} is not defined"):
        TargetScale.fit(np.array([value, 2.0]), "log")
    TargetScale.fit(np.array([value, 2.0]), "raw")


def test_an_unknown_scale_is_named() -> None:
    with pytest.raises(ValueError, match="'logit' is no scale; expected raw, standardised, log"):
        TargetScale.fit(VALUES, "logit")
