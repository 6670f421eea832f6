"""Sweeps: who learns from whom, what is spoiled, and what the trials are worth."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from llm4waam.ablations import plans, trial_scores
from llm4waam.ablations.plans import some, with_noise
from llm4waam.ablations.trials import tasks_of, trials_of
from llm4waam.card.card import read_card
from llm4waam.core.errors import StudyError
from llm4waam.core.files import read_table
from llm4waam.core.settings import read_params
from llm4waam.splits.tasks import make_task
from stages.check_params import AllParams

FILE = ROOT / "data/raw/waam_beads.yaml"
CARD = read_card(FILE)
SETTINGS = read_params(AllParams, ROOT / "params.yaml").trials
SWEEPS = ("protocols", "nested", "groups", "information", "rates", "samples", "noise")


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


def test_a_trial_keeps_the_number_of_steps() -> None:
    """Twice the rows take half the epochs, a fifth of the beads five times as many."""
    for trial in trials_of("protocols", SETTINGS, epochs=12):
        assert trial.train["epochs"] == 6
    steps = [t.beads * t.train["epochs"] for t in trials_of("samples", SETTINGS, epochs=12)]
    assert max(steps) / min(steps) < 1.05


@pytest.mark.parametrize("sweep", SWEEPS)
def test_every_sweep_has_trials_of_their_own_names(sweep: str) -> None:
    trials = trials_of(sweep, SETTINGS, 12)
    assert len({trial.key for trial in trials}) == len(trials) > 0
    assert set(tasks_of(sweep, SETTINGS)) <= set(CARD.tasks)


def rows_of(task, folds: pd.DataFrame, right: float, seed: int, variant: str) -> pd.DataFrame:
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
    return pd.concat(parts, ignore_index=True).assign(task=task.name, variant=variant)


def test_an_absent_label_is_paid_only_by_the_published_way() -> None:
    task, folds = make_task(CARD, "defects", FILE), folds_of()
    rows = rows_of(task, folds, 0.8, 0, "selected")
    cells = folds.set_index("bead")["cell"]
    trials = trial_scores.assess_trials(rows, {"defects": task}, cells)
    table = trial_scores.trial_scores(trials, {"defects": task}, {"selected": "chosen"}, ["bert"])
    paid = trial_scores.paid_scores(rows, {"defects": task})
    ours, theirs = (part.set_index("metric")["score"] for part in (table, paid))
    assert theirs["macro_f1"] > ours["macro_f1"] + 0.1
    assert theirs["micro_f1"] == pytest.approx(ours["micro_f1"], abs=0.05)
    assert table["beads"].tolist() == [36, 36]
    assert list(paid.columns) == list(table.columns)


def test_a_gap_is_paired_and_rows_keep_the_cell_of_their_bead() -> None:
    task, folds = make_task(CARD, "quality", FILE), folds_of()
    worse = rows_of(task, folds, 0.6, 1, "grouped")
    better = rows_of(task, folds, 0.98, 2, "rows")
    twice = [better.assign(bead=better["bead"] + f"/{side}") for side in (0, 1)]
    rows = pd.concat([worse, *twice], ignore_index=True)
    trials = trial_scores.assess_trials(rows, {"quality": task}, folds.set_index("bead")["cell"])
    [gap] = trial_scores.gaps(trials, "rows", "grouped").itertuples()
    assert 0 < gap.low < gap.gap < gap.high
    assert trials["rows", "quality", "bert"].score - trials[
        "grouped", "quality", "bert"
    ].score == pytest.approx(gap.gap, abs=1e-6)
    table = trial_scores.trial_scores(
        trials, {"quality": task}, {"grouped": "a", "rows": "b"}, ["bert"]
    )
    assert table["beads"].tolist() == [36, 36]  # beads and not rows
    one = trials["rows", "quality", "bert"]
    cut = replace(one, oof=replace(one.oof, cells=np.full(len(one.oof.cells), "c00")))
    strange = {
        ("rows", "quality", "bert"): cut,
        **{k: v for k, v in trials.items() if k[0] != "rows"},
    }
    assert trial_scores.gaps(strange, "rows", "grouped")["low"].isna().all()


def test_a_sweep_runs_and_goes_on_where_it_stopped(ready, params, monkeypatch) -> None:
    from llm4waam.ablations import climbing
    from stages import trials

    params["trials"] |= {"tasks": ["quality"], "noise_tasks": ["quality"], "noise": [0.2]}
    folder = ready(epochs=2, batch_size=4)
    trials.main("nested", "bert")
    table = read_table(Path("data/trials/nested/bert.csv"))
    whole = (folder / "data/trials/nested/bert.csv").read_bytes()
    folds = read_table(Path("data/split/folds.csv"))
    train = folds[folds["role"] == "train"]
    assert len(table) == 2 * len(train)  # each bead by two pairs of three folds
    assert set(table["bead"]) == set(train["bead"])
    assert not Path("data/unfinished/trials/nested/bert").exists()

    fitted, fit = [], climbing.fit_fold

    def stop(material, place, *rest, **options):
        if len(fitted) == 2:
            raise KeyboardInterrupt
        fitted.append(place)
        return fit(material, place, *rest, **options)

    monkeypatch.setattr(climbing, "fit_fold", stop)
    with pytest.raises(KeyboardInterrupt):
        trials.main("nested", "bert")
    fitted.clear()
    trials.main("nested", "bert")
    assert len(fitted) == 1
    assert (folder / "data/trials/nested/bert.csv").read_bytes() == whole


def test_the_published_protocol_and_noise_run_on_the_study_s_beads(ready, params) -> None:
    from stages import trials

    params["trials"] |= {"tasks": ["heat_input"], "noise_tasks": ["quality"], "noise": [0.2]}
    ready(epochs=2, batch_size=4)
    trials.main("protocols", "bert")
    trials.main("noise", "bert")
    rows = read_table(Path("data/trials/protocols/bert.csv"))
    folds = read_table(Path("data/split/folds.csv"))
    train = folds[folds["role"] == "train"]
    for _, part in rows.groupby("variant"):
        assert len(part) == 2 * len(train)
        assert set(part["bead"].map(plans.bead_of)) == set(train["bead"])
    noisy = read_table(Path("data/trials/noise/bert.csv")).set_index("bead")["target"]
    clean = read_table(Path("data/clean/beads.csv")).set_index("bead")["labels"]
    assert (noisy == (clean.loc[noisy.index] == "Normal")).all()  # asked for the true outcome
