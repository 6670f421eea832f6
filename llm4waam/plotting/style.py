"""How every figure looks, and how it is written: the same bytes from the same numbers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from math import ceil, floor, log10
from pathlib import Path

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.ticker import FuncFormatter, Locator, NullFormatter

from llm4waam.core.files import write_text
from llm4waam.encoders.families import FAMILIES
from llm4waam.plotting import language, svg_text

FONT = "DejaVu Sans"
matplotlib.use("Agg")
matplotlib.rcParams.update(
    {
        "svg.hashsalt": "llm4waam",
        "svg.fonttype": "none",
        "font.family": FONT,
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
        "text.parse_math": False,  # a $ in a text of a user is a $
        "figure.dpi": 72,
    }
)

# Okabe and Ito: colours that colour-blind readers tell apart; the markers say the same again.
COLOURS = ("#009E73", "#D55E00", "#0072B2", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "^", "s", "D", "v", "P", "X")
GREY = "#767676"
PANEL = 4.7  # inches: the width of a panel that can be read on a telephone; two fill a page
MANY = 5000  # more points than this are drawn as pixels: an SVG of each is slow to open

_UNITS = {"degC": "°C", "deg": "°", "mm**2": "mm²"}
# Of the encoders, in the order of FAMILIES.
_ENCODER_COLOURS = (COLOURS[2], COLOURS[1], COLOURS[0], COLOURS[5], COLOURS[4])
_ENCODER_MARKERS = ("o", "^", "D", "v", "P")


def title(name: str) -> str:
    """The name of a model, task or metric as a reader sees it: "extra_trees" -> "extra trees"."""
    if name in FAMILIES:
        return FAMILIES[name].title
    return language.name(name, "en") or name.replace("_", " ")


def model_colour(model: str) -> str:
    """Each encoder has its colour; all baselines share one."""
    if model not in FAMILIES:
        return GREY
    return _ENCODER_COLOURS[list(FAMILIES).index(model) % len(_ENCODER_COLOURS)]


def model_marker(model: str) -> str:
    """Each encoder has its mark, so that nobody needs the colour; all baselines share one."""
    return _ENCODER_MARKERS[list(FAMILIES).index(model) % 5] if model in FAMILIES else "s"


def with_unit(name: str, unit: str | None) -> str:
    """An axis label: "Travel speed (mm/s)"; a pure number has no unit."""
    name = name[:1].upper() + name[1:]
    if unit in (None, "", "dimensionless"):
        return name
    return f"{name} ({_UNITS.get(unit, unit)})"


@dataclass(frozen=True)
class Panels:
    """A drawing of one or more panels, each a figure of its own.

    A file holds them as a grid of `columns`, a page as wide as a hand one below the other. What
    stands in `strips` is as wide as a panel: `above` them, or below.
    """

    figures: list[Figure]
    columns: int
    above: list[Figure] = field(default_factory=list)
    below: list[Figure] = field(default_factory=list)

    @property
    def axes(self) -> list[Axes]:
        return [axis for figure in self.figures for axis in figure.axes]

    def colorbar(self, image: ScalarMappable, *, ax: Axes, **options: object) -> Colorbar:
        """As matplotlib's, in the panel of `ax`."""
        return ax.figure.colorbar(image, ax=ax, **options)

    def legend(
        self,
        handles: Sequence[Artist] | None = None,
        labels: Sequence[str] | None = None,
        *,
        loc: str = "outside upper center",
        ncols: int = 4,
        **options: object,
    ) -> None:
        """A legend of all panels, in at most `ncols` columns and never wider than a panel."""
        if handles is None:
            found = [axis.get_legend_handles_labels() for axis in self.axes]
            named = {text: handle for pair in found for handle, text in zip(*pair, strict=True)}
            handles, labels = list(named.values()), list(named)
        labels = [one.get_label() for one in handles] if labels is None else list(labels)
        if len(self.figures) == 1:
            fit_legend(self.figures[0], handles, labels, loc=loc, ncols=ncols, **options)
            return
        strip = Figure(figsize=(self.figures[0].get_figwidth(), 1))
        made = fit_legend(strip, handles, labels, loc="upper left", ncols=ncols, **options)
        height = made.get_window_extent(svg_text.measuring()).height / strip.dpi
        strip.set_figheight(height + 0.05)
        (self.below if "lower" in loc else self.above).append(strip)


def new_figure(
    rows: int, columns: int, *, width: float, height: float, **shared: object
) -> tuple[Panels, list[Axes]]:
    """A drawing of rows x columns panels, each `width` x `height` inches; their axes, flat.

    A `width` of PANEL and less can be read on a telephone. `sharex` and `sharey` give all panels
    the same limits.
    """
    figures = [Figure(figsize=(width, height), layout="constrained") for _ in range(rows * columns)]
    axes = [figure.add_subplot() for figure in figures]
    for axis in axes[1:]:
        for side in (side for side in ("sharex", "sharey") if shared.get(side)):
            getattr(axis, side)(axes[0])
    return Panels(figures, columns), axes


def fit_legend(
    figure: Figure, handles: Sequence[Artist], labels: Sequence[str], *, ncols: int = 4,
    **options: object,
) -> Legend:  # fmt: skip
    """A legend of a panel in as many columns, up to `ncols`, as it is wide enough for."""
    options = {"fontsize": 8, "columnspacing": 1.4, "handletextpad": 0.6} | options
    for count in range(min(ncols, max(len(labels), 1)), 0, -1):
        made = figure.legend(handles, labels, ncols=count, **options)
        wide = made.get_window_extent(svg_text.measuring()).width / figure.dpi
        if wide <= figure.get_figwidth() or count == 1:
            return made
        made.remove()
    raise AssertionError("a legend has at least one column")


def log_scale(*axes: Axis) -> None:
    """Log axes with ticks at round numbers, written out: 20,000 and not 2 x 10^4."""
    for axis in axes:
        axis.axes.set(**{f"{axis.axis_name}scale": "log"})
        axis.set_major_locator(_RoundNumbers())
        axis.set_major_formatter(FuncFormatter(lambda value, _: written_out(value)))
        axis.set_minor_formatter(NullFormatter())


def written_out(value: float) -> str:
    """The number of a tick: "20,000", "0.5", "10⁻⁶"."""
    mantissa, _, power = f"{value:.0e}".partition("e")
    if value < 1e-4 and mantissa == "1":
        return "10" + str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{value:,.0f}" if value >= 10 else f"{value:g}"


class _RoundNumbers(Locator):
    """As many round numbers as stand on a log axis with room between their texts."""

    # Mantissas, and every how many decades, the densest first.
    STEPS = (
        ((1, 1.5, 2, 3, 5, 7), 1),
        ((1, 2, 5), 1),
        ((1, 3), 1),
        ((1,), 1),
        ((1,), 2),
        ((1,), 3),
    )

    def __call__(self) -> list[float]:
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        low, high = sorted((vmin, vmax))
        if low <= 0:
            return []
        ticks: list[float] = []
        for mantissas, decades in self.STEPS:
            ends = floor(log10(low)) // decades * decades, ceil(log10(high)) + 1
            made = [m * 10.0**k for k in range(*ends, decades) for m in mantissas]
            ticks = [round(tick, 12) for tick in made if low * 0.999 <= tick <= high * 1.001]
            if mantissas == self.STEPS[0][0] and len(ticks) > len(mantissas):
                continue  # more than a decade: 1, 2 and 5 are enough
            if self._fits(ticks, low, high):
                break
        return ticks

    def _fits(self, ticks: list[float], low: float, high: float) -> bool:
        """Whether there is room between the texts, and on the right for half of the last one.

        Else the layout would make room on the right, whereupon another tick would fit, and so on.
        """
        box, size = self.axis.axes.bbox, self.axis._get_tick_label_size(self.axis.axis_name)
        upright = self.axis.axis_name == "y" or self.axis.get_tick_params().get("labelrotation", 0)
        long = box.height if self.axis.axis_name == "y" else box.width
        per_decade = long / max(log10(high / low), 1e-9)
        room = [1.3 * size if upright else (0.7 * len(written_out(t)) + 0.5) * size for t in ticks]
        if ticks and not upright and log10(high / ticks[-1]) * per_decade + size < room[-1] / 2:
            return False
        return all(
            log10(ticks[n + 1] / ticks[n]) * per_decade >= (room[n] + room[n + 1]) / 2
            for n in range(len(ticks) - 1)
        )


def empty_figure(reason: str) -> Panels:
    """A figure that says why there is nothing to see, so that the file is there all the same."""
    figure, [axis] = new_figure(1, 1, width=5, height=1)
    axis.set_axis_off()
    axis.text(0.5, 0.5, reason, ha="center", va="center")
    return figure


def save(path: Path, figure: Panels, *, simulated: bool, korean: bool = False) -> None:
    """Write a drawing as SVG, whole or not at all; a simulated table is named as one.

    With `korean` the same in Korean beside it (NAME.ko.svg), for a page that shows the file itself.
    """
    svg = svg_of(figure, f"{path.parent.name}-{path.stem}", simulated=simulated)
    write_text(path, svg)
    if korean:
        write_text(path.with_suffix(".ko.svg"), language.translated(svg))


def svg_of(figure: Panels, name: str, *, simulated: bool) -> str:
    """The drawing as one SVG that holds each of its panels as an SVG of its own.

    `name` is part of the name of each mark that it defines: a page holds several drawings, and none
    may take the mark of another. `pages.drawing` makes it a part of a page.
    """
    below = [*figure.below, *([_mark(figure.figures[0])] if simulated else [])]
    shown = [one for one in figure.figures if any(axis.get_visible() for axis in one.axes)]
    rows = [[one] for one in figure.above]
    rows += [shown[n : n + figure.columns] for n in range(0, len(shown), figure.columns)]
    rows += [[one] for one in below]
    parts, y, count = [], 0.0, 0
    for row in rows:
        x = 0.0
        for one in row:
            kind = "panel" if one in shown else "strip"
            parts.append(_panel(one, f"{name}-{count}", x, y, kind))
            x, count = x + one.get_figwidth() * POINTS, count + 1
        y += max(one.get_figheight() for one in row) * POINTS
    width = max(sum(one.get_figwidth() for one in row) for row in rows) * POINTS
    fonts = ", ".join((FONT, "Verdana", *svg_text.FONTS["ko"], "sans-serif"))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width:.1f}pt" height="{y:.1f}pt" viewBox="0 0 {width:.1f} {y:.1f}" '
        f'font-family="{fonts}">\n<rect width="100%" height="100%" fill="#fff"/>\n'
        + "".join(parts)
        + "</svg>\n"
    )


def _mark(panel: Figure) -> Figure:
    """The strip that says that the data are simulated, as wide as a panel."""
    strip = Figure(figsize=(panel.get_figwidth(), 0.16))
    strip.text(0.99, 0.3, "simulated data", ha="right", fontsize=7, color=GREY)
    return strip


def _panel(figure: Figure, name: str, x: float, y: float, kind: str) -> str:
    buffer = BytesIO()
    svg_text.mark_lines(figure)
    figure.savefig(buffer, format="svg", metadata={"Date": None}, backend=svg_text.BACKEND)
    svg = _rounded(buffer.getvalue().decode("utf-8"), name)
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*<defs>\s*</defs>|^ +", "", svg, flags=re.MULTILINE)
    svg = _FONT.sub("", _PLAIN_IDS.sub("", svg))
    width, height = (f"{inches * POINTS:.1f}" for inches in figure.get_size_inches())
    head = (
        f'<svg class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" stroke-linejoin="round" stroke-linecap="butt">'
    )
    return f"{head}{svg[svg.index('>') + 1 :].strip()}\n"


POINTS = 72  # of an inch
_FONT = re.compile(rf"font-family: '{FONT}';? ?")
_PLAIN_IDS = re.compile(r' id="[A-Za-z][\w.]*_\d+"')  # "axes_1": of no use, and twice in a page
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
    that as a change. Names are made of `figure` and their order.
    """

    def tenth(number: re.Match) -> str:
        return f"{round(float(number[0]), 1) + 0.0:g}"

    names: dict[str, str] = {}
    svg = _IDS.sub(lambda found: names.setdefault(found[0], f"{figure}-{len(names)}"), svg)
    return _COORDINATES.sub(lambda found: _DECIMALS.sub(tenth, found[0]), svg)
