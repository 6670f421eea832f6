"""The checks of explanations, on answers whose explanation is known."""

import numpy as np
import pandas as pd
import pytest

from llm4waam.advice.faithfulness import agreement, curves
from llm4waam.advice.shapley import Attribution, explain

FIELDS = list("abcdef")
RNG = np.random.default_rng(0)
BACKGROUND = pd.DataFrame(RNG.normal(size=(6, 6)), columns=FIELDS)
BEAD = pd.Series(5.0, index=FIELDS)
WEIGHTS = np.array([8.0, 4.0, 2.0, 1.0, 0.5, 0.25])


def weighted(beads: pd.DataFrame) -> np.ndarray:
    return beads[FIELDS].to_numpy(float) @ WEIGHTS


def with_values(values: list[float]) -> Attribution:
    true = explain(weighted, BEAD, BACKGROUND, FIELDS, 0)
    return Attribution(pd.Series(values, index=FIELDS), true.errors, true.base, true.output)


def test_a_true_explanation_beats_random_orders_and_a_reversed_one_loses_to_them() -> None:
    true = curves(
        weighted, BEAD, BACKGROUND, explain(weighted, BEAD, BACKGROUND, FIELDS, 0), seed=0
    )
    false = curves(weighted, BEAD, BACKGROUND, with_values([1, 2, 3, 4, 5, 6]), seed=0)
    assert true["deletion"] < true["deletion_random"] < false["deletion"]
    assert true["insertion"] > true["insertion_random"] > false["insertion"]
    assert 0 < true["deletion"] < 0.3
    assert 0.7 < true["insertion"] < 1


def test_an_answer_below_the_background_is_taken_apart_from_the_other_side() -> None:
    low = BEAD * -1
    found = curves(weighted, low, BACKGROUND, explain(weighted, low, BACKGROUND, FIELDS, 0), 0)
    assert found["deletion"] < found["deletion_random"]


def test_nothing_is_said_where_there_is_nothing_to_take_apart() -> None:
    same = BACKGROUND.mean()
    told = explain(weighted, same, BACKGROUND, FIELDS, 0)
    assert curves(weighted, same, BACKGROUND, told, 0) is None


def test_agreement_is_a_rank_correlation_over_what_both_know() -> None:
    one = pd.Series([3.0, 2.0, 1.0, 0.0], index=list("abcd"))
    assert agreement(one, one * 10) == pytest.approx(1)
    assert agreement(one, -one) == pytest.approx(-1)
    assert agreement(one, pd.Series([1.0, 2.0, 3.0], index=list("cba"))) == pytest.approx(1)
    assert agreement(one, one * 0) is None
    assert agreement(one, pd.Series([1.0, 2.0], index=["x", "y"])) is None
