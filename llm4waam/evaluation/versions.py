"""Two versions of the study on the same beads: which differences of their predictions are real?

A version is a folder that holds params.yaml, a card, data/split and data/predictions, all of which
stand in git. What both versions predicted is compared bead by bead; their folds may differ.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from llm4waam.card.card import Card, read_card
from llm4waam.core.errors import StudyError, require_file
from llm4waam.core.files import read_table
from llm4waam.core.settings import Params, read_params
from llm4waam.decisions.decisions import decisions_of
from llm4waam.evaluation.bootstrap import draws_of, headline_of, interval
from llm4waam.evaluation.metrics import HEADLINES
from llm4waam.evaluation.read_predictions import Scores, pooled
from llm4waam.evaluation.significance import bootstrap_p, judge, mcnemar, right_sets
from llm4waam.splits.tasks import Task, make_task

PREDICTIONS, FOLDS = Path("data/predictions"), Path("data/split/folds.csv")
ROLES = {"oof": "out of fold", "hold_out": "hold-out"}
# A score moves so little when another processor makes the same training.
RELATIVE, ABSOLUTE = 5e-4, 1e-4
# A hundred comparisons need a p below 0.0005 to be told after Holm.
DRAWS = 20_000
COLUMNS = [
    *("task", "model", "role", "metric", "before", "after", "difference", "low", "high"),
    *("p_mcnemar", "p_holm", "verdict", "beads"),
]
FLIPS = ["task", "model", "role", "bead", "outcome", "before", "after"]


@dataclass(frozen=True)
class Version:
    """One version: `scores` by (task, model, role), `folds` as `make_folds` gives them."""

    dataset: str
    card: Card
    tasks: Mapping[str, Task]
    folds: pd.DataFrame
    scores: Mapping[tuple[str, str, str], Scores]


@dataclass(frozen=True)
class Comparison:
    """What differs between two versions.

    `table` has COLUMNS, a row for each task, model and role whose predictions differ by more than
    rounding; `flips` has FLIPS, a row for each bead whose decision differs. `only` says which
    predictions one version alone has, `changed_beads` the beads whose outcome is another in the
    data (they are left out), `moved` those that stand in another fold or role, `gone` and `new`
    those that one version alone has. `same` is the number of predictions that do not differ.
    `datasets` are the names of two tables, where the versions are of two: then nothing is compared.
    """

    table: pd.DataFrame
    flips: pd.DataFrame
    same: int
    only: Mapping[str, list[str]] = field(default_factory=dict)
    changed_beads: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    datasets: tuple[str, str] | None = None


def read_version(root: Path) -> Version:
    """Read a version; raises StudyError for files that are missing or do not fit together."""
    params = read_params(Params, root / "params.yaml")
    card = read_card(root / params.card_file)
    require_file(root / FOLDS, "the folds of a version (git holds them since they are compared)")
    folds = read_table(root / FOLDS)
    tasks = {name: make_task(card, name, params.card_file) for name in params.tasks}
    cells = folds.drop_duplicates("bead").set_index("bead")["cell"]
    scores = {}
    for name, task in tasks.items():
        files = sorted((root / PREDICTIONS).glob(f"*/{name}.csv"))
        if not files:
            raise StudyError(PREDICTIONS, f"no predictions of {name}", expected="dvc repro first")
        for file in files:
            for (model, role), rows in read_table(file).groupby(["model", "role"], sort=False):
                try:
                    scores[(name, model, role)] = pooled(task, rows, cells)
                except (KeyError, ValueError) as error:
                    place = file.relative_to(root)
                    raise StudyError(place, f"{model}, {role}: {error}") from None
    return Version(params.dataset, card, tasks, folds, scores)


def compare_versions(before: Version, after: Version) -> Comparison:
    """What differs, on the beads that both versions predicted in the same role.

    The cells are those of `after`. Scores are the headline, pooled over folds and the mean over
    repeats. The interval is that of the paired bootstrap over cells, the verdict is of `judge`
    over all rows. A bead of one dataset is none of another, whatever it is called.
    """
    if before.dataset != after.dataset:
        nothing = pd.DataFrame(columns=COLUMNS), pd.DataFrame(columns=FLIPS)
        return Comparison(*nothing, 0, datasets=(before.dataset, after.dataset))
    rows, ps, flips, same = [], [], [], 0
    shared = [
        key
        for key in after.scores
        if key in before.scores and _alike(before.tasks[key[0]], after.tasks[key[0]])
    ]
    # Of another outcome in one task, it is another bead in all: a table may have been made anew.
    changed = {bead for key in shared for bead in _changed(before.scores[key], after.scores[key])}
    for key in shared:
        task = after.tasks[key[0]]
        old, new = _paired(before.scores[key], after.scores[key], changed)
        if not len(new.beads):
            continue
        if _equal(task, old, new):
            same += 1
            continue
        gaps = draws_of(task, new, DRAWS) - draws_of(task, old, DRAWS)
        scores = [headline_of(task, one) for one in (old, new)]
        low, high = interval(gaps)
        right = [] if task.kind == "regression" else [right_sets(task, one) for one in (old, new)]
        tested = mcnemar(right[1], right[0]) if right else None
        gap = scores[1] - scores[0]
        rows.append((*key, HEADLINES[task.kind], *scores, gap, low, high, tested, len(new.beads)))
        ps.append(bootstrap_p(gaps))
        flips += _flips(key, task, old, new)
    told = judge([row[6] for row in rows], ps)
    rows = [(*row[:-1], *said, row[-1]) for row, said in zip(rows, told, strict=True)]
    beads = [set(one.folds["bead"]) for one in (before, after)]
    return Comparison(
        pd.DataFrame(rows, columns=COLUMNS),
        pd.DataFrame(flips, columns=FLIPS),
        same,
        {
            "before": sorted(set(_names(before)) - set(_names(after))),
            "after": sorted(set(_names(after)) - set(_names(before))),
        },
        sorted(changed),
        _moved(before.folds, after.folds),
        sorted(beads[0] - beads[1]),
        sorted(beads[1] - beads[0]),
    )


def _alike(one: Task, other: Task) -> bool:
    return (one.kind, one.outputs) == (other.kind, other.outputs)


def _names(version: Version) -> Iterator[str]:
    for task, model, _ in version.scores:
        yield f"{model} for {task}"


def _changed(old: Scores, new: Scores) -> list[str]:
    """The beads of both whose outcome is another."""
    beads = np.intersect1d(old.beads, new.beads)
    targets = [one.target[np.searchsorted(one.beads, beads)] for one in (old, new)]
    return beads[~np.isclose(*targets, rtol=1e-6).all(axis=1)].tolist()


def _paired(old: Scores, new: Scores, without: set[str]) -> tuple[Scores, Scores]:
    """Both on the beads that they share, but those of `without`."""
    beads = np.intersect1d(old.beads, new.beads)
    beads = beads[~np.isin(beads, [*without])] if without else beads
    kept = [np.searchsorted(one.beads, beads) for one in (old, new)]
    first, second = (
        Scores(
            one.beads[place],
            new.cells[kept[1]],
            one.target[place],
            *(values[:, place] for values in (one.score, one.loss, one.thresholds)),
        )
        for one, place in zip((old, new), kept, strict=True)
    )
    return first, second


def _equal(task: Task, old: Scores, new: Scores) -> bool:
    """Whether two versions say the same but for what rounding and another processor change."""
    if old.score.shape != new.score.shape:
        return False
    close = np.isclose(old.score, new.score, rtol=RELATIVE, atol=ABSOLUTE).all()
    return bool(close) and (
        task.kind == "regression" or (_decided(task, old) == _decided(task, new)).all()
    )


def _decided(task: Task, one: Scores) -> np.ndarray:
    return decisions_of(task, one.score[0], one.thresholds[0])


def _flips(key: tuple[str, str, str], task: Task, old: Scores, new: Scores) -> list[tuple]:
    """The beads whose decision differs, in the first repeat; a regression decides nothing."""
    if task.kind == "regression":
        return []
    found = []
    names = [_said(task, _decided(task, one)) for one in (old, new)]
    truth = _said(task, new.target > 0.5)
    for bead, true, was, now in zip(new.beads, truth, *names, strict=True):
        if was != now:
            found.append((*key, bead, true, was, now))
    return found


def _said(task: Task, labels: np.ndarray) -> list[str]:
    if task.kind == "binary":
        return [task.classes[int(row[0])] for row in labels]
    return [
        " or ".join(name for name, there in zip(task.outputs, row, strict=True) if there) or "none"
        for row in labels
    ]


def _moved(before: pd.DataFrame, after: pd.DataFrame) -> list[str]:
    """Beads that stand in another fold or role."""
    places = [_places(folds) for folds in (before, after)]
    both = places[0].index.intersection(places[1].index)
    return sorted(both[(places[0][both] != places[1][both]).to_numpy()])


def _places(folds: pd.DataFrame) -> pd.Series:
    text = folds["repeat"].astype(str) + ":" + folds["role"] + ":" + folds["fold"].astype(str)
    return text.groupby(folds["bead"]).agg(" ".join)
