"""Paired tests against closed cases, scipy and scikit-learn's published formula."""

import math

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from scipy import stats

from llm4waam.card.card import read_card
from llm4waam.evaluation.assessment import assess_rows
from llm4waam.evaluation.reliability import wilson
from llm4waam.evaluation.significance import (
    BETTER,
    UNTOLD,
    WORSE,
    bootstrap_p,
    compare_all,
    corrected_t,
    holm,
    judge,
    mcnemar,
)
from llm4waam.splits.tasks import make_task

FILE = ROOT / "data/raw/waam_beads.yaml"
CARD = read_card(FILE)


def test_wilson_in_closed_form() -> None:
    z, hits, beads = stats.norm.ppf(0.975), 20, 28
    share = hits / beads
    middle = (share + z**2 / (2 * beads)) / (1 + z**2 / beads)
    half = z / (1 + z**2 / beads) * math.sqrt(
        share * (1 - share) / beads + z**2 / (4 * beads**2)
    )  # fmt: skip
    assert wilson(hits, beads) == pytest.approx((middle - half, middle + half))
    low, high = wilson(28, 28)
    assert low < high == pytest.approx(1)
    assert wilson(0, 0) == (None, None)


def test_mcnemar_counts_only_the_discordant() -> None:
    one = np.array([True] * 6 + [True] * 50 + [False] * 10)
    other = np.array([False] * 6 + [True] * 50 + [False] * 10)
    assert mcnemar(one, other) == pytest.approx(2 * 0.5**6)  # 6 against 0
    assert mcnemar(one[6:], other[6:]) == 1.0
    assert mcnemar(one, other) == mcnemar(other, one)
    assert mcnemar(one[:0], other[:0]) is None
    # 28 beads can show nothing under six discordant ones.
    assert mcnemar(one[:5], other[:5]) > 0.05


def test_corrected_t_is_that_of_the_scikit_learn_example() -> None:
    """Its `compute_corrected_ttest`: variance times 1 / J + n_test / n_train, df = J - 1."""
    rng = np.random.default_rng(0)
    differences, train, test = rng.normal(0.01, 0.02, 100), 90, 10
    corrected = np.var(differences, ddof=1) * (1 / 100 + test / train)
    t = differences.mean() / np.sqrt(corrected)
    two_sided = 2 * stats.t.sf(abs(t), 99)
    assert corrected_t(differences, test / train) == pytest.approx(two_sided)
    # Without the correction it would be the ordinary t of scipy, and far too sure.
    plain = stats.ttest_1samp(differences, 0).pvalue
    assert corrected_t(differences, 0) == pytest.approx(plain)
    assert two_sided > 100 * plain
    assert corrected_t(np.zeros(5), 0.25) is None
    assert corrected_t(differences[:1], 0.25) is None


def test_a_bootstrap_p_is_never_zero() -> None:
    draws = np.full(1999, 0.1)
    assert bootstrap_p(draws) == pytest.approx(2 / 2000)
    assert bootstrap_p(np.concatenate([draws, -draws])) == 1.0
    assert bootstrap_p(np.array([np.nan])) is None
    assert bootstrap_p(np.append(draws, np.nan)) == pytest.approx(2 / 2000)


def test_holm_by_hand_and_with_a_hole() -> None:
    # sorted .01 .02 .04: times 3, 2, 1, and never less than the one before
    assert holm([0.04, None, 0.01, 0.02]) == pytest.approx([0.04, None, 0.03, 0.04])
    assert holm([None]) == [None]


def test_one_verdict_for_a_difference_and_all_that_is_told_with_it() -> None:
    """An interval that leaves zero out is no verdict: ten comparisons make one of them likely."""
    alone = judge([-0.078], [0.037])
    assert alone == [(pytest.approx(0.037), WORSE)]
    [first, *_] = judge([-0.078] + [0.01] * 9, [0.037] + [0.8] * 9)
    assert first == (pytest.approx(0.37), UNTOLD)
    assert judge([0.1, None, 0.2], [0.001, 0.001, None]) == [
        (pytest.approx(0.002), BETTER),
        (pytest.approx(0.002), None),
        (None, None),
    ]


QUALITY = make_task(CARD, "quality", FILE)
BEADS = [f"b{n:03d}" for n in range(100)]
CELLS = pd.Series([f"c{n // 2}" for n in range(100)], BEADS)
FOLDS = pd.DataFrame({"bead": BEADS, "cell": CELLS.to_numpy(), "role": "train", "repeat": 0})
FOLDS["fold"] = [n // 2 % 5 for n in range(100)]


def rows_of(right: float, seed: int) -> pd.DataFrame:
    """Predictions of a model that is right about this share of the beads."""
    target = np.arange(100) % 2
    hit = np.random.default_rng(seed).random(100) < right
    columns = {"repeat": 0, "bead": BEADS, "label": "Normal", "target": target.astype(float)}
    columns |= {"score": np.where(hit, target, 1 - target) * 0.8 + 0.1}
    return pd.DataFrame(columns | {"loss": 0.1, "threshold": 0.5})


def compared(models: dict[str, pd.DataFrame]) -> dict:
    """The comparisons of models that predicted these rows."""
    assessed = [assess_rows(QUALITY, m, rows, CELLS) for m, rows in models.items()]
    return compare_all({"quality": assessed}, FOLDS)["quality"]


def test_only_a_planted_difference_is_real() -> None:
    like = rows_of(0.7, 1)
    found = compared({"bert": like, "roberta": like, "extra_trees": rows_of(0.97, 2)})
    same, worse = found["bert_vs_roberta"], found["bert_vs_baseline"]
    assert (same["difference"], same["p_mcnemar"], same["verdict"]) == (0, 1.0, UNTOLD)
    assert same["p_corrected_t"] is None  # no fold differs
    assert worse["other"] == "extra_trees"
    assert worse["difference"] < -0.1
    assert worse["verdict"] == WORSE
    assert worse["p_holm"] >= worse["p_bootstrap"]
    assert 0 < worse["p_mcnemar"] < 0.001
    assert worse["p_corrected_t"] < 0.05


def test_a_fold_s_difference_is_that_of_its_own_beads() -> None:
    """Planted: one model is wrong in one fold alone, so that four of five differences are zero."""
    good = rows_of(1.0, 0)
    wrong = (FOLDS["fold"] == 3).to_numpy()
    bad = good.assign(score=good["score"].mask(wrong, 1 - good["score"]))
    found = compared({"bert": good, "roberta": bad})["bert_vs_roberta"]
    assert found["difference"] == pytest.approx(0.2)
    expected = corrected_t(np.array([0, 0, 0, 1.0, 0]), 1 / 4)
    assert found["p_corrected_t"] == pytest.approx(expected, abs=1e-6)
