"""The classifiers that baselines and advice share, unfitted."""

from collections.abc import Callable

from sklearn.base import BaseEstimator
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, ConstantKernel


def gaussian_process(_: int, seed: int) -> BaseEstimator:
    """A Gaussian process with an RBF kernel."""
    return GaussianProcessClassifier(ConstantKernel(1.0) * RBF(3.0), random_state=seed)


def extra_trees(trees: int, seed: int) -> BaseEstimator:
    """A forest of ExtraTrees."""
    return ExtraTreesClassifier(trees, random_state=seed)


# The name of a baseline: its classifier of so many trees, by a seed.
CLASSIFIERS: dict[str, Callable[[int, int], BaseEstimator]] = {
    "gaussian_process": gaussian_process,
    "extra_trees": extra_trees,
}
