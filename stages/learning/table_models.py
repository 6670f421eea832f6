"""TabPFN and TabICL, pretrained models for tables, when a checkpoint is given.

Their weights come from a hub, so that neither is asked for: they are baselines by path alone.
"""

from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from stages.beads.errors import StudyError
from stages.learning.baselines import Baseline, Fold, _classify, _regress
from stages.learning.settings import TableModels
from stages.learning.tasks import Task


def table_baselines(task: Task, tables: TableModels) -> dict[str, Baseline]:
    """The baselines whose checkpoint is given; raises StudyError where it cannot be used."""
    found: dict[str, Baseline] = {}
    for name, path in tables:
        if path is None:
            continue
        place = {"column": f"tables.{name}", "value": path}
        if not Path(path).is_file():
            raise StudyError("params.yaml", "no such file", expected="a checkpoint", **place)
        if find_spec(name) is None:
            reason = "the package is not installed"
            raise StudyError("params.yaml", reason, expected=f"pip install {name}", **place)
        predict = values if task.kind == "regression" else labels
        found[name] = partial(predict, package=name, path=path)
    return found


def labels(fold: Fold, package: str, path: str) -> np.ndarray | None:
    """One pretrained classifier a label."""
    return _classify(fold, _model(package, "Classifier", path, fold.seed))


def values(fold: Fold, package: str, path: str) -> np.ndarray | None:
    """The pretrained regressor, on the scaled target."""
    return _regress(fold, _model(package, "Regressor", path, fold.seed), log=False)


def _model(package: str, kind: str, path: str, seed: int) -> object:
    names = {"tabpfn": "TabPFN", "tabicl": "TabICL"}
    made = getattr(import_module(package), f"{names[package]}{kind}")
    return made(model_path=path, random_state=seed, device="cpu")
