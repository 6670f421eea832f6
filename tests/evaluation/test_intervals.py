"""CV+ against its definition, and what the nested sweep may and may not know."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from llm4waam.ablations.nested import CALIBRATION, calibration_table, interval_table
from llm4waam.ablations.plans import pair_plan
from llm4waam.card.card import read_card
from llm4waam.core.errors import StudyError
from llm4waam.evaluation.intervals import (
    coverage_of,
    cv_plus,
    nested_intervals,
    nested_temperatures,
    outer_folds,
)
from llm4waam.splits.tasks import make_task

FILE = ROOT / "data/raw/waam_beads.yaml"
CARD = read_card(FILE)
K = 4


def test_cv_plus_by_its_definition() -> None:
    rng = np.random.default_rng(0)
    residuals, predictions = rng.random(19), rng.normal(size=(19, 3))
    low, high = cv_plus(residuals, predictions, coverage=0.9)
    for bead in range(3):  # a(n + 1) = 2 and (1 - a)(n + 1) = 18
        assert low[bead] == sorted(predictions[:, bead] - residuals)[1]
        assert high[bead] == sorted(predictions[:, bead] + residuals)[17]
    assert np.isnan(cv_plus(residuals[:8], predictions[:8])).all()  # too few for 90 %


def folds_of(beads: int) -> pd.DataFrame:
    names = [f"b{n:03d}" for n in range(beads)]
    table = pd.DataFrame({"bead": names, "cell": names, "role": "train", "repeat": 0})
    return table.assign(fold=np.arange(beads) % K)


def nested_rows(folds: pd.DataFrame, noise: float = 0.2, seed: int = 0) -> pd.DataFrame:
    """A mean of the training beads' logarithms, by every pair of folds, as the sweep makes them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=len(folds))
    target = pd.Series(np.exp(5 + x + noise * rng.normal(size=len(folds))), folds["bead"])
    input_ = pd.Series(x, folds["bead"])
    parts = []
    for (repeat, fold), train, test in pair_plan(folds):
        off = (np.log(target[train]) - input_[train]).mean()
        rows = pd.DataFrame({"bead": test, "target": target[test].to_numpy()})
        rows["score"] = np.exp(input_[test].to_numpy() + off)
        parts.append(rows.assign(model="m", repeat=repeat, fold=fold, label="heat_input_j_mm"))
    return pd.concat(parts, ignore_index=True)


def test_intervals_cover_what_they_promise() -> None:
    folds, task = folds_of(400), make_task(CARD, "heat_input", FILE)
    found = nested_intervals(nested_rows(folds), task, folds)
    assert sorted(found["bead"]) == sorted(folds["bead"])
    measured = coverage_of(found)
    assert measured["coverage"] == pytest.approx(0.9, abs=0.03)
    assert measured["coverage_low"] < measured["coverage"] < measured["coverage_high"]
    assert (found["low"] > 0).all()  # made on the logarithm
    widest = coverage_of(nested_intervals(nested_rows(folds, noise=0.4), task, folds))
    assert widest["median_relative_width"] > 1.5 * measured["median_relative_width"]


def test_the_outcomes_of_a_fold_do_not_enter_its_intervals() -> None:
    """Planted: other outcomes in fold 2, which a residual of its own would see."""
    folds, task = folds_of(80), make_task(CARD, "heat_input", FILE)
    rows = nested_rows(folds)
    before = nested_intervals(rows, task, folds).set_index("bead")
    inside = folds.loc[folds["fold"] == 2, "bead"]
    spoiled = rows.assign(
        target=rows["target"].where(~rows["bead"].isin(inside), rows["target"] * 50)
    )
    after = nested_intervals(spoiled, task, folds).set_index("bead")
    own, ends = list(inside), ["low", "high"]
    assert after.loc[own, ends].equals(before.loc[own, ends])
    others = before.index.difference(own)
    assert (after.loc[others, "high"] > before.loc[others, "high"]).all()


def test_an_outer_fold_is_predicted_by_models_that_left_it_out() -> None:
    folds = folds_of(12)
    rows = nested_rows(folds).assign(score=lambda t: t["fold"].astype(float))  # score = pair
    fold = folds.set_index("bead")["fold"]
    for outer in outer_folds(rows, folds):
        pairs = [min(outer.fold, fold[b]) * K + max(outer.fold, fold[b]) for b in outer.train]
        assert outer.own.tolist() == pairs
        assert (outer.others == np.array(pairs)[:, None]).all()
        assert not set(outer.train) & set(outer.test)


def test_a_pair_that_is_missing_is_named() -> None:
    folds, task = folds_of(80), make_task(CARD, "heat_input", FILE)
    rows = nested_rows(folds)
    with pytest.raises(StudyError, match=r"folds 3 and 1: no row"):
        nested_intervals(rows[rows["fold"] != 1 * K + 3], task, folds)


def test_a_temperature_comes_from_the_other_folds() -> None:
    """Fold 0's own beads are absurdly wrong: its temperature does not know, the others' do."""
    folds, task = folds_of(200), make_task(CARD, "quality", FILE)
    rng = np.random.default_rng(3)
    truth = pd.Series(rng.integers(0, 2, 200).astype(float), folds["bead"])
    given = pd.Series(np.where(rng.random(200) < 0.8, truth, 1 - truth), folds["bead"])
    given = given * 0.9 + 0.05
    inside = folds.loc[folds["fold"] == 0, "bead"]
    given[inside] = 1 - (truth[inside] * 0.9 + 0.05)
    parts = [
        pd.DataFrame({"bead": test, "target": truth[test].to_numpy(), "score": given[test]})
        .assign(fold=fold, repeat=0, model="bert", label="Normal", task="quality")
        for (_, fold), _, test in pair_plan(folds)
    ]  # fmt: skip
    rows = pd.concat(parts, ignore_index=True)
    temperatures = nested_temperatures(rows, task, folds)
    assert temperatures[0] < 3
    assert (temperatures[[1, 2, 3]] > 1.5 * temperatures[0]).all()
    own = folds.assign(model="bert", task="quality", label="Normal", role="oof")
    own["target"], own["score"] = truth.to_numpy(), given.to_numpy()
    table = calibration_table(rows, own, {"quality": task}, folds)
    assert list(table.columns) == CALIBRATION
    loss = table.set_index("variant")["log_loss"]
    assert loss["after"] < loss["before"]


def test_tables_of_a_card_without_the_kind_are_empty_and_not_absent() -> None:
    folds, task = folds_of(80), make_task(CARD, "heat_input", FILE)
    rows = nested_rows(folds).assign(task="heat_input")
    assert calibration_table(rows, rows, {"heat_input": task}, folds).empty
    widths, beads = interval_table(rows, {"heat_input": task}, folds)
    assert (len(widths), len(beads)) == (1, 80)
    assert interval_table(rows, {}, folds)[1].empty
