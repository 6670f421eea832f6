"""The study on a table of other people, by cells and by groups, in a folder of its own."""

import json
import shutil

import pytest
from conftest import SMALL_CARD, small_rows

from llm4waam.baselines import models
from llm4waam.core.errors import StudyError
from stages import other_table

FEW = ("mean", "ridge_logs", "extra_trees")


@pytest.fixture
def study(workspace, params, encoders, monkeypatch):
    rows = [row.replace("lab 0", f"lab {n // 4}", 1) for n, row in enumerate(small_rows())]
    rows = [row.replace("lab 1", f"lab {n // 4}", 1) for n, row in enumerate(rows)]
    changes = {
        "dataset_format": "csv",
        "tasks": ["heat_input"],
        "encoders": ["bert"],
        "target": {"heat_input": {"loss": "mse"}},
    }
    params["other_tables"] = {
        "small": {"by": "campaign", "params": changes, "apart": {"split": {"folds": 2}}}
    }
    params["dataset"] = "small"
    folder = workspace(rows=rows, params=params, card=SMALL_CARD)
    shutil.copytree(encoders, folder / "data/encoders")
    monkeypatch.setattr(models, "BASELINES", {name: models.BASELINES[name] for name in FEW})
    return folder


def test_scores_by_cells_and_with_groups_apart_stand_side_by_side(study) -> None:
    other_table.main("small")
    found = json.loads((study / "metrics/other_tables/small.json").read_text(encoding="utf-8"))
    cells, groups = found["by"]["cell"], found["by"]["campaign"]
    assert (cells["beads"], cells["kept_together"], groups["kept_together"]) == (24, 12, 6)
    assert set(cells["scores"]["heat_input"]) == {"bert", *FEW}
    page = (study / "plots/other_tables/small.md").read_text(encoding="utf-8")
    for by, run in found["by"].items():
        assert f"{run['kept_together']} {'cells' if by == 'cell' else 'groups'}" in page
        for one in run["scores"]["heat_input"].values():
            assert f"{one['score']:.3f}" in page
    # Nothing of the study itself was made or touched.
    assert not (study / "data/clean").exists()
    assert not (study / "metrics/bert").exists()


def test_what_is_not_there_is_named(study) -> None:
    with pytest.raises(StudyError, match="'none': no such other table; expected small"):
        other_table.main("none")
    (study / "data/raw/small.csv").unlink()
    with pytest.raises(StudyError, match=r"small\.csv: there is no such file; expected"):
        other_table.main("small")
