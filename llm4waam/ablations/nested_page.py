"""Pages of the nested sweep: temperatures, and 90 % intervals."""

import pandas as pd

from llm4waam.ablations.nested import MEASURES
from llm4waam.plotting.style import title
from llm4waam.reporting.results import number

TEMPERATURE = (
    "Log-loss, Brier score and expected calibration error (five bins of equal mass) of the "
    "study's own out-of-fold probabilities, before and after a temperature. The temperature of a "
    "fold is fitted on predictions of beads of the other folds, by models that saw neither these "
    "beads nor the fold. Lower is better."
)
INTERVALS = (
    "CV+ intervals (Barber et al. 2021) for every bead of a fold, from models that never saw the "
    "fold and residuals of beads of the other folds. A 90 % interval should hold the true value "
    "for 90 % of the beads; among those that do, the narrower is the better."
)


def calibration_page(table: pd.DataFrame, *, simulated: bool) -> str:
    """`table` holds task, model, variant (before, after), log_loss, brier and ece."""
    parts = [f"# Probabilities, on {_kind(simulated)}", TEMPERATURE]
    for task, rows in table.groupby("task", sort=False):
        lines = [["model", *(f"{title(m)}, {v}" for m in MEASURES for v in ("before", "after"))]]
        wide = rows.set_index(["model", "variant"])
        for model in rows["model"].unique():
            values = [wide.at[(model, v), m] for m in MEASURES for v in ("before", "after")]
            lines.append([title(model), *map(_text, values)])
        parts += [f"## {title(task).capitalize()}", _table(lines)]
    return "\n\n".join(parts) + "\n"


def interval_page(table: pd.DataFrame, *, simulated: bool) -> str:
    """`table` holds the columns of `prediction_intervals.coverage_of`, task, model and unit."""
    parts = [f"# 90 % intervals, on {_kind(simulated)}", INTERVALS]
    for task, rows in table.groupby("task", sort=False):
        unit = rows["unit"].iloc[0]
        width = f"mean width{f', {unit}' if isinstance(unit, str) else ''}"
        lines = [["model", "coverage", width, "median width / true value"]]
        for row in rows.itertuples():
            low, high = _text(row.coverage_low), _text(row.coverage_high)
            cover = f"{_text(row.coverage)} ({low} to {high})"
            widths = _text(row.mean_width), _text(row.median_relative_width)
            lines.append([title(row.model), cover, *widths])
        parts += [f"## {title(task).capitalize()}", _table(lines)]
    return "\n\n".join(parts) + "\n"


def _kind(simulated: bool) -> str:
    return "simulated data" if simulated else "measured data"


def _text(value: float) -> str:
    return number(None if pd.isna(value) else value)


def _table(lines: list[list[str]]) -> str:
    heads, *rest = lines
    marks = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [heads, marks, *rest])
