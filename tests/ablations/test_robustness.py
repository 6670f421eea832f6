"""Where a language model earns its keep: planted conditions, and what is said of them."""

import pandas as pd
import pytest

from llm4waam.ablations.robustness import (
    robustness_figure,
    robustness_page,
    robustness_table,
)
from llm4waam.evaluation.significance import BETTER, UNTOLD, WORSE
from llm4waam.reporting.report_findings import earned
from llm4waam.reporting.report_words import Words

SCORES = {
    "bert": 0.9,
    "roberta": 0.7,
    "extra_trees": 0.8,
    "svm_rbf": 0.85,
    "formula_post_weld": 1.0,
}
KEYS = {
    "noise": ["noise_0", "noise_0.1"],
    "groups": ["grouped", "left_out"],
    "samples": ["beads_20"],
}


def table_of(kind: str) -> pd.DataFrame:
    rows = [
        ("quality", model, key, "accuracy", score, score - 0.1, score + 0.1, 112)
        for key in KEYS[kind]
        for model, score in SCORES.items()
    ]
    columns = ["task", "model", "variation", "metric", "score", "low", "high", "beads"]
    table = pd.DataFrame(rows, columns=columns)
    other = table.assign(metric="macro_f1", score=0.99)  # no headline: it chooses nothing
    return pd.concat([table, other, table.assign(task="energy", metric="r2")])


def gaps_of(kind: str) -> pd.DataFrame:
    rows = []
    for key in KEYS[kind]:
        for model, told in (("bert", BETTER), ("roberta", WORSE if kind == "noise" else UNTOLD)):
            gap = SCORES[model] - SCORES["svm_rbf"]
            rows.append(("quality", key, model, "svm_rbf", gap, told))
            rows.append(("quality", key, model, model, 0.0, WORSE))  # against itself: no baseline
    columns = ["task", "variation", "model", "against", "difference", "verdict"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return robustness_table(
        {kind: table_of(kind) for kind in KEYS}, {kind: gaps_of(kind) for kind in KEYS}
    )


def test_only_harder_conditions_and_the_best_baseline_of_each(table: pd.DataFrame) -> None:
    assert table["condition"].tolist() == ["10%"] * 2 + ["never seen"] * 2 + ["20"] * 2
    assert set(table["baseline"]) == {"svm_rbf"}
    assert set(table["task"]) == {"quality"}
    assert table["difference"].round(2).tolist() == [0.05, -0.15] * 3


def test_the_finding_counts_verdicts_and_nothing_else(table: pd.DataFrame) -> None:
    said = earned(Words.read("en"), table)
    assert "In 6 comparisons" in said
    assert "scores higher 3 times" in said
    assert "better in 3 and worse in 1; in 2 it cannot be told" in said
    page = robustness_page(table, simulated=True)
    assert said in page
    assert page.count("| SVM with RBF kernel 0.850 (0.750 to 0.950)") == 6


def test_the_figure_has_a_panel_a_kind(table: pd.DataFrame) -> None:
    figure = robustness_figure(table)
    names = [axis.get_title() for axis in figure.axes]
    assert names == ["Wrong outcomes in training", "A group never seen", "Few beads"]
    [legend] = figure.above[0].legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["BERT", "RoBERTa", "best baseline"]
