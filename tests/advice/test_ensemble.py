"""The ensemble that judges changes: what its chance is, and where its temperature comes from."""

import numpy as np
import pandas as pd
import pytest

from llm4waam.advice.ensemble import Ensemble, lower_bound, make_ensemble
from llm4waam.core.errors import StudyError
from llm4waam.core.files import read_table
from llm4waam.inference.predictor import BEADS, Predictor

CLASSIFIERS = ["gaussian_process", "extra_trees"]


@pytest.fixture
def ensemble(predictor: Predictor) -> Ensemble:
    return make_ensemble(predictor, {"bert": predictor}, CLASSIFIERS, 10, 0)


def test_the_chance_is_the_mean_less_the_disagreement() -> None:
    by_member = np.array([[0.9, 0.9], [1.0, 0.8], [1.0, 0.0], [0.0, 0.0]])
    assert lower_bound(by_member) == pytest.approx([0.9, 0.8, 0.0, 0.0])


def test_every_member_is_asked_near_the_set_points_and_told_no_note(ensemble: Ensemble) -> None:
    beads = read_table(BEADS).iloc[:6]
    assert ensemble.members == ["bert", *CLASSIFIERS]
    near, at = ensemble.around(beads), ensemble.at(beads)
    assert near.shape == at.shape == (6, 3)
    assert not np.allclose(near, at, atol=1e-6)
    assert np.allclose(near, at, atol=0.2)
    assert np.array_equal(near, ensemble.around(beads))
    alone = np.vstack([ensemble.around(beads.iloc[[n]]) for n in range(6)])
    assert np.allclose(near, alone, rtol=1e-5)
    noted = beads.assign(note="contact tip worn, arc very unstable, gas failed")
    assert np.allclose(ensemble.at(noted), at, rtol=1e-5)
    assert ensemble.spread["travel_speed_mm_s"] == 0.1


def test_the_classifiers_learn_from_training_beads_alone(predictor: Predictor) -> None:
    """Planted: the outcomes of the hold-out turned round change nothing."""
    before = make_ensemble(predictor, {}, CLASSIFIERS, 10, 0)
    beads = read_table(BEADS).iloc[:20]
    training = set(predictor.domain.training["bead"])
    assert not training.issuperset(read_table(BEADS)["bead"])
    assert before.members == CLASSIFIERS
    assert before.chance(before.at(beads)) == pytest.approx(before.quick(beads))
    planted = beads.assign(labels="Normal")
    assert np.array_equal(before.at(planted), before.at(beads))


def test_the_temperature_is_that_of_out_of_fold_predictions(
    ensemble: Ensemble, predictor: Predictor, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    """What the hold-out's rows say is not looked at; a member without predictions is named."""
    asked = []
    monkeypatch.setattr(
        "llm4waam.inference.predictor.read_rows",
        lambda file, role: asked.append((file.name, role)) or planted(file),
    )

    def planted(file) -> pd.DataFrame:
        rows = pd.read_csv(file, dtype={"bead": str})
        rows = rows[rows["role"] == "oof"].copy()
        wrong = (rows["bead"].map(hash) % 7 == 0) | (rows.index % 9 == 0)
        rows["score"] = np.where(wrong, 1 - rows["target"], rows["target"]) * 0.98 + 0.01
        return rows

    cooled = make_ensemble(predictor, {"bert": predictor}, CLASSIFIERS, 10, 0)
    assert {role for _, role in asked} == {"oof"}
    assert cooled.temperature > 1.5  # so sure, and wrong as often, cannot be believed
    sure = np.full((1, 3), 0.98)
    assert 0.5 < cooled.chance(sure)[0] < 0.93
    monkeypatch.undo()
    monkeypatch.setattr("llm4waam.inference.predictor.PREDICTIONS", tmp_path)
    with pytest.raises(StudyError, match="there is no such file"):
        make_ensemble(predictor, {}, CLASSIFIERS, 10, 0)
    assert ensemble.temperature > 0
