"""The folds of a task over the cores: each in its own process, with its own few threads."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor

import pandas as pd

from stages.learning.fitting import Fitted, Material, fit_fold
from stages.learning.folds import HOLD_OUT_FOLD
from stages.learning.predictions import members

Save = Callable[[Fitted], None]


def fit_all(
    material: Material,
    folds: pd.DataFrame,
    jobs: list[tuple[int, int]],
    workers: int,
    save: Save,
) -> Iterator[Fitted]:
    """What every (repeat, fold) of `jobs` leaves, in their order; `save` takes the final model.

    Results do not depend on `workers`: every fold seeds itself and keeps to `material.threads`.
    """
    if workers == 1:
        _share(material, folds, save)
        yield from map(_fit, jobs)
        return
    # fork spares every worker the import of torch; nothing has been computed with it yet.
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    with ProcessPoolExecutor(
        max_workers=workers,
        mp_context=multiprocessing.get_context(method),
        initializer=_share,
        initargs=(material, folds, save),
    ) as pool:
        yield from pool.map(_fit, jobs)


_shared: dict[str, object] = {}


def _share(material: Material, folds: pd.DataFrame, save: Save) -> None:
    _shared.update(material=material, folds=folds, save=save)


def _fit(place: tuple[int, int]) -> Fitted:
    material = _shared["material"]
    train, test = members(_shared["folds"], *place)
    known = [[bead for bead in part if bead in material.targets] for part in (train, test)]
    fitted = fit_fold(material, place, *known)
    if place[1] == HOLD_OUT_FOLD:
        _shared["save"](fitted)
    fitted.model = None  # the weights stay in their process
    return fitted
