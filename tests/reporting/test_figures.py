"""Figures hold what their tables hold, also of one epoch, and fit a telephone."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from llm4waam.ablations.figures import ablation_figure
from llm4waam.core.files import read_table
from llm4waam.plotting import svg_text
from llm4waam.plotting.style import PANEL, log_scale, new_figure, svg_of, written_out
from llm4waam.reporting.figures import answer_figure, curves_figure


def history(epochs: int) -> pd.DataFrame:
    rows = [
        {"task": "quality", "model": model, "fold": fold, "epoch": epoch}
        for model in ("bert", "roberta")
        for fold in range(3)
        for epoch in range(1, epochs + 1)
    ]
    table = pd.DataFrame(rows)
    return table.assign(train_loss=0.5 + 0.1 * table["fold"], val_loss=0.9 + 0.1 * table["fold"])


def test_one_epoch_is_a_point_with_its_range() -> None:
    """A line of one point would not be seen."""
    [axis] = curves_figure(history(1)).axes
    marked = [line for line in axis.lines if line.get_marker() not in ("None", "")]
    assert len(marked) == 4  # two encoders, training and validation
    assert sorted(float(line.get_ydata()[0]) for line in marked) == pytest.approx(
        [0.6, 0.6, 1.0, 1.0]
    )
    assert len({float(line.get_xdata()[0]) for line in marked}) == 4  # none hides another
    ranges = [path for one in axis.collections for path in one.get_paths()]
    assert len(ranges) == 4
    [axis] = curves_figure(history(3)).axes
    assert all(line.get_marker() in ("None", "") for line in axis.lines)


def results() -> pd.DataFrame:
    rows = [
        ("bert", 0.9, 0), ("roberta", 0.8, 0), ("catboost", 0.7, 0), ("extra_trees", 0.75, 0),
        ("formula_pre_weld", 0.95, 0), ("formula_post_weld", 1.0, 1), ("mean", -3.0, 0),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["model", "score", "knows_more"])
    table = table.assign(low=table["score"] - 0.1, high=table["score"] + 0.1)
    return table.assign(task="heat_input", metric="r2", hold_out=0.5)


def test_the_answer_shows_each_kind_of_model_once() -> None:
    figure = answer_figure(results())
    [axis] = figure.axes
    shown = {line.get_label(): float(line.get_xdata()[0]) for line in axis.lines}
    assert shown == {"BERT": 0.9, "RoBERTa": 0.8, "best baseline": 0.75, "formula": 0.95,
                     "a guess": -0.5}  # fmt: skip  # at the edge
    assert len({line.get_marker() for line in axis.lines}) == 5  # none is told by colour alone


def test_every_panel_and_its_legend_fit_a_telephone() -> None:
    table = read_table(ROOT / "plots/ablations/protocols/protocols.csv")
    table["group"] = ""
    models = {"quality": ["bert", "roberta", "catboost", "nearest_neighbour"]}
    figures = [curves_figure(history(2)), answer_figure(results())]
    figures.append(ablation_figure("protocols", table, models))
    for figure in figures:
        svg_of(figure, "figure", simulated=True)
        for panel in [*figure.figures, *figure.above, *figure.below]:
            assert panel.get_figwidth() <= PANEL
            for legend in panel.legends:
                box = legend.get_window_extent(svg_text.measuring())
                assert box.width / panel.dpi <= panel.get_figwidth()


@pytest.mark.parametrize(
    ("low", "high", "width"),
    [(100, 600, 4.7), (50, 90_000, 3.1), (1e-9, 1e3, 4.7), (5e3, 3e5, 2.5), (0.4, 2.5, 4.7)],
)
def test_ticks_of_a_log_axis_stand_apart(low: float, high: float, width: float) -> None:
    figure, [axis] = new_figure(1, 1, width=width, height=2.5)
    log_scale(axis.xaxis)
    axis.set_xlim(low, high)
    svg_of(figure, "figure", simulated=False)
    ticks = np.array(axis.get_xticks())
    assert 2 <= len(ticks) <= 10
    places = axis.transData.transform([(tick, 1) for tick in ticks])[:, 0]
    long = [0.6 * 9 * len(written_out(tick)) for tick in ticks]
    gaps = np.diff(places) - (np.array(long[1:]) + np.array(long[:-1])) / 2
    assert (gaps > 0).all()


def test_the_number_of_a_tick() -> None:
    shown = [written_out(value) for value in (20_000, 100, 5, 0.5, 0.001, 1e-6, 2e-5)]
    assert shown == ["20,000", "100", "5", "0.5", "0.001", "10⁻⁶", "2e-05"]
