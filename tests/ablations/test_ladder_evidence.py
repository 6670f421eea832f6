"""The ladder's tables, page and figure on made-up predictions whose scores are known by hand."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from llm4waam.ablations.ladder_figure import FLOOR, ladder_figure
from llm4waam.ablations.ladder_page import ladder_page
from llm4waam.ablations.ladder_scores import (
    COLUMNS,
    DIFFERENCES,
    against_trees,
    best_baseline,
    score_rungs,
    summarise_ladder,
)
from llm4waam.decisions.predictions import prediction_rows
from llm4waam.plotting.style import save
from llm4waam.splits.tasks import Task

TASKS = {
    "defects": Task(
        "defects", "multi_label", ("Humping", "Normal"), "Normal", ("", ""), "", None, ""
    ),
    "quality": Task("quality", "binary", ("Normal",), None, ("Defect", "Normal"), "", None, ""),
    "heat_input": Task("heat_input", "regression", ("heat",), None, ("", ""), "log", "J/mm", ""),
}
BEADS = [f"b{number:02d}" for number in range(40)]
CELLS = pd.Series([f"c{number // 2:02d}" for number in range(40)], index=BEADS)
NORMAL = np.arange(40) % 4 < 2  # every other cell
TRUTH = {
    "defects": np.stack([~NORMAL, NORMAL], axis=1).astype(float),
    "quality": NORMAL[:, None].astype(float),
    "heat_input": 100.0 + 10 * np.arange(40)[:, None],
}
RUNGS = [
    SimpleNamespace(key="plain", title="plain words", tier=0, group="ladder", train={}),
    SimpleNamespace(key="fields", title="+ physics fields", tier=1, group="ladder", train={}),
    SimpleNamespace(key="mixed", title="mixed", tier=1, group="other", train={}),
    SimpleNamespace(key="low_rank", title="low rank", tier=1, group="craft", train={}),
    SimpleNamespace(key="spoilt", title="names shuffled", tier=1, group="control", train={}),
    SimpleNamespace(key="never_run", title="never run", tier=2, group="other", train={}),
]
CHOSEN = {
    "by": "inner hold-outs",
    "scores": {"plain": {"bert": 0.5, "roberta": 0.625}, "fields": {"bert": 0.75}},
    "default": "fields",
}


def classified(rung: str, task: str, model: str, wrong: int, repeats: int = 1) -> pd.DataFrame:
    """Rows with the first `wrong` beads decided wrongly, in each repeat."""
    target = TRUTH[task]
    score = np.where(np.arange(40)[:, None] < wrong, 1 - target, target) * 0.8 + 0.1
    return made(rung, task, model, score, repeats)


def measured(rung: str, model: str, error: float) -> pd.DataFrame:
    """Rows of heat input, off by `error` up and down in turn."""
    signs = np.where(np.arange(40) % 2, 1, -1)[:, None]
    return made(rung, "heat_input", model, TRUTH["heat_input"] + error * signs)


def made(rung: str, task: str, model: str, score: np.ndarray, repeats: int = 1) -> pd.DataFrame:
    """Rows in the order of training: fold by fold."""
    outputs, parts = TASKS[task].outputs, []
    thresholds = None if task == "heat_input" else np.full(len(outputs), 0.5)
    for repeat in range(repeats):
        for fold in range(4):
            inside = np.arange(40) // 2 % 4 == fold
            names = [bead for bead, here in zip(BEADS, inside, strict=True) if here]
            arrays = TRUTH[task][inside], score[inside], np.zeros_like(score[inside])
            rows = prediction_rows(model, (repeat, fold), names, outputs, *arrays, thresholds)
            parts.append(rows.assign(rung=rung, task=task))
    return pd.concat(parts)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    coin = np.tile([0.9, 0.1, 0.1, 0.9], 10)[:, None]  # right for every other bead
    return pd.concat(
        [
            # The tree of tier 1 is perfect: no rung of tier 0 or 2 may meet it.
            classified("baseline_tier0", "quality", "majority", 20),
            classified("baseline_tier0", "quality", "logistic_regression", 0),  # no tree
            made("baseline_tier0", "quality", "extra_trees", coin),
            classified("baseline_tier0", "quality", "gradient_boosting", 24),
            classified("baseline_tier1", "quality", "extra_trees", 4),
            classified("baseline_tier1", "quality", "gradient_boosting", 0),
            classified("baseline_tier0", "defects", "extra_trees", 10),
            measured("baseline_tier0", "mean", 100),
            measured("baseline_tier0", "extra_trees", 30),
            measured("baseline_tier0", "formula_pre_weld", 10),
            measured("baseline_tier0", "formula_post_weld", 0),  # sees what encoders do not
            classified("plain", "quality", "bert", 0),
            made("plain", "quality", "roberta", coin),
            classified("plain", "defects", "bert", 10),
            measured("plain", "bert", 30),
            measured("plain", "roberta", 500),
            classified("fields", "quality", "bert", 8, repeats=2),
            classified("mixed", "quality", "roberta", 0),
            classified("low_rank", "quality", "bert", 0),
            classified("spoilt", "quality", "bert", 20),
            classified("spoilt", "quality", "roberta", 20),
        ],
        ignore_index=True,
    ).sample(frac=1, random_state=0)  # the order of rows says nothing


@pytest.fixture(scope="module")
def scores(rows: pd.DataFrame) -> pd.DataFrame:
    return score_rungs(rows, RUNGS, TASKS, CELLS)


@pytest.fixture(scope="module")
def differences(rows: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    return against_trees(rows, scores, RUNGS, TASKS, CELLS)


@pytest.fixture(scope="module")
def page(scores: pd.DataFrame, differences: pd.DataFrame) -> str:
    settings = SimpleNamespace(epochs=12)
    return ladder_page(scores, differences, RUNGS, CHOSEN, settings, simulated=True)


def one(table: pd.DataFrame, **wanted: str) -> pd.Series:
    """The only row with these values."""
    for column, value in wanted.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_scores_are_those_counted_by_hand(scores: pd.DataFrame) -> None:
    assert list(scores.columns) == COLUMNS
    fields = one(scores, rung="fields", task="quality")
    assert fields[["metric", "value", "beads"]].tolist() == ["accuracy", 0.8, 40]  # 32 of 40
    assert fields["low"] < 0.8 < fields["high"]
    # Each of the 10 beads has one label too many and one too few: 30 / (30 + (10 + 10) / 2).
    assert one(scores, rung="plain", task="defects", metric="micro_f1")["value"] == 0.75
    exact = one(scores, rung="plain", task="defects", metric="exact_match")
    assert exact["value"] == 0.75
    assert np.isnan(exact["low"])
    # Heat inputs 100, 110 ... 490 have the variance 10^2 (40^2 - 1) / 12 = 13325.
    heat = one(scores, rung="plain", task="heat_input", model="bert")
    assert heat["value"] == pytest.approx(1 - 30**2 / 13325, abs=1e-6)


def test_the_order_is_that_of_the_rungs_and_the_encoders_come_first(scores: pd.DataFrame) -> None:
    order = [*(rung.key for rung in RUNGS[:-1]), "baseline_tier0", "baseline_tier1"]
    assert list(scores["rung"].unique()) == order
    plain = scores[(scores["rung"] == "plain") & (scores["task"] == "quality")]
    assert plain["model"].tolist() == ["bert", "roberta"]
    assert set(scores.loc[scores["rung"] == "baseline_tier1", "tier"]) == {1}


def test_a_rung_that_equals_its_tree_differs_by_nothing(differences: pd.DataFrame) -> None:
    assert list(differences.columns) == DIFFERENCES
    for wanted in ({"task": "quality", "model": "roberta"}, {"task": "defects", "model": "bert"}):
        same = one(differences, rung="plain", **wanted)
        assert same["tree"] == "extra_trees"
        assert same["difference"] == 0
        assert same["low"] <= 0 <= same["high"]


def test_a_perfect_rung_beats_a_coin(differences: pd.DataFrame) -> None:
    perfect = one(differences, rung="plain", task="quality", model="bert")
    # Better than both trees of tier 0; its linear model is as perfect and no tree.
    assert perfect[["tree", "tree_value", "value"]].tolist() == ["extra_trees", 0.5, 1.0]
    assert perfect["difference"] == 0.5
    assert perfect["low"] > 0


def test_no_rung_meets_the_tree_of_another_tier(
    rows: pd.DataFrame, scores: pd.DataFrame, differences: pd.DataFrame
) -> None:
    quality = differences[differences["task"] == "quality"]
    found = dict(zip(quality["tier"], quality["tree_value"], strict=True))
    assert found == {0: 0.5, 1: 1.0}
    assert best_baseline(scores, "quality", 2, trees=True) is None
    assert best_baseline(scores, "heat_input", 1, trees=False) is None
    moved = rows.replace({"rung": {"fields": "never_run"}})  # tier 2, which has no tree here
    table = score_rungs(moved, RUNGS, TASKS, CELLS)
    assert "never_run" in set(table["rung"])
    assert "never_run" not in set(against_trees(moved, table, RUNGS, TASKS, CELLS)["rung"])


def test_a_regression_meets_the_closed_formula_and_not_measured_values(
    differences: pd.DataFrame,
) -> None:
    heat = one(differences, rung="plain", task="heat_input", model="bert")
    assert heat["tree"] == "formula_pre_weld"
    assert heat["difference"] == pytest.approx((10**2 - 30**2) / 13325, abs=2e-6)
    assert heat["high"] < 0


def test_crafts_and_controls_are_not_compared_with_trees(differences: pd.DataFrame) -> None:
    assert set(differences["rung"]) == {"plain", "fields", "mixed"}


def test_unknown_rungs_and_missing_beads_are_refused(
    rows: pd.DataFrame, scores: pd.DataFrame
) -> None:
    with pytest.raises(KeyError, match="unheard"):
        score_rungs(rows.replace({"rung": {"mixed": "unheard"}}), RUNGS, TASKS, CELLS)
    gap = (rows["rung"] == "fields") & (rows["bead"] == "b03") & (rows["repeat"] == 1)
    with pytest.raises(ValueError, match="task quality: not every bead"):
        score_rungs(rows[~gap], RUNGS, TASKS, CELLS)
    with pytest.raises(ValueError, match="not every bead"):
        score_rungs(pd.concat([rows, rows[gap]]), RUNGS, TASKS, CELLS)
    fewer = rows[(rows["rung"] != "fields") | (rows["bead"] != "b03")]
    with pytest.raises(ValueError, match="other beads"):
        against_trees(fewer, scores, RUNGS, TASKS, CELLS)


def test_the_page_says_what_was_found(page: str) -> None:
    assert page.startswith("# The ladder, on simulated data\n")
    assert "circular" in page
    assert "12 epochs" in page
    assert "| + physics fields | 1 | 0.800 (" in page
    assert "| majority | any |  |  | 0.500 (" in page
    assert "| best tree: gradient boosting | 1 |  |  | 1.000 (1.000 to 1.000) |" in page
    assert "| closed formula, pre-weld | any |" in page
    assert "post-weld" not in page
    assert "| quality | plain words | 0 | extra trees, 0.500 | +0.500 (" in page
    assert "), wins | 0.000 (" in page
    assert "), loses |" in page
    assert "The default is *+ physics fields*, chosen by inner hold-outs" in page
    assert "| plain words | 0.500 | 0.625 |\n| + physics fields | 0.750 | – |\n" in page


def test_an_encoder_that_was_not_run_is_a_dash(page: str) -> None:
    assert "| mixed | 1 | – | 1.000 (" in page
    assert "| low rank | 1 | 1.000 (1.000 to 1.000) | – |" in page
    assert "never run" not in page


def test_measured_data_are_not_called_simulated(
    scores: pd.DataFrame, differences: pd.DataFrame
) -> None:
    settings = SimpleNamespace(epochs=12)
    page = ladder_page(scores, differences, RUNGS, CHOSEN, settings, simulated=False)
    assert page.startswith("# The ladder, on measured data\n")
    assert "simulated" not in page


def test_the_summary_has_null_for_what_is_undefined(scores: pd.DataFrame) -> None:
    undefined = (scores["rung"] == "spoilt") & (scores["model"] == "roberta")
    scores = scores.assign(value=scores["value"].mask(undefined))
    found = summarise_ladder(scores, CHOSEN)
    assert set(found) == {"default", "defects", "quality", "heat_input"}
    assert found["default"] == "fields"
    assert found["defects"] == {"bert": {"plain": 0.75}}
    assert found["quality"]["bert"] == {"plain": 1, "fields": 0.8, "low_rank": 1, "spoilt": 0.5}
    assert found["quality"]["roberta"] == {"plain": 0.5, "mixed": 1, "spoilt": None}


def test_the_figure_is_the_same_twice_and_marks_what_is_worse(
    scores: pd.DataFrame, tmp_path: Path
) -> None:
    assert one(scores, rung="plain", task="heat_input", model="roberta")["value"] < FLOOR
    files = [tmp_path / "first.svg", tmp_path / "second.svg"]
    for file in files:
        figure = ladder_figure(scores, RUNGS)
        save(file, figure, simulated=True)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert [axis.get_title() for axis in figure.axes] == ["defects", "quality", "heat input"]
    heat = figure.axes[2]
    arrows = [line for line in heat.lines if line.get_marker() == "<"]
    assert [line.get_xdata()[0] for line in arrows] == [FLOOR]
    assert {text.get_text() for text in heat.texts} - {""} == {"mean", "tree 0", "formula"}
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert names[:3] == ["ladder", "plain words", "+ physics fields"]
    assert "never run" not in names
