"""Inner folds: they cover the training beads, keep cells together and never leave them."""

import numpy as np
import pandas as pd
import pytest

from llm4waam.core.errors import StudyError
from llm4waam.decisions.predictions import fold_jobs, members
from llm4waam.splits.folds import inner_folds, inner_hold_out, inner_strata, make_folds
from llm4waam.splits.tasks import Task

MULTI = Task("d", "multi_label", ("a", "b", "c"), "c", ("no", "yes"), "none", None, "?")
BINARY = Task("q", "binary", ("Normal",), None, ("no", "yes"), "none", None, "?")
REGRESSION = Task("r", "regression", ("x",), None, ("no", "yes"), "log", "J", "?")


@pytest.fixture(scope="module")
def study() -> tuple[pd.DataFrame, dict[str, np.ndarray], dict[str, str]]:
    """Folds of 120 beads in cells of two or three, their labels, their cells."""
    rng = np.random.default_rng(1)
    cell = np.repeat(np.arange(48), rng.permutation([2, 3] * 24))
    beads = pd.DataFrame({"bead": [f"b{n:03d}" for n in range(120)], "cell": "c"})
    beads["cell"] += cell.astype(str)
    kinds = np.eye(3)[rng.choice(3, 48, p=[0.2, 0.3, 0.5])][cell]
    folds = make_folds(beads, kinds, folds=5, repeats=2, hold_out=0.2, seed=3, file="beads")
    targets = dict(zip(beads["bead"], kinds, strict=True))
    return folds, targets, dict(zip(beads["bead"], beads["cell"], strict=True))


def test_no_bead_and_no_cell_of_the_reported_fold_comes_out(study) -> None:
    folds, targets, cells = study
    for place in fold_jobs(folds):
        train, test = members(folds, *place)
        strata = inner_strata(MULTI, np.array([targets[bead] for bead in train]))
        found = inner_folds(train, cells, strata, 4, seed=place[1] + 1)
        assert sorted(bead for _, part in found for bead in part) == sorted(train)
        for inside, outside in [*found, inner_hold_out(train, cells, strata, seed=5)]:
            assert sorted(inside + outside) == sorted(train)
            seen = {cells[bead] for bead in inside + outside}
            assert not set(inside + outside) & set(test)
            assert not seen & {cells[bead] for bead in test}
            assert not {cells[bead] for bead in inside} & {cells[bead] for bead in outside}


def test_labels_are_shared_out_evenly_and_the_order_stays(study) -> None:
    folds, targets, cells = study
    train, _ = members(folds, 0, 0)
    y = np.array([targets[bead] for bead in train])
    found = inner_folds(train, cells, inner_strata(MULTI, y), 3, seed=0)
    shares = [np.mean([targets[bead] for bead in part], axis=0) for _, part in found]
    assert np.ptp(shares, axis=0).max() < 0.15
    for parts in found:
        for part in parts:
            assert part == [bead for bead in train if bead in set(part)]
    _, watching = inner_hold_out(train, cells, inner_strata(MULTI, y), seed=0)
    assert len(watching) / len(train) == pytest.approx(0.2, abs=0.05)


def test_the_seed_decides(study) -> None:
    folds, targets, cells = study
    train, _ = members(folds, 0, 0)
    strata = inner_strata(MULTI, np.array([targets[bead] for bead in train]))
    once, again, other = (inner_folds(train, cells, strata, 3, seed) for seed in (1, 1, 2))
    assert once == again
    assert once != other


def test_strata_of_every_kind_of_task() -> None:
    y = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert inner_strata(MULTI, y).tolist() == y.tolist()
    assert inner_strata(BINARY, np.array([[1.0], [0.0]])).tolist() == [[1, 0], [0, 1]]
    quarters = inner_strata(REGRESSION, np.arange(40.0)[:, None])
    assert quarters.shape == (40, 4)
    assert (quarters.sum(axis=1) == 1).all()
    assert np.ptp(quarters.sum(axis=0)) <= 2


def test_a_label_that_no_training_bead_has_and_one_that_all_have() -> None:
    beads = [f"b{n}" for n in range(12)]
    cells = {bead: bead for bead in beads}
    strata = np.column_stack([np.zeros(12, int), np.ones(12, int), np.arange(12) % 2])
    found = inner_folds(beads, cells, strata, 3, seed=0)
    assert sorted(bead for _, part in found for bead in part) == sorted(beads)


@pytest.mark.parametrize("k", [1, 4])
def test_a_number_of_folds_that_cannot_be_is_named(k: int) -> None:
    beads = [f"b{n}" for n in range(6)]
    cells = {bead: f"c{n // 2}" for n, bead in enumerate(beads)}
    with pytest.raises(StudyError, match=rf"train.inner_folds: {k}: .*expected 2 to 3"):
        inner_folds(beads, cells, np.eye(6, dtype=int), k, seed=0)


def test_few_cells_still_have_a_hold_out() -> None:
    beads = [f"b{n}" for n in range(6)]
    cells = {bead: f"c{n // 2}" for n, bead in enumerate(beads)}
    inside, outside = inner_hold_out(beads, cells, np.eye(6, dtype=int), seed=0)
    assert (len(inside), len(outside)) == (4, 2)
    with pytest.raises(StudyError, match="cells that the training beads"):
        inner_hold_out(beads, dict.fromkeys(beads, "c"), np.eye(6, dtype=int), seed=0)
