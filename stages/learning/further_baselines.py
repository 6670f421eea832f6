"""Kernels, CatBoost, the nearest neighbour, and pretrained models for tables if asked for.

They stand apart from `baselines` so that what is trained with a baseline's parts does not depend
on them.
"""

import warnings
from collections.abc import Callable

import numpy as np
from catboost import CatBoostClassifier, CatBoostRegressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, SVR

from stages.learning.baselines import Baseline, Fold, _classify, _regress, baselines_of, one_by_one
from stages.learning.features import encoder_of
from stages.learning.settings import TableModels
from stages.learning.table_models import table_baselines
from stages.learning.tasks import Task

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
    kernel = ConstantKernel(1.0) * RBF(3.0)
    model = GaussianProcessClassifier(kernel, random_state=fold.seed)
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


CLASSIFIERS: dict[str, Baseline] = {
    "svm_rbf": svm_rbf,
    "catboost": catboost,
    "gaussian_process": gaussian_process,
    "nearest_neighbour": nearest_neighbour,
}
REGRESSORS: dict[str, Baseline] = {
    "svm_rbf": svm_rbf_values,
    "catboost": catboost_values,
    "gaussian_process": gaussian_process_values,
    "nearest_neighbour": nearest_neighbour_values,
}


def all_baselines(task: Task, tables: TableModels) -> dict[str, Baseline]:
    """Every baseline of a task, by name; of the pretrained ones those whose path is given.

    Raises StudyError for a path that leads nowhere and for a package that is not installed.
    """
    further = REGRESSORS if task.kind == "regression" else CLASSIFIERS
    return {**baselines_of(task), **further, **table_baselines(task, tables)}


def _quietly(fit: Callable[[], np.ndarray | None]) -> np.ndarray | None:
    """A kernel's length at its bound is no fault: a field may say nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit()
