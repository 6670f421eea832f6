"""The checks of explanations, on answers whose explanation is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from llm4waam.advice.faithfulness import agreement, curves
from llm4waam.advice.shapley import explain

FIELDS = list("abcdef")
RNG = np.random.default_rng(0)
BACKGROUND = pd.DataFrame(RNG.normal(size=(6, 6)), columns=FIELDS)
BEAD = pd.Series(5.0, index=FIELDS)
WEIGHTS = np.array([8.0, 4.0, 2.0, 1.0, 0.5, 0.25])


def weighted(beads: pd.DataFrame) -> np.ndarray:
    return beads[FIELDS].to_numpy(float) @ WEIGHTS


def test_a_true_explanation_beats_random_orders_and_a_reversed_one_loses_to_them() -> None:
    true = explain(weighted, BEAD, BACKGROUND, FIELDS, 0)
    right = curves(weighted, BEAD, BACKGROUND, true, seed=0)
    values = pd.Series([1.0, 2, 3, 4, 5, 6], index=FIELDS)
    wrong = curves(weighted, BEAD, BACKGROUND, replace(true, values=values), seed=0)
    assert right["deletion"] < right["deletion_random"] < wrong["deletion"]
    assert right["insertion"] > right["insertion_random"] > wrong["insertion"]
    assert 0 < right["deletion"] < 0.3
    assert 0.7 < right["insertion"] < 1
    # An answer below the background is taken apart from the other side.
    low = BEAD * -1
    found = curves(weighted, low, BACKGROUND, explain(weighted, low, BACKGROUND, FIELDS, 0), 0)
    assert found["deletion"] < found["deletion_random"]
    # Nothing is returned where there is nothing to take apart.
    same = BACKGROUND.mean()
    nothing = explain(weighted, same, BACKGROUND, FIELDS, 0)
    assert curves(weighted, same, BACKGROUND, nothing, 0) is None


def test_agreement_is_a_rank_correlation_over_what_both_know() -> None:
    one = pd.Series([3.0, 2.0, 1.0, 0.0], index=list("abcd"))
    assert agreement(one, one * 10) == pytest.approx(1)
    assert agreement(one, -one) == pytest.approx(-1)
    assert agreement(one, pd.Series([1.0, 2.0, 3.0], index=list("cba"))) == pytest.approx(1)
    assert agreement(one, one * 0) is None
    assert agreement(one, pd.Series([1.0, 2.0], index=["x", "y"])) is None
