"""Findings and the stage `explain`, with tiny final models of the embedded table."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from llm4waam.advice.entries import spread_over
from llm4waam.advice.faithfulness import other_background, with_random_weights
from llm4waam.advice.findings import MADE_FROM, Examiner, make_examiner, read_tried, track_record
from llm4waam.advice.narration import narrate
from llm4waam.advice.shapley import WEIGHT, fields_of, model_output, representatives
from llm4waam.advice.trial import can_be_tried
from llm4waam.card.card import read_card
from llm4waam.core.files import read_table
from llm4waam.core.made_from import KEY, made_from
from llm4waam.inference.predictor import BEADS, FOLDS, Predictor
from stages import explain


@pytest.fixture
def examiner(predictor: Predictor, study) -> Examiner:
    return make_examiner(predictor, study.advice, study.card_file, trees=10)


@pytest.mark.parametrize("task", ["quality", "heat_input"])
def test_contributions_of_all_fields_are_complete(examiner: Examiner, task: str) -> None:
    told = examiner.explain(model_output(examiner.predictor, task), read_table(BEADS).iloc[3])
    assert told.gap == pytest.approx(0, abs=1e-9)
    assert list(told.values.index) == fields_of(examiner.predictor)


def test_a_network_with_random_weights_is_explained_otherwise(examiner: Examiner) -> None:
    bead, predictor = read_table(BEADS).iloc[3], examiner.predictor

    def values(one: Predictor) -> pd.Series:
        return examiner.explain(model_output(one, "quality"), bead).values

    own = values(predictor)
    assert not np.allclose(own, values(with_random_weights(predictor, "quality", 0)), atol=1e-3)
    assert (own == values(predictor)).all()  # the weights that were drawn are a copy's


def test_outcomes_of_a_bead_change_nothing_of_its_findings(examiner: Examiner) -> None:
    """Plant the answer: a bead with false labels, heat input and measurements reads the same."""
    bead = read_table(BEADS).iloc[7]
    planted = bead.copy()
    planted["labels"], planted["heat_input_j_mm"], planted["energy_j"] = "Balling", 1.0, 1.0
    planted["voltage_v"] = planted["current_a"] = 99.0
    card = examiner.predictor.card
    one, other = (narrate(examiner.examine(row), card, "en") for row in (bead, planted))
    assert one == other


def test_no_bead_outside_training_stands_in_for_an_absent_field(predictor: Predictor) -> None:
    folds = read_table(FOLDS)
    test = set(folds.loc[folds["role"] == "test", "bead"])
    everyone = representatives(predictor.domain, 1000)
    assert set(everyone["bead"]) == set(predictor.domain.training["bead"])
    assert everyone[WEIGHT].sum() == len(everyone)
    assert not test & set(everyone["bead"])


def test_representatives_stand_for_all_training_beads(predictor: Predictor) -> None:
    few = representatives(predictor.domain, 10)
    assert few["bead"].nunique() == 10
    assert few[WEIGHT].sum() == len(predictor.domain.training)
    apart = predictor.domain.distances(few).min(axis=0).mean()
    rng = np.random.default_rng(0)
    for _ in range(20):  # no ten drawn at random are as near to all others
        drawn = predictor.domain.training.sample(10, random_state=rng.integers(1000))
        assert apart < predictor.domain.distances(drawn).min(axis=0).mean()


def test_other_representatives_check_an_explanation(examiner: Examiner) -> None:
    others = other_background(examiner)
    assert len(others) == len(examiner.background) == 3
    assert not set(others["bead"]) & set(examiner.background["bead"])


def test_beads_are_shown_from_the_least_to_the_most_likely_normal() -> None:
    beads = pd.DataFrame({"bead": list("abcdefg"), "p": [0.5, 0.1, 0.9, 0.3, 0.7, 0.2, 0.8]})
    predictor = SimpleNamespace(
        aim="quality",
        probabilities=lambda beads, _: beads[["p"]].to_numpy(),
        chance_of_good=lambda chances: chances[:, 0],
    )
    examiner = SimpleNamespace(predictor=predictor)
    assert spread_over(examiner, beads, 3)["bead"].tolist() == ["b", "a", "c"]
    assert len(spread_over(examiner, beads, 50)) == 7


def test_a_bead_that_reaches_the_bar_is_advised_nothing(examiner: Examiner) -> None:
    bead = read_table(BEADS).iloc[7]
    chance = examiner.examine(bead).chance
    for bar in (chance - 0.01, chance + 0.01):
        found = replace(examiner, adviser=replace(examiner.adviser, bar=bar)).examine(bead)
        assert (found.reason in ("normal", "doubtful")) is (bar < chance)
        assert found.advice.moves == () or bar > chance


@pytest.mark.parametrize(
    ("chance", "expected"), [(0.75, (40, 0.7)), (0.85, (60, 0.9)), (1.0, None), (0.2, None)]
)
def test_a_track_record_is_that_of_the_band_of_the_chance(chance: float, expected) -> None:
    bands = {
        "from_70_to_80": {"beads": 40, "advised": 0.7},
        "from_80_to_90": {"beads": 60, "advised": 0.9},
        "from_90_to_100": {"beads": 0, "advised": None},
    }
    assert track_record({"by_chance": bands}, chance) == expected
    assert track_record(None, chance) is None


def test_a_track_record_is_told_of_the_models_that_it_was_made_with(
    study, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, tried = tmp_path / "advice.json", {"by_chance": {}}
    assert read_tried(file) is None
    mark = made_from(MADE_FROM)
    for changes, warned in (
        ({}, ""),
        ({"dataset": "another"}, "is of another table"),
        ({"beads": "others"}, "is of another table"),
        ({"folds": "others"}, "by other parameters: what advice is worth is not told (folds"),
        ({"parameters": mark["parameters"] | {"tasks": "quality"}}, "(tasks quality -> defects, "),
    ):
        caplog.clear()
        file.write_text(json.dumps({"advice": tried, KEY: mark | changes}), encoding="utf-8")
        assert read_tried(file) == (None if warned else tried)
        assert warned in caplog.text
        assert bool(caplog.text) is bool(warned)
    file.write_text(json.dumps({"advice": tried}), encoding="utf-8")
    assert read_tried(file) is None  # it does not say what it is of
    assert can_be_tried(read_card(study.card_file))
    assert not can_be_tried(read_card(ROOT / "tests/cards/small.yaml"))  # of another simulator


@pytest.fixture
def copied(study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: ARG001
    """A copy of the folder of the final models that a stage may write into."""
    shutil.copytree(Path.cwd(), tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return Path.cwd()


def test_the_stage_writes_pages_figures_and_metrics_twice_the_same(copied, monkeypatch) -> None:
    few = {"faithfulness.FAITHFUL": 1, "counterfactual.POINTS": 5}
    for name, number in few.items():
        monkeypatch.setattr(f"llm4waam.advice.{name}", number)

    def written() -> dict[str, bytes]:
        explain.main()
        files = [explain.METRICS, *copied.glob("plots/**/*.html"), *copied.glob("plots/**/*.svg")]
        return {file.name: file.read_bytes() for file in files}

    first = written()
    assert first == written()
    assert {"bead_1_reasons.svg", "bead_2_process_map.svg", "success.svg"} <= first.keys()
    metrics = json.loads(first["advice.json"])
    assert metrics["faithfulness"]["completeness_gap"] == pytest.approx(0, abs=1e-6)
    tried = metrics["advice"]
    assert tried["bad_beads"] == 4 == tried["advised_beads"] + tried["no_change_found"]
    assert sum(band["beads"] for band in tried["by_chance"].values()) == tried["advised_beads"]
    assert tried["oracle"] >= tried["random"]
    assert set(metrics["certainty"]) == {"defects", "quality", "heat_input", "energy"}
    for name, said in (("advice.html", "Simulated data"), ("advice.ko.html", "시뮬레이션 데이터")):
        page = first[name].decode()
        assert said in page
        assert page.count("<article") == 2
        assert "http" not in page.replace("http://www.w3.org", "")


def test_a_table_without_set_points_to_turn_gets_a_page_that_says_so(copied: Path) -> None:
    file = copied / "data/raw/waam_beads.yaml"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.strip().startswith(("step:", "process_map:"))]
    file.write_text("".join(kept), encoding="utf-8")
    explain.main()
    assert json.loads(explain.METRICS.read_text(encoding="utf-8"))["advice"] is None
    [page] = copied.glob("plots/**/advice.html")
    assert "step" in page.read_text(encoding="utf-8")
