"""Who learns from whom in a variation, and what is spoiled on purpose."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from llm4waam.ablations import plans
from llm4waam.ablations.plans import some, with_noise
from llm4waam.core.errors import StudyError

FILE = ROOT / "data/raw/waam_beads.yaml"


def folds_of(beads: int = 40, folds: int = 4) -> pd.DataFrame:
    """Two beads a cell, cells dealt out to the folds, the last four beads held out."""
    names = [f"b{n:02d}" for n in range(beads)]
    cells = [f"c{n // 2:02d}" for n in range(beads)]
    table = pd.DataFrame({"bead": names, "cell": cells, "role": "train", "repeat": 0})
    table["fold"] = [n // 2 % folds for n in range(beads)]
    table.loc[table.index[-4:], ["role", "fold"]] = ["test", -1]
    return table


def test_a_pair_learns_from_neither_of_its_folds() -> None:
    folds = folds_of()
    fold, jobs = folds.set_index("bead")["fold"], plans.pair_plan(folds)
    assert [place[1] for place, _, _ in jobs] == [j * 4 + k for j, k in combinations(range(4), 2)]
    for (_, number), train, test in jobs:
        pair = {number // 4, number % 4}
        assert set(fold[train]) == set(range(4)) - pair
        assert set(fold[test]) == pair
    asked = pd.Series([bead for _, _, test in jobs for bead in test]).value_counts()
    assert (asked == 3).all()
    assert not set(asked.index) & set(folds.loc[folds["role"] == "test", "bead"])


def test_a_group_that_is_left_out_is_learned_from_nowhere() -> None:
    folds = folds_of()
    beads = folds[["bead"]].assign(material=["steel", "titanium", "nickel", "nickel"] * 10)
    material = beads.set_index("bead")["material"]
    jobs = plans.group_plan(folds, beads, "material", FILE)
    assert len(jobs) == 3
    for _, train, test in jobs:
        assert set(material[train]) == set(material) - set(material[test])
        assert material[test].nunique() == 1
    with pytest.raises(StudyError, match=r"no column to leave out"):
        plans.group_plan(folds, beads, "wire", FILE)
    with pytest.raises(StudyError, match="nothing to leave out"):
        plans.group_plan(folds, beads.assign(material="steel"), "material", FILE)


def test_the_published_rows_do_leak_as_they_are_meant_to() -> None:
    rows = [plans.row_name(f"b{n:02d}", side) for n in range(40) for side in (0, 1)]
    jobs = plans.row_plan(rows, 5, seed=7)
    assert sorted(row for _, _, test in jobs for row in test) == sorted(rows)
    twins = [
        plans.bead_of(row) in {plans.bead_of(other) for other in train}
        for _, train, test in jobs
        for row in test
    ]
    assert np.mean(twins) > 0.6  # about 80 % had their twin in training in the published study


def test_fewer_beads_are_some_of_more() -> None:
    beads = [f"b{n:02d}" for n in range(40)]
    few, more = some(beads, 10, seed=3), some(beads, 25, seed=3)
    assert len(few) == 10
    assert set(few) < set(more) < set(beads)
    assert few == sorted(few)  # the order of the beads is kept
    assert some(beads, 99, seed=3) == beads
    assert some(beads, 10, seed=4) != few


def test_noise_spoils_its_share_of_the_training_beads_and_no_other() -> None:
    targets = {f"b{n:02d}": np.array([float(n % 3 == 0)]) for n in range(40)}
    train = [f"b{n:02d}" for n in range(30)]
    wrong = {}
    for share in (0.1, 0.3):
        found = with_noise(targets, train, share, seed=1)
        wrong[share] = {bead for bead in targets if found[bead] != targets[bead]}
        assert len(wrong[share]) == round(share * 30)
        assert wrong[share] <= set(train)
    assert wrong[0.1] < wrong[0.3]
    assert with_noise(targets, train, 0.3, seed=1) == found
    same = dict.fromkeys(targets, np.array([1.0]))
    with pytest.raises(ValueError, match="the same outcome"):
        with_noise(same, train, 0.1, seed=1)
