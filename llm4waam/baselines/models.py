"""What needs no language model: constants, formulas, linear models, kernels, trees, bags of words.

A baseline is a function of a `Fold` to scores of shape (test beads, outputs): probabilities, or
values in physical units. It returns None where it does not apply (no formula in the card, no field
to learn from). `BASELINES`, at the end, names them: a new one is a function and an entry there.
"""

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from catboost import CatBoostClassifier, CatBoostRegressor
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, SVR

from llm4waam.baselines import classifiers
from llm4waam.baselines.features import Features, encoder_of
from llm4waam.baselines.settings import Baselines, Pretrained
from llm4waam.core.errors import StudyError
from llm4waam.decisions.decisions import one_by_one
from llm4waam.decisions.target_scale import TargetScale
from llm4waam.splits.tasks import Task


@dataclass(frozen=True)
class Fold:
    """What a baseline learns from; `y` (training beads, outputs) is in physical units."""

    task: Task
    train: Features
    y: np.ndarray
    test: Features
    trees: int
    seed: int


LEAF = 5  # scikit-learn's own 20 is a sixth of all training beads

Baseline = Callable[[Fold], np.ndarray | None]


def constant(fold: Fold) -> np.ndarray:
    """The mean of the training targets for every bead: the majority, as a probability."""
    return np.tile(fold.y.mean(axis=0), (len(fold.test.table), 1))


def formula_pre_weld(fold: Fold) -> np.ndarray | None:
    """The card's formula from set-points; the training mean where an input is missing."""
    return _formula(fold, ["pre_weld"])


def formula_post_weld(fold: Fold) -> np.ndarray | None:
    """The card's formula with measured values; the one from set-points where one is missing."""
    return _formula(fold, ["post_weld", "pre_weld"])


def ridge_logs(fold: Fold) -> np.ndarray | None:
    """Ridge regression of the log target on log fields."""
    return _regress(fold, Ridge(alpha=1.0), log=True)


def extra_trees_values(fold: Fold) -> np.ndarray | None:
    """ExtraTrees on the fields."""
    return _regress(fold, ExtraTreesRegressor(fold.trees, random_state=fold.seed), log=False)


def boosting_values(fold: Fold) -> np.ndarray | None:
    """Gradient-boosted trees on the fields."""
    model = HistGradientBoostingRegressor(min_samples_leaf=LEAF, random_state=fold.seed)
    return _regress(fold, model, log=False)


def logistic_regression(fold: Fold) -> np.ndarray | None:
    """One logistic regression a label on the fields."""
    return _classify(fold, LogisticRegression(max_iter=2000))


def boosting(fold: Fold) -> np.ndarray | None:
    """Gradient-boosted trees on the fields, one model a label."""
    model = HistGradientBoostingClassifier(min_samples_leaf=LEAF, random_state=fold.seed)
    return _classify(fold, model)


def tfidf_logistic(fold: Fold) -> np.ndarray:
    """Words and word pairs of the sentence, weighted, into one logistic regression a label."""
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)[^\s,]+", sublinear_tf=True)
    model = make_pipeline(words, LogisticRegression(C=10.0, max_iter=2000))
    return one_by_one(model, fold.train.texts, fold.y, fold.test.texts)


def extra_trees(fold: Fold) -> np.ndarray | None:
    """One forest of ExtraTrees for all labels on the fields."""
    if fold.train.table.empty:
        return None
    forest = classifiers.extra_trees(fold.trees, fold.seed)
    y = fold.y[:, 0] if fold.y.shape[1] == 1 else fold.y
    model = make_pipeline(encoder_of(fold.train.table), forest).fit(fold.train.table, y)
    found, classes = model.predict_proba(fold.test.table), forest.classes_
    if y.ndim == 1:
        found, classes = [found], [classes]
    return np.column_stack([(p * c).sum(axis=1) for p, c in zip(found, classes, strict=True)])


def _formula(fold: Fold, names: list[str]) -> np.ndarray | None:
    if names[0] not in fold.test.formulas:
        return None
    values = fold.test.formulas.reindex(columns=names).bfill(axis=1).iloc[:, 0]
    return values.fillna(fold.y.mean()).to_numpy()[:, None]


def _classify(fold: Fold, model: BaseEstimator) -> np.ndarray | None:
    table = fold.train.table
    if table.empty:
        return None
    return one_by_one(make_pipeline(encoder_of(table), model), table, fold.y, fold.test.table)


def _regress(fold: Fold, model: BaseEstimator, log: bool) -> np.ndarray | None:
    table = fold.train.table
    if table.empty:
        return None
    scaler = TargetScale.fit(fold.y[:, 0], fold.task.transform)
    model = make_pipeline(encoder_of(table, log), model).fit(table, scaler.scale(fold.y[:, 0]))
    with warnings.catch_warnings():
        # A wire that no training bead had is encoded as none of the known.
        warnings.simplefilter("ignore", UserWarning)
        return scaler.restore(model.predict(fold.test.table))[:, None]


def pretrained_labels(fold: Fold, package: str, path: str) -> np.ndarray | None:
    """One pretrained classifier a label."""
    return _classify(fold, _model(package, "Classifier", path, fold.seed))


def pretrained_values(fold: Fold, package: str, path: str) -> np.ndarray | None:
    """The pretrained regressor, on the scaled target."""
    return _regress(fold, _model(package, "Regressor", path, fold.seed), log=False)


def _model(package: str, kind: str, path: str, seed: int) -> object:
    names = {"tabpfn": "TabPFN", "tabicl": "TabICL"}
    made = getattr(import_module(package), f"{names[package]}{kind}")
    return made(model_path=path, random_state=seed, device="cpu")


CUTS = 3  # of the training beads, from which a support vector machine learns its probabilities
# Shallow and slow: there are a hundred beads.
CATBOOST = {"iterations": 300, "depth": 4, "learning_rate": 0.05, "thread_count": 1}
SILENT = {"verbose": False, "allow_writing_files": False}


def svm_rbf(fold: Fold) -> np.ndarray | None:
    """A support vector machine with an RBF kernel a label, Platt's sigmoid from inner cuts."""
    if fold.train.table.empty:
        return None
    columns = []
    for label in fold.y.T:
        rare = int(min(label.sum(), len(label) - label.sum()))
        if rare < 2:  # nothing to cut
            columns.append(np.full(len(fold.test.table), label.mean()))
            continue
        model = CalibratedClassifierCV(SVC(C=3.0), cv=min(CUTS, rare), ensemble=False)
        model = make_pipeline(encoder_of(fold.train.table), model)
        columns.append(one_by_one(model, fold.train.table, label[:, None], fold.test.table)[:, 0])
    return np.column_stack(columns)


def svm_rbf_values(fold: Fold) -> np.ndarray | None:
    """Support vector regression with an RBF kernel of the scaled target on log fields."""
    return _regress(fold, SVR(C=10.0, epsilon=0.05), log=True)


def catboost(fold: Fold) -> np.ndarray | None:
    """CatBoost on the fields, one model a label."""
    return _classify(fold, CatBoostClassifier(**CATBOOST, **SILENT, random_seed=fold.seed))


def catboost_values(fold: Fold) -> np.ndarray | None:
    """CatBoost on the fields."""
    model = CatBoostRegressor(**CATBOOST, **SILENT, random_seed=fold.seed)
    return _regress(fold, model, log=False)


def gaussian_process(fold: Fold) -> np.ndarray | None:
    """A Gaussian process classifier with an RBF kernel a label."""
    model = classifiers.gaussian_process(fold.trees, fold.seed)
    return _quietly(lambda: _classify(fold, model))


def gaussian_process_values(fold: Fold) -> np.ndarray | None:
    """A Gaussian process with an RBF kernel and noise, of the scaled target on log fields."""
    kernel = ConstantKernel(1.0) * RBF(3.0) + WhiteKernel(0.1)
    model = GaussianProcessRegressor(kernel, random_state=fold.seed)
    return _quietly(lambda: _regress(fold, model, log=True))


def nearest_neighbour(fold: Fold) -> np.ndarray | None:
    """The outcome of the most similar training bead, on standardised fields: a leakage probe.

    It learns nothing and only looks up, so that where it does well the test beads, or their twins,
    stand among the training beads.
    """
    return _classify(fold, KNeighborsClassifier(1))


def nearest_neighbour_values(fold: Fold) -> np.ndarray | None:
    """`nearest_neighbour` for values."""
    return _regress(fold, KNeighborsRegressor(1), log=False)


def _quietly(fit: Callable[[], np.ndarray | None]) -> np.ndarray | None:
    """A kernel's length at its bound is no fault: a field may say nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit()


# The name of a baseline in every table: what it does for labels, and for values; None: it does not.
BASELINES: dict[str, tuple[Baseline | None, Baseline | None]] = {
    "majority": (constant, None),
    "mean": (None, constant),
    "formula_pre_weld": (None, formula_pre_weld),
    "formula_post_weld": (None, formula_post_weld),
    "logistic_regression": (logistic_regression, None),
    "ridge_logs": (None, ridge_logs),
    "extra_trees": (extra_trees, extra_trees_values),
    "gradient_boosting": (boosting, boosting_values),
    "tfidf_logistic": (tfidf_logistic, None),
    "svm_rbf": (svm_rbf, svm_rbf_values),
    "catboost": (catboost, catboost_values),
    "gaussian_process": (gaussian_process, gaussian_process_values),
    "nearest_neighbour": (nearest_neighbour, nearest_neighbour_values),
}


CUBIC = ("svm_rbf", "gaussian_process")  # in the number of beads, or nearly


def affordable(
    models: Mapping[str, Baseline], beads: int, settings: Baselines
) -> dict[str, Baseline]:
    """`models` without those that take too long for so many beads; which, is logged."""
    gone = [name for name in models if name in CUBIC and beads > settings.cubic_up_to]
    if gone:
        reason = "%s left out: %d beads are more than baselines.cubic_up_to, %d"
        logging.info(reason, " and ".join(gone), beads, settings.cubic_up_to)
    return {name: one for name, one in models.items() if name not in gone}


def baselines_of(
    task: Task, pretrained: Pretrained | None = None, names: Sequence[str] | None = None
) -> dict[str, Baseline]:
    """The baselines of a task by name: all of them, or `names`.

    Of the pretrained models for tables there are those whose checkpoint is given. Raises StudyError
    for a checkpoint that is not there and for a package that is not installed.
    """
    kind = 1 if task.kind == "regression" else 0
    found = {name: both[kind] for name, both in BASELINES.items() if both[kind]}
    for name, path in pretrained or ():
        if path is None:
            continue
        place = {"column": f"baselines.pretrained.{name}", "value": path}
        if not Path(path).is_file():
            raise StudyError("params.yaml", "no such file", expected="a checkpoint", **place)
        if find_spec(name) is None:
            reason = "the package is not installed"
            raise StudyError("params.yaml", reason, expected=f"pip install {name}", **place)
        predict = pretrained_values if kind else pretrained_labels
        found[name] = partial(predict, package=name, path=path)
    return {name: one for name, one in found.items() if names is None or name in names}
