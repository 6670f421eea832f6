"""Kernels, CatBoost, the leakage probe, and pretrained models for tables by path."""

import sys
import warnings
from types import ModuleType

import numpy as np
import pytest
from test_baselines import features, task

from llm4waam.baselines.models import BASELINES, Fold, Pretrained, affordable, baselines_of
from llm4waam.baselines.settings import Baselines
from llm4waam.core.errors import StudyError

NONE = Pretrained()
FURTHER = ("svm_rbf", "catboost", "gaussian_process", "nearest_neighbour")
SETS = task("multi_label", ("A", "B", "C"))
VALUE = task("regression", ("x",))


@pytest.fixture(autouse=True)
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("name", FURTHER)
def test_a_label_that_a_fold_lacks_or_has_once_is_no_crash(name: str) -> None:
    speed = np.arange(1.0, 41)
    y = np.stack([speed > 20, np.zeros(40), speed == 40], axis=1).astype(float)
    fold = Fold(SETS, features(speed), y, features(np.array([2.0, 39.0])), 5, 0)
    found = BASELINES[name][0](fold)
    assert found.shape == (2, 3)
    assert ((found >= 0) & (found <= 1)).all()
    assert found[0, 0] < 0.4 < 0.6 < found[1, 0]
    assert found[:, 1] == pytest.approx(0, abs=1e-6)
    assert np.array_equal(BASELINES[name][0](fold), found)


@pytest.mark.parametrize("name", FURTHER)
def test_values_come_back_in_their_unit(name: str) -> None:
    speed = np.linspace(1, 20, 80)
    everything = features(speed)
    y = (900 / speed)[:, None]
    fold = Fold(VALUE, everything, y, everything, 5, 0)
    found = BASELINES[name][1](fold)
    assert found.shape == (80, 1)
    assert (found > 0).all()
    assert np.median(np.abs(np.log(found / y))) < 0.1
    assert np.array_equal(BASELINES[name][1](fold), found)


@pytest.mark.parametrize("kind", ["multi_label", "regression"])
def test_a_missing_number_and_an_unseen_word_are_no_crash(kind: str) -> None:
    train, test = features(np.arange(1.0, 41)), features(np.array([np.nan, 5.0]))
    train.table.iloc[3, 0] = np.nan
    test.table["wire"] = ["a", "never seen"]
    y = (np.arange(40) > 20)[:, None] * 1.0 + (1 if kind == "regression" else 0)
    known = task(kind, ("x",))
    for name, baseline in baselines_of(known, names=FURTHER).items():
        assert np.isfinite(baseline(Fold(known, train, y, test, 5, 0))).all(), name


def test_the_probe_finds_a_twin_and_so_a_leak() -> None:
    rng = np.random.default_rng(0)
    speed, y = rng.random(60) * 20, rng.integers(0, 2, (60, 1)).astype(float)  # nothing to learn
    everything = features(speed)
    known = task("binary", ("x",))
    leak = Fold(known, everything, y, everything, 5, 0)
    assert (BASELINES["nearest_neighbour"][0](leak) == y).all()
    clean = Fold(known, everything, y, features(rng.random(60) * 20), 5, 0)
    right = (BASELINES["nearest_neighbour"][0](clean) == rng.integers(0, 2, (60, 1))).mean()
    assert right < 0.75


def test_without_a_path_nothing_is_asked_for() -> None:
    for kind in ("binary", "multi_label", "regression"):
        names = set(baselines_of(task(kind, ("x",)), NONE))
        assert {"svm_rbf", "catboost", "gaussian_process", "nearest_neighbour"} < names
        assert not {"tabpfn", "tabicl"} & names


def test_a_path_without_file_or_package_is_one_line(tmp_path) -> None:
    with pytest.raises(StudyError, match=r"pretrained.tabpfn: 'nowhere': no such file"):
        baselines_of(VALUE, Pretrained(tabpfn="nowhere"))
    file = tmp_path / "weights.ckpt"
    file.write_bytes(b"x")
    with pytest.raises(StudyError, match=r"not installed; expected pip install tabicl"):
        baselines_of(VALUE, Pretrained(tabicl=str(file)))


def test_a_given_checkpoint_reaches_its_package_one_label_at_a_time(tmp_path, monkeypatch) -> None:
    """With a stand-in for the package, which no one has installed."""
    from importlib.machinery import ModuleSpec

    from sklearn.dummy import DummyClassifier

    fitted = []

    class Stand(DummyClassifier):
        def __init__(self, model_path=None, random_state=None, device=None):
            super().__init__(strategy="prior")
            self.model_path, self.random_state, self.device = model_path, random_state, device

        def fit(self, x, y):
            fitted.append((self.model_path, y.shape))
            return super().fit(x, y)

    package = ModuleType("tabpfn")
    package.TabPFNClassifier, package.__spec__ = Stand, ModuleSpec("tabpfn", None)
    monkeypatch.setitem(sys.modules, "tabpfn", package)
    file = tmp_path / "weights.ckpt"
    file.write_bytes(b"x")
    found = baselines_of(SETS, Pretrained(tabpfn=str(file)))
    y = np.stack([np.arange(20) > 5, np.zeros(20), np.arange(20) > 9], axis=1).astype(float)
    everything = features(np.arange(1.0, 21))
    scores = found["tabpfn"](Fold(SETS, everything, y, everything, 5, 0))
    assert scores[0].tolist() == pytest.approx([14 / 20, 0, 10 / 20])
    assert fitted == [(str(file), (20,))] * 2


def test_what_is_cubic_in_beads_is_left_out_of_a_large_table_and_named(caplog) -> None:
    settings = Baselines(seed=0, trees=5, workers=1, cubic_up_to=50)
    known = baselines_of(VALUE)
    assert affordable(known, 50, settings) == known
    with caplog.at_level("INFO"):
        few = affordable(known, 51, settings)
    assert set(known) - set(few) == {"svm_rbf", "gaussian_process"}
    assert "svm_rbf and gaussian_process left out: 51 beads" in caplog.text
