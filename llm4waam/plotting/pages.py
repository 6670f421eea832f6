"""What all pages share: numbers, intervals and Markdown tables, drawings, the word for the data."""

import math
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from llm4waam.core.escapes import in_cell, in_markdown
from llm4waam.plotting.language import translated

DASH = "–"  # not run, or not defined


def number(value: float | None) -> str:
    """A score, width or count as pages show it: 3 decimals below 10, 1 below 1,000, then none."""
    if value is None or math.isnan(value):
        return DASH
    digits = 3 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    # As Python's float: NumPy rounds 0.9985 down, and the same score would be shown in two ways.
    return f"{round(float(value), digits) + 0.0:,.{digits}f}"  # + 0.0 turns -0.0 into 0.0


def signed(value: float | None) -> str:
    """A difference, with its sign: "+0.036", "-0.078"."""
    return f"{'+' if value is not None and value > 0 else ''}{number(value)}"


def between(
    score: float | None, low: float | None, high: float | None, *, joined_by: str = "to"
) -> str:
    """A score and its interval, "0.774 (0.681 to 0.856)"; the score alone where there is none."""
    if low is None or math.isnan(low):
        return number(score)
    return f"{number(score)} ({number(low)} {joined_by} {number(high)})"


def probability(p: float | None) -> str:
    """A p-value as pages show it."""
    if p is None or math.isnan(p):
        return DASH
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def paired(pair: Mapping) -> str:
    """A pair of metrics/comparisons.json: its difference, the interval and the adjusted p."""
    ends = " to ".join(number(pair[key]) for key in ("difference_low", "difference_high"))
    p = probability(pair["p_holm"])
    return f"difference {signed(pair['difference'])}, 95 % interval {ends}, Holm-adjusted p {p}"


def markdown_table(table: pd.DataFrame, left: int = 1) -> str:
    """A table of texts in Markdown; all but the first `left` columns stand to the right.

    A `|`, HTML or a line break in a cell is no part of the table's markup.
    """
    table = table.map(lambda cell: in_cell(cell) if isinstance(cell, str) else cell)
    sides = ["left"] * left + ["right"] * (len(table.columns) - left)
    return table.to_markdown(index=False, disable_numparse=True, colalign=sides)


def kind_of_data(*, simulated: bool) -> str:
    """What every page and card says of its table."""
    return "simulated data" if simulated else "measured data"


def of_table(page: str, title: str, card_file: object) -> str:
    """A Markdown page and, as its last line, the table that it is about: it outlives its run."""
    return f"{page}\nTable: {in_markdown(title)} (`{card_file}`).\n"


def sentence_case(text: str) -> str:
    """The text with a capital first letter; "RMSE" and "R²" stay as they are."""
    return text[:1].upper() + text[1:]


def templates(folder: Path) -> Environment:
    """The templates of a folder, beside those that all pages share; texts in them are escaped."""
    return Environment(
        loader=FileSystemLoader([folder, Path(__file__).parent]), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def model_card(text: str, **facts: object) -> str:
    """A model card: `facts` as its YAML head (license, tags, ...), `text` below it."""
    # Only here: what else uses a page need not wait for the hub's library.
    from huggingface_hub import ModelCard, ModelCardData

    return str(ModelCard(f"---\n{ModelCardData(**facts).to_yaml()}\n---\n\n{text}"))


_PANEL = re.compile(r'<svg class="(\w+)" x="[^"]*" y="[^"]*" width="([^"]*)" height="[^"]*"')


def drawing(svg: str, language: str = "en") -> Markup:
    """A drawing that `style.save` wrote, as a part of a page in a language.

    Its panels stand side by side where the page is wide enough, else one below the other. Another
    SVG, such as one of an earlier version, is one panel, with its texts as they are.
    """
    fonts = re.search(r'^<svg [^>]*font-family="([^"]*)"', svg)
    if fonts is None:
        width = re.search(r'viewBox="\S+ \S+ (\S+)', svg)
        inside = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
        inside = inside[inside.index("<svg") + 4 :]
        head = f'style="--width: {width[1] if width else 500}"'
        return Markup(f'<div class="panels"><svg {head}{inside}</div>')
    svg = svg[svg.index('<svg class="') : svg.rindex("</svg>")]
    svg = _PANEL.sub(r'<svg class="\1" style="--width: \2"', svg)
    svg = translated(svg) if language == "ko" else svg
    return Markup(f'<div class="panels" style="font-family: {fonts[1]}">\n{svg}</div>')
