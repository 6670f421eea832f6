"""Worth of answers by what is left out: planted errors, folds that judge themselves, files."""

import numpy as np
import pandas as pd
import pytest

from llm4waam.core.errors import StudyError
from llm4waam.decisions.predictions import INCOMPLETE
from llm4waam.evaluation.incomplete import by_pattern, read_incomplete
from llm4waam.splits.tasks import Task

REGRESSION = Task("e", "regression", ("e",), None, ("no", "yes"), "log", "J", "?")
BINARY = Task("q", "binary", ("Normal",), None, ("bad", "good"), "none", None, "?")
BEADS = pd.DataFrame({"bead": [f"b{n}" for n in range(100)], "gas": "Ar", "angle": 5.0})
PATTERNS = {"": 0.05, "gas": 0.05, "angle": 0.3, "gas angle": 0.3}


def told(seed: int = 0, hold_out: int = 20) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows as they are and with fields left out; without the angle the error is six times as wide.

    The first beads are the hold-out, the others are in five folds.
    """
    rng, count = np.random.default_rng(seed), len(BEADS)
    target = rng.uniform(200, 900, count)
    fold = np.where(np.arange(count) < hold_out, -1, np.arange(count) % 5)
    parts = [
        pd.DataFrame(
            {
                "repeat": 0,
                "fold": fold,
                "role": np.where(fold < 0, "hold_out", "oof"),
                "bead": BEADS["bead"],
                "without": without,
                "label": "e",
                "target": target,
                "score": target * np.exp(rng.normal(0, width, count)),
            }
        )
        for without, width in PATTERNS.items()
    ]
    return parts[0].drop(columns="without"), pd.concat(parts[1:], ignore_index=True)


def test_each_pattern_is_covered_by_an_interval_of_its_own() -> None:
    found = by_pattern(REGRESSION, *told(), BEADS, tempered_already=False)
    assert list(found) == ["oof", "hold_out"]
    for role, beads in (("oof", 80), ("hold_out", 20)):
        assert set(found[role]) == {"complete", "gas", "angle", "required_only"}
        for name, one in found[role].items():
            assert one["beads"] == beads
            assert 0.75 <= one["coverage"] <= 1, (role, name)
            wide = name in ("angle", "required_only")
            assert (one["median_relative_width"] > 0.5) == wide


def test_a_fold_is_not_judged_by_intervals_that_its_own_beads_made() -> None:
    rows, incomplete = told(hold_out=0)
    for part in (rows, incomplete):  # one fold is off by a factor, which its own rows would hide
        part.loc[part["fold"] == 0, "score"] *= 3
    found = by_pattern(REGRESSION, rows, incomplete, BEADS, tempered_already=False)["oof"]
    honest = by_pattern(REGRESSION, *told(hold_out=0), BEADS, tempered_already=False)["oof"]
    assert found["complete"]["coverage"] == pytest.approx(0.8, abs=0.03)
    assert honest["complete"]["coverage"] > 0.87


def test_a_classification_has_its_headline_and_the_loss_of_its_probabilities() -> None:
    rows, incomplete = told()
    for part in (rows, incomplete):
        off = part.get("without", pd.Series("", part.index)).str.contains("angle")
        part["label"] = "Normal"
        part["target"] = (part["target"] > 500).astype(float)
        part["score"] = np.where(
            off, 0.5 + 0.01 * (part["target"] - 0.5), 0.1 + 0.8 * part["target"]
        )
    found = by_pattern(BINARY, rows, incomplete, BEADS, tempered_already=True)["oof"]
    assert {name: one["accuracy"] for name, one in found.items()} == dict.fromkeys(found, 1.0)
    assert found["complete"]["log_loss"] == pytest.approx(-np.log(0.9))
    assert found["angle"]["log_loss"] == pytest.approx(-np.log(0.505))


def test_a_file_that_is_not_there_or_of_other_columns_is_told(tmp_path) -> None:
    file = tmp_path / "e.csv"
    with pytest.raises(StudyError, match="there is no such file"):
        read_incomplete(file)
    file.write_text("bead,score\nb1,1\n", encoding="utf-8")
    with pytest.raises(StudyError, match="other columns"):
        read_incomplete(file)
    told()[1].to_csv(file, index=False)
    assert list(read_incomplete(file)) == INCOMPLETE
