"""The folds and the hold-out, which no bead and no cell ever crosses, nor, if asked, a group.

What stays together is the cell; by a column of the table (`split.by`), all cells that share a value
of it: a paper, a laboratory, a plate. The column `cell` of the folds names what stays together, and
whatever needs it (the bootstrap, inner folds) takes it from there.

Inside a fold, folds over its training beads serve what is fitted or chosen there; no bead and no
cell of the fold that is reported takes part, and the beads of one cell stay together.
"""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from pydantic import Field

from llm4waam.card.card import CELL, Card
from llm4waam.card.cells import components, find_cells
from llm4waam.core.errors import StudyError
from llm4waam.core.settings import Section
from llm4waam.splits.tasks import Task, make_task, targets

COLUMNS = ["bead", "cell", "role", "repeat", "fold"]
HOLD_OUT_FOLD = -1
GROUP = "group_"  # what stays together by a column is called so, with a number
CANDIDATES = 50
# Two seeds of the split are so far apart that they share no draw. They are counted from the
# study's own, which so keeps the folds that it had when neighbouring seeds still shared draws.
OWN_SEED, APART = 7, 1_000_000


class Split(Section):
    """Folds over the training beads, and the fixed hold-out.

    `by` is cell, or a column whose values stay together; None: what the card says.
    """

    by: str | None = None
    seed: int = Field(ge=0, lt=4000)
    folds: int = Field(ge=2, le=10_000)
    repeats: int = Field(ge=1, le=1000)
    hold_out: float = Field(ge=0, lt=0.5)

    def options(self) -> dict:
        """The arguments of `make_folds`."""
        first = (OWN_SEED + (self.seed - OWN_SEED) * APART) % (2**32 - APART)
        return {**self.model_dump(exclude={"by"}), "seed": first}


def make_folds(
    beads: pd.DataFrame,
    strata: np.ndarray,
    *,
    folds: int,
    repeats: int,
    hold_out: float,
    seed: int,
    file: object,
) -> pd.DataFrame:
    """Rows (bead, cell, role, repeat, fold): every training bead once a repeat, the hold-out once.

    `strata` (beads, labels) of 0 and 1 is what the folds share out evenly, by iterative
    stratification over cells. The hold-out is, of 50 candidates that the seed draws, the one whose
    number of beads and of labels comes nearest to its share; only labels are looked at. All random
    numbers are drawn from `seed` on, in small steps (see `Split`). Raises StudyError where there
    are fewer cells than folds.
    """
    cells = np.unique(beads["cell"])
    of_cell = pd.Categorical(beads["cell"], categories=cells).codes
    # A cell has a label if any of its beads has it.
    table = pd.DataFrame(strata).groupby(of_cell).max().to_numpy(dtype=int)
    test = np.zeros(len(cells), dtype=bool)
    if hold_out:
        parts = round(1 / hold_out)
        _enough(cells, max(parts, folds + 1), folds, file)
        sizes = np.bincount(of_cell)[:, None]
        totals = pd.DataFrame(strata).groupby(of_cell).sum().to_numpy()
        counts = np.hstack([sizes, totals])
        found = [_parts(table, parts, seed + n)[0] for n in range(CANDIDATES)]
        want = counts.sum(axis=0) * hold_out
        off = [np.abs(counts[part].sum(axis=0) - want).sum() for part in found]
        test[found[int(np.argmin(off))]] = True
    train = np.flatnonzero(~test)
    _enough(cells[train], folds, folds, file)
    rows = [_rows(beads, of_cell, np.flatnonzero(test), "test", 0, HOLD_OUT_FOLD)]
    for repeat in range(repeats):
        for fold, part in enumerate(_parts(table[train], folds, seed + 1000 * (repeat + 1))):
            rows.append(_rows(beads, of_cell, train[part], "train", repeat, fold))
    return pd.concat(rows, ignore_index=True)


def strata_of(card: Card, beads: pd.DataFrame, card_file: object) -> np.ndarray:
    """What the folds are stratified on, shape (beads, labels), 0 and 1.

    The labels of all classification tasks of the card, whichever of them the study is about: the
    split depends on the beads and not on `tasks` in params.yaml. For a card with regressions alone,
    the quarter of the first target. A missing outcome counts as no label.
    """
    tasks = [make_task(card, name, card_file) for name in card.tasks]
    columns = [
        np.nan_to_num(targets(card, task, beads)) for task in tasks if task.kind != "regression"
    ]
    if not columns:
        ranks = pd.Series(targets(card, tasks[0], beads)[:, 0]).rank(pct=True).fillna(0)
        quarter = np.minimum(ranks.to_numpy() * 4, 3).astype(int)
        columns = [np.eye(4)[quarter]]
    strata = np.unique(np.hstack(columns), axis=1).astype(int)
    # Iterative stratification wants at least two labels.
    return strata if strata.shape[1] > 1 else np.hstack([strata, 1 - strata])


def beads_of(role: str, beads: pd.DataFrame, folds: pd.DataFrame) -> pd.DataFrame:
    """The rows of `beads` with a role in `folds`: "train", or "test", the hold-out."""
    return beads[beads["bead"].isin(folds.loc[folds["role"] == role, "bead"])]


def with_blocks(beads: pd.DataFrame, by: str, file: object) -> pd.DataFrame:
    """`beads` whose `cell` is what stays together: the cell, or all that share a value of `by`.

    A bead without a value stays with its cell. A cell that spans two values joins them. Raises
    StudyError where the clean table has no column `by`.
    """
    if by == CELL:
        return beads
    if by not in beads.columns:
        expected = ", ".join([CELL, *beads.columns.drop(["bead", CELL])])
        raise StudyError(file, "there is no such column", column="split.by", value=by,
                         expected=expected)  # fmt: skip
    cells, values = (pd.factorize(beads[name])[0] for name in (CELL, by))
    known, first = values >= 0, int(cells.max()) + 1  # the values are nodes behind the cells
    joined = components(cells[known], first + values[known], first + len(beads))
    found = pd.factorize(joined[cells])[0]
    return beads.assign(cell=[f"{GROUP}{n:04d}" for n in found])


def with_cells_of(beads: pd.DataFrame, folds: pd.DataFrame) -> pd.DataFrame:
    """`beads` whose `cell` is what the folds kept together."""
    names = folds.drop_duplicates("bead").set_index("bead")[CELL]
    return beads.assign(cell=beads["bead"].map(names))


def crossing_groups(
    folds: pd.DataFrame, beads: pd.DataFrame, card: Card
) -> dict[str, dict[str, int]]:
    """Column of role group -> its values in two folds, or in train and test, and all of them.

    Scores of such folds say how well a model does on new settings of known groups, and not on a
    group that it has never seen.
    """
    found = {}
    for column in card.named("group"):
        if column not in beads.columns:
            continue
        known = folds.merge(beads[["bead", column]], on="bead").dropna(subset=[column])
        many = pd.Series(False, index=sorted(known[column].unique()))
        for repeat in known["repeat"].unique():
            here = known[(known["repeat"] == repeat) | (known["role"] == "test")]
            places = here.groupby(column)["fold"].nunique()
            many |= (places > 1).reindex(many.index, fill_value=False)
        found[column] = {"in_several_folds": int(many.sum()), "groups": len(many)}
    return found


def check_folds(
    folds: pd.DataFrame, beads: pd.DataFrame, card: Card, file: object, by: str = CELL
) -> None:
    """Raise StudyError if a bead, a cell or a twin stands in two folds, or in train and test.

    Twins are looked for in the beads themselves, so that a renamed copy is found as well: beads of
    one campaign whose set-points agree, and templated prompts with the same numbers. `by` a column,
    beads that share its value are twins as well.
    """
    missing = set(beads["bead"]) - set(folds["bead"])
    if missing:
        raise StudyError(file, "the bead is in no fold", column="bead", value=min(missing))
    twins = with_blocks(beads.assign(cell=_twins(beads, card)), by, file)["cell"]
    cells = folds.merge(beads[["bead"]].assign(twins=twins), on="bead", how="left")
    if cells["twins"].isna().any():
        stranger = cells.loc[cells["twins"].isna(), "bead"].iloc[0]
        raise StudyError(file, "no such bead in the clean table", column="bead", value=stranger)
    for column in ("bead", "cell", "twins"):
        for repeat in sorted(folds["repeat"].unique()):
            here = cells[(cells["repeat"] == repeat) | (cells["role"] == "test")]
            places = here.groupby(column)[["role", "fold"]].nunique().max(axis=1)
            if column == "bead":
                places = here.groupby("bead").size()
            if (places > 1).any():
                who = here.loc[here[column] == places.idxmax(), "bead"].unique()
                what = column[:4] if column != "twins" or by == CELL else f"twin or {by}"
                reason = f"leak: {', '.join(who)} share a {what} and stand in two folds"
                raise StudyError(file, reason, expected="all of them in one fold")


def _twins(beads: pd.DataFrame, card: Card) -> np.ndarray:
    if card.named("prompt"):
        return pd.factorize(beads["cell"])[0]
    return find_cells(beads, card.cell_keys)


def _enough(names: np.ndarray, needed: int, folds: int, file: object) -> None:
    if len(names) < needed:
        what = "groups" if str(names[0]).startswith(GROUP) else "cells"
        raise StudyError(
            file,
            f"{len(names)} {what} are too few for {folds} folds and the hold-out",
            expected=f"at least {needed} {what}, or a smaller split.folds",
        )


def _parts(table: np.ndarray, parts: int, seed: int) -> list[np.ndarray]:
    """Row numbers of each part of `table`."""
    # Only where folds are made: those that read them need no scikit-learn.
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

    splitter = MultilabelStratifiedKFold(parts, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A label with fewer cells than parts cannot be in every part.
        warnings.simplefilter("ignore", UserWarning)
        return [test for _, test in splitter.split(table, table)]


def _rows(
    beads: pd.DataFrame, of_cell: np.ndarray, cells: np.ndarray, role: str, repeat: int, fold: int
) -> pd.DataFrame:
    rows = beads.loc[np.isin(of_cell, cells), ["bead", "cell"]]
    return rows.assign(role=role, repeat=repeat, fold=fold)[COLUMNS]


HOLD_OUT = 5  # one in five training beads watches the epochs, as one in five tests the folds
QUARTERS = 4

Parts = tuple[list[str], list[str]]


def inner_strata(task: Task, targets: np.ndarray) -> np.ndarray:
    """What inner folds share out evenly, (beads, strata) of 0 and 1, from targets (beads, outputs).

    The labels of the task, both classes of a binary one, the quarters of a regression's first
    target.
    """
    if task.kind == "regression":
        ranks = pd.Series(targets[:, 0]).rank(pct=True).to_numpy()
        quarter = np.minimum(ranks * QUARTERS, QUARTERS - 1).astype(int)
        return np.eye(QUARTERS, dtype=int)[quarter]
    labels = np.asarray(targets).astype(int)
    # Iterative stratification wants at least two labels.
    return labels if labels.shape[1] > 1 else np.hstack([labels, 1 - labels])


def inner_folds(
    beads: Sequence[str], cells: Mapping[str, str], strata: np.ndarray, k: int, seed: int
) -> list[Parts]:
    """`k` pairs (beads to train on, beads to predict) of the training `beads` of an outer fold.

    `cells` says the cell of a bead, `strata` is (beads, strata). Every bead is predicted once, by
    a model that saw no bead of its cell; both lists keep the order of `beads`. Raises StudyError
    where k is 1 or there are fewer cells than k.
    """
    table = pd.DataFrame({"bead": beads, "cell": [cells[bead] for bead in beads]})
    count = table["cell"].nunique()
    if not 2 <= k <= count:
        expected = f"2 to {count}, the cells that the training beads have (or 0: no inner folds)"
        raise StudyError(
            "params.yaml",
            "no number of inner folds",
            column="train.inner_folds",
            value=k,
            expected=expected,
        )
    rows = make_folds(table, strata, folds=k, repeats=1, hold_out=0, seed=seed, file="params.yaml")
    place = dict(zip(rows["bead"], rows["fold"], strict=True))
    return [
        ([b for b in beads if place[b] != fold], [b for b in beads if place[b] == fold])
        for fold in range(k)
    ]


def inner_hold_out(
    beads: Sequence[str], cells: Mapping[str, str], strata: np.ndarray, seed: int
) -> Parts:
    """(beads to train on, beads that choose the epoch): four fifths and one fifth of `beads`.

    The first of five inner folds, of fewer where there are fewer cells; raises StudyError where
    all beads are of one cell.
    """
    k = min(HOLD_OUT, len({cells[bead] for bead in beads}))
    return inner_folds(beads, cells, strata, k, seed)[0]
