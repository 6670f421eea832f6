"""How every figure looks, and how it is written: the same bytes from the same numbers."""

import re
from io import BytesIO
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from llm4waam.core.files import write_text
from llm4waam.encoders.families import FAMILIES
from llm4waam.plotting import svg_text

matplotlib.use("Agg")
matplotlib.rcParams.update(
    {
        "svg.hashsalt": "llm4waam",
        "svg.fonttype": "path",
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
        "text.parse_math": False,  # a $ in a text of a user is a $
        "figure.dpi": 100,
    }
)

# Okabe and Ito: colours that colour-blind readers tell apart; the markers say the same again.
COLOURS = ("#009E73", "#D55E00", "#0072B2", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "^", "s", "D", "v", "P", "X")
GREY = "#767676"
MANY = 5000  # more points than this are drawn as pixels: an SVG of each is slow to open

_NAMES = {
    "formula_pre_weld": "closed formula, pre-weld",
    "formula_post_weld": "closed formula, post-weld",
    "ridge_logs": "ridge on logs",
    "tfidf_logistic": "TF-IDF + logistic regression",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R²",
    "samples_f1": "samples F1",
    "mape": "MAPE",
    "log_rmse": "RMSE of logarithms",
    "brier": "Brier score",
    "ece": "calibration error",
    "log_loss": "log-loss",
    "svm_rbf": "SVM with RBF kernel",
    "catboost": "CatBoost",
    "gaussian_process": "Gaussian process",
    "tabpfn": "TabPFN",
    "tabicl": "TabICL",
    "trainer_with_another_seed": "Trainer with another seed",
    "fused_adamw": "fused AdamW",
}
_UNITS = {"degC": "°C", "deg": "°", "mm**2": "mm²"}
# Of the encoders, in the order of FAMILIES.
_ENCODER_COLOURS = (COLOURS[2], COLOURS[1], COLOURS[0], COLOURS[5], COLOURS[4])


def title(name: str) -> str:
    """The name of a model, task or metric as a reader sees it: "extra_trees" -> "extra trees"."""
    if name in FAMILIES:
        return FAMILIES[name].title
    return _NAMES.get(name, name.replace("_", " "))


def model_colour(model: str) -> str:
    """Each encoder has its colour; all baselines share one."""
    if model not in FAMILIES:
        return GREY
    return _ENCODER_COLOURS[list(FAMILIES).index(model) % len(_ENCODER_COLOURS)]


def with_unit(name: str, unit: str | None) -> str:
    """An axis label: "Travel speed (mm/s)"; a pure number has no unit."""
    name = name[:1].upper() + name[1:]
    if unit in (None, "", "dimensionless"):
        return name
    return f"{name} ({_UNITS.get(unit, unit)})"


def new_figure(
    rows: int, columns: int, *, width: float, height: float, **shared: object
) -> tuple[Figure, list[Axes]]:
    """A figure of rows x columns panels, each `width` x `height` inches; the panels, flat."""
    figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **shared)
    return figure, list(axes.flat)


def log_scale(*axes: Axis) -> None:
    """Log axes with ticks at 1, 2 and 5, written out: 20,000 and not 2 x 10^4."""
    for axis in axes:
        axis.axes.set(**{f"{axis.axis_name}scale": "log"})
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}" if v >= 1 else f"{v:g}"))
        axis.set_minor_formatter(NullFormatter())


def empty_figure(reason: str) -> Figure:
    """A figure that says why there is nothing to see, so that the file is there all the same."""
    figure, [axis] = new_figure(1, 1, width=5, height=1)
    axis.set_axis_off()
    axis.text(0.5, 0.5, reason, ha="center", va="center")
    return figure


def save(path: Path, figure: Figure, *, simulated: bool) -> None:
    """Write a figure as SVG, whole or not at all; a simulated table is named as one."""
    write_text(path, svg_of(figure, f"{path.parent.name}-{path.stem}", simulated=simulated))


def svg_of(figure: Figure, name: str, *, simulated: bool) -> str:
    """The same as a text; what the figure defines is called by `name`, see `_rounded`."""
    if simulated:
        # The layout keeps a strip free for it.
        figure.supxlabel("simulated data", x=0.99, ha="right", fontsize=7, color=GREY)
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None}, backend=svg_text.BACKEND)
    return _rounded(buffer.getvalue().decode("utf-8"), name)


# What holds coordinates; scales, widths of lines and opacities stay as they are.
_COORDINATES = re.compile(
    r' (?:d|x|y|x1|y1|x2|y2|cx|cy|points)="[^"]*"|(?:translate|rotate)\([^)]*\)'
)
_DECIMALS = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
# Names of clip paths and marks, which matplotlib makes of coordinates that are not rounded.
_IDS = re.compile(r'(?<=[#"])(?:[a-z]|C\w+_)[0-9a-f]{10}(?=[)"])')


def _rounded(svg: str, figure: str) -> str:
    """Coordinates to a tenth of a point, which is what can be seen.

    A processor of another make changes the seventh digit of a training, and a review must not show
    that as a change. Names are made of `figure` and their order: a page holds several figures, and
    none may take the mark of another.
    """

    def tenth(number: re.Match) -> str:
        return f"{round(float(number[0]), 1) + 0.0:g}"

    names: dict[str, str] = {}
    svg = _IDS.sub(lambda found: names.setdefault(found[0], f"{figure}-{len(names)}"), svg)
    return _COORDINATES.sub(lambda found: _DECIMALS.sub(tenth, found[0]), svg)
