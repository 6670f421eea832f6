"""Groups that stay together (`split.by`), with a planted leak; and those that do not, counted."""

import json
import logging

import numpy as np
import pandas as pd
import pytest
from conftest import SMALL_CARD

from llm4waam.card.card import read_card
from llm4waam.core.errors import StudyError
from llm4waam.core.files import read_table
from llm4waam.splits.folds import check_folds, crossing_groups, with_blocks, with_cells_of
from stages import clean, split

PAPERS = 8
HEADER = "record,campaign,material,travel_speed,travel_speed_unit,voltage,current,heat_input,note"


def rows() -> list[str]:
    """Eight laboratories of six beads each: three settings, two repeats."""
    made = []
    for bead in range(PAPERS * 6):
        lab, speed = bead // 6, 4 + bead // 2 % 3
        result = ("Normal", "Humping", "Lack of fusion")[bead // 2 % 3]
        heat = 0.8 * 15 * 150 / speed
        cells = [f"r{bead:02d}", f"lab {lab}", "ER70S-6", f"{speed}", "mm/s", "15", "150"]
        made.append(",".join([*cells, f"{heat:.4f}", "", result]))
    return made


@pytest.fixture
def study(workspace, params):
    def run(by: str | None, card: str = SMALL_CARD):
        params["split"]["by"] = by
        folder = workspace(rows=rows(), params=params, card=card)
        clean.main()
        split.main()
        tables = (read_table(folder / f"data/{f}.csv") for f in ("clean/beads", "split/folds"))
        metrics = json.loads((folder / "metrics/split.json").read_text(encoding="utf-8"))
        return read_card(folder / "data/raw/small.yaml"), *tables, metrics

    return run


def places(folds: pd.DataFrame, beads: pd.DataFrame) -> pd.Series:
    """Laboratory -> how many folds, the hold-out one of them, its beads stand in."""
    return folds.merge(beads[["bead", "campaign"]], on="bead").groupby("campaign")["fold"].nunique()


def test_by_cell_a_group_crosses_the_folds_and_that_is_said(study, caplog) -> None:
    with caplog.at_level(logging.INFO):
        _, beads, folds, metrics = study(None)
    assert (places(folds, beads) > 1).sum() == metrics["groups"]["campaign"]["in_several_folds"] > 0
    assert metrics["by"] == "cell"
    [line] = [one for one in caplog.messages if one.startswith("warning")]
    assert f"of the {PAPERS} groups of campaign stand in several folds" in line


@pytest.mark.parametrize("where", ["params", "card"])
def test_by_a_column_every_group_stands_in_one_fold(study, caplog, where: str) -> None:
    card = SMALL_CARD.replace("columns:", "split_by: campaign\ncolumns:", 1)
    with caplog.at_level(logging.INFO):
        given = ("campaign", SMALL_CARD) if where == "params" else (None, card)
        card, beads, folds, metrics = study(*given)
    assert (places(folds, beads) == 1).all()
    assert metrics["groups"] == {"campaign": {"groups": PAPERS, "in_several_folds": 0}}
    assert (metrics["by"], metrics["kept_together"]) == ("campaign", PAPERS)
    assert not any(one.startswith("warning") for one in caplog.messages)
    check_folds(folds, beads, card, "folds.csv", "campaign")
    # The bootstrap and inner folds take from the folds what belongs together.
    cells = with_cells_of(beads, folds)["cell"]
    assert (cells.groupby(beads["campaign"]).nunique() == 1).all()


def test_a_group_that_crosses_the_folds_is_a_leak(study) -> None:
    card, beads, folds, _ = study("campaign")
    group = folds.loc[folds["fold"] == 0, "cell"].iloc[0]
    cell = beads.set_index("bead")["cell"]
    moved = folds["bead"].map(cell) == cell[folds.loc[folds["cell"] == group, "bead"].iloc[0]]
    leak = folds.assign(fold=folds["fold"].mask(moved, 1))
    with pytest.raises(StudyError, match="share a cell and stand in two folds"):
        check_folds(leak, beads, card, "folds.csv", "campaign")
    renamed = leak.assign(cell=leak["cell"].mask(moved, "group_new"))
    check_folds(renamed, beads, card, "folds.csv")  # by cell nothing leaks
    with pytest.raises(StudyError, match="share a twin or campaign and stand in two folds"):
        check_folds(renamed, beads, card, "folds.csv", "campaign")


def test_a_cell_of_two_values_joins_them_and_a_missing_value_joins_nothing() -> None:
    beads = pd.DataFrame(
        {
            "bead": list("abcdef"),
            "cell": ["1", "1", "2", "3", "4", "5"],
            "plate": ["x", "y", "y", "z", np.nan, np.nan],
        }
    )
    blocks = with_blocks(beads, "plate", "params.yaml")["cell"].tolist()
    assert blocks == [f"group_{n:04d}" for n in (0, 0, 0, 1, 2, 3)]


def test_groups_that_are_too_few_or_not_there_are_named(study) -> None:
    with pytest.raises(StudyError, match=r"column split\.by: 'paper': there is no such column"):
        study("paper")
    with pytest.raises(StudyError, match="1 groups are too few for 3 folds"):
        study("material")


def test_groups_are_counted_over_repeats_and_the_hold_out(study) -> None:
    card, beads, folds, _ = study("campaign")
    assert crossing_groups(folds, beads, card)["campaign"]["in_several_folds"] == 0
    again = folds[folds["role"] == "train"].assign(repeat=1)
    again["fold"] = np.arange(len(again)) % 3
    both = pd.concat([folds, again])
    trained = folds[folds["role"] == "train"].merge(beads, on="bead")["campaign"].nunique()
    assert crossing_groups(both, beads, card)["campaign"]["in_several_folds"] == trained
