"""Another processor may change the last digits of a training, but no byte of its metrics."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from llm4waam.card.card import read_card
from llm4waam.core.files import read_table, write_metrics
from llm4waam.evaluation.assessment import assess_rows
from llm4waam.plotting.style import new_figure, save
from llm4waam.splits.tasks import make_task

# Stand-ins for two machines: the kernels of torch with and without vector instructions.
PROCESSORS = ("avx2", "default")


@pytest.fixture
def predictions(ready, tmp_path_factory: pytest.TempPathFactory) -> list[pd.DataFrame]:
    """The out-of-fold rows of one training as each processor computes them."""
    study, copies = ready(epochs=2), tmp_path_factory.mktemp("processors")
    folders = [shutil.copytree(study, copies / name) for name in PROCESSORS]
    command = [sys.executable, "-m", "stages.train", "bert", "quality"]
    known = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    for folder in folders:
        environment = known | {"ATEN_CPU_CAPABILITY": folder.name}
        run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
    tables = [read_table(folder / "data/predictions/bert/quality.csv") for folder in folders]
    return [table[table["role"] == "oof"].reset_index(drop=True) for table in tables]


def metrics_file(rows: pd.DataFrame) -> bytes:
    """The metrics file of out-of-fold rows."""
    card_file, file = Path("data/raw/small.yaml"), Path("metrics.json")
    task = make_task(read_card(card_file), "quality", card_file)
    cells = read_table(Path("data/clean/beads.csv")).set_index("bead")["cell"]
    write_metrics(file, assess_rows(task, "bert", rows, cells).metrics)
    return file.read_bytes()


def figure_file(rows: pd.DataFrame) -> bytes:
    """The SVG of a figure with one point a row."""
    figure, [axis] = new_figure(1, 1, width=4, height=3)
    axis.plot(rows.index, rows["score"], "o")
    axis.set_ylim(0, 1)
    save(Path("figure.svg"), figure, simulated=True)
    return Path("figure.svg").read_bytes()


def test_two_processors_write_the_same_metrics_and_a_real_change_is_seen(
    predictions: list[pd.DataFrame],
) -> None:
    one, other = predictions
    metrics, figure = metrics_file(one), figure_file(one)
    assert metrics_file(other) == metrics
    assert figure_file(other) == figure
    # One bead alone, also out of a tie of equal scores.
    for place, score in enumerate(one["score"]):
        moved = one.index == place
        last_digit = one.assign(score=one["score"].mask(moved, score * (1 + 1e-7)))
        assert metrics_file(last_digit) == metrics
        assert figure_file(last_digit) == figure
        real = one.assign(score=one["score"].mask(moved, score + 3e-3))
        assert metrics_file(real) != metrics
    assert figure_file(one.assign(score=one["score"] + 0.01)) != figure


def test_names_inside_a_figure_do_not_hang_on_the_last_digits(tmp_path: Path) -> None:
    def drawn(score: np.ndarray, name: str = "figure") -> str:
        figure, axes = new_figure(1, 2, width=4, height=3)
        for axis in axes:
            axis.scatter(score, score**2)
            axis.plot(score, score, "o")
        save(tmp_path / f"{name}.svg", figure, simulated=True)
        return (tmp_path / f"{name}.svg").read_text()

    score = np.random.default_rng(0).normal(size=20)
    assert drawn(score * (1 + 1e-9)) == drawn(score)
    assert drawn(score * 1.1) != drawn(score)
    # A page holds several figures: the mark of one must not stand for that of another.
    marks = [set(re.findall(r'href="#(?!DejaVu)([^"]+)', drawn(score, name))) for name in "ab"]
    assert marks[0]
    assert not marks[0] & marks[1]
