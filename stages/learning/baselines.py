"""What needs no language model: constants, formulas, linear models, trees, bags of words.

A baseline is a function of a `Fold` to scores of shape (test beads, outputs): probabilities, or
values in physical units. It returns None where it does not apply (no formula in the card, no
field to learn from).
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from stages.learning.features import Features, encoder_of
from stages.learning.scaler import Scaler
from stages.learning.tasks import Task


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
    forest = ExtraTreesClassifier(fold.trees, random_state=fold.seed)
    y = fold.y[:, 0] if fold.y.shape[1] == 1 else fold.y
    model = make_pipeline(encoder_of(fold.train.table), forest).fit(fold.train.table, y)
    found, classes = model.predict_proba(fold.test.table), forest.classes_
    if y.ndim == 1:
        found, classes = [found], [classes]
    return np.column_stack([(p * c).sum(axis=1) for p, c in zip(found, classes, strict=True)])


CLASSIFIERS: dict[str, Baseline] = {
    "majority": constant,
    "logistic_regression": logistic_regression,
    "extra_trees": extra_trees,
    "gradient_boosting": boosting,
    "tfidf_logistic": tfidf_logistic,
}
REGRESSORS: dict[str, Baseline] = {
    "mean": constant,
    "formula_pre_weld": formula_pre_weld,
    "formula_post_weld": formula_post_weld,
    "ridge_logs": ridge_logs,
    "extra_trees": extra_trees_values,
    "gradient_boosting": boosting_values,
}


def baselines_of(task: Task) -> dict[str, Baseline]:
    """The baselines of a task, by name."""
    return REGRESSORS if task.kind == "regression" else CLASSIFIERS


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


def one_by_one(model: BaseEstimator, train: object, y: np.ndarray, test: object) -> np.ndarray:
    """P(label) of shape (test beads, labels); the constant where a fold has one class only."""
    columns = []
    for label in y.T:
        if label.min() == label.max():
            columns.append(np.full(len(test), label[0]))
        else:
            columns.append(model.fit(train, label).predict_proba(test)[:, 1])
    return np.column_stack(columns)


def _regress(fold: Fold, model: BaseEstimator, log: bool) -> np.ndarray | None:
    table = fold.train.table
    if table.empty:
        return None
    scaler = Scaler.fit(fold.y[:, 0], fold.task.transform)
    model = make_pipeline(encoder_of(table, log), model).fit(table, scaler.scale(fold.y[:, 0]))
    with warnings.catch_warnings():
        # A wire that no training bead had is encoded as none of the known.
        warnings.simplefilter("ignore", UserWarning)
        return scaler.restore(model.predict(fold.test.table))[:, None]
