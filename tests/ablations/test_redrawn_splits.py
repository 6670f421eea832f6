"""How far the draw of the split moves a score: planted draws, and what is said of them."""

import re

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from llm4waam.ablations.redrawn_splits import (
    best_over_draws,
    draw_scores,
    splits_figure,
    splits_page,
    spread_of_draws,
    summarise_draws,
)
from llm4waam.card.card import read_card
from llm4waam.splits.tasks import make_task

FILE = ROOT / "data/raw/waam_beads.yaml"
TASKS = {"quality": make_task(read_card(FILE), "quality", FILE)}
BEADS = [f"b{n:02d}" for n in range(20)]
CELLS = pd.Series([f"c{n // 2}" for n in range(20)], BEADS)
# Beads that are right out of 16 out of fold and 4 held out: the study, then three draws.
RIGHT = {
    "bert": [(12, 4), (8, 2), (10, 3), (12, 1)],
    "extra_trees": [(12, 3), (14, 4), (9, 4), (13, 3)],
}


def rows_of(model: str, oof: int, held: int) -> pd.DataFrame:
    target = np.arange(20) % 2
    right = np.r_[np.arange(16) < oof, np.arange(4) < held]
    table = pd.DataFrame({"task": "quality", "model": model, "repeat": 0, "bead": BEADS})
    table["role"] = np.repeat(["oof", "hold_out"], [16, 4])
    table = table.assign(label="Normal", target=target.astype(float), loss=0.1, threshold=0.5)
    return table.assign(score=np.where(right, target, 1 - target) * 0.8 + 0.1)


@pytest.fixture(scope="module")
def draws() -> pd.DataFrame:
    own = pd.concat(rows_of(model, *found[0]) for model, found in RIGHT.items())
    rows = pd.concat(
        rows_of(model, *one).assign(variation=f"seed_{n}")
        for model, found in RIGHT.items()
        for n, one in enumerate(found[1:])
    )
    return draw_scores(rows, own, TASKS, CELLS)


def test_the_study_is_no_draw_and_spread_is_that_of_the_draws(draws: pd.DataFrame) -> None:
    spread = spread_of_draws(draws).set_index(["model", "role"])
    found = spread.loc[("bert", "oof")]
    shares = np.array([8, 10, 12]) / 16
    assert found["study"] == 12 / 16
    assert found["draws"] == 3
    assert found["mean"] == pytest.approx(shares.mean())
    assert found["sd"] == pytest.approx(shares.std(ddof=1))
    assert (found["lowest"], found["highest"]) == (0.5, 0.75)
    held = spread.loc[("bert", "hold_out")]
    assert (held["study"], held["lowest"], held["highest"]) == (1.0, 0.25, 0.75)


def test_page_figure_and_metrics_say_it(draws: pd.DataFrame) -> None:
    spread = spread_of_draws(draws)
    assert best_over_draws(spread, "quality") == "extra_trees"
    page = splits_page(draws, spread, simulated=True)
    assert "3 draws, 16 beads out of fold, 4 beads hold-out." in page
    # 8 against 14, 10 against 9, 12 against 13
    assert re.search(r"\| -0.125 \| +-0.375 to 0.062 \| +1 of 3 \|", page)
    assert "simulated" in page
    [axis] = splits_figure(draws, spread).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["BERT", "extra trees"]
    assert summarise_draws(spread)["quality"]["bert"]["oof"]["study"] == 0.75
