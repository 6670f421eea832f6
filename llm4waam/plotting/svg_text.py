"""Texts that the figures' font lacks, Korean, Chinese and Japanese ones, as text in an SVG.

What DejaVu Sans has is drawn as outlines, which look the same everywhere. It has no Hangul, no kana
and no Han characters and would draw boxes. A line with such a character is written as `<text>` with
a list of fonts, and the reader's machine draws it. So the file depends on no font of the machine
that writes it. `savefig(..., backend=BACKEND)` uses this module.
"""

import codecs
import unicodedata
from functools import cache
from typing import BinaryIO

from matplotlib import rc_context
from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_svg import FigureCanvasSVG, RendererSVG
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Text

BACKEND = f"module://{__name__}"

# Of Linux, Windows and macOS. Where none is there, the browser takes what it has. Han characters
# look a little different in each language.
FONTS = {
    "ko": ("Noto Sans KR", "Noto Sans CJK KR", "Malgun Gothic", "Apple SD Gothic Neo"),
    "ja": ("Noto Sans JP", "Noto Sans CJK JP", "Yu Gothic", "Meiryo", "Hiragino Sans"),
    "zh": ("Noto Sans SC", "Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC"),
}
_EM = "—"  # in DejaVu Sans as wide as a Hangul, kana or Han character at most is: 1 em


def fonts_for(text: str) -> tuple[str, ...]:
    """The fonts of the language that the letters of `text` tell; Han characters alone: Chinese."""
    names = " ".join(unicodedata.name(letter, "") for letter in text)
    if "HANGUL" in names:
        return FONTS["ko"]
    return FONTS["ja"] if "HIRAGANA" in names or "KATAKANA" in names else FONTS["zh"]


@cache
def _characters_of(font_file: str) -> frozenset[int]:
    return frozenset(get_font(font_file).get_charmap())


def lacks(text: str, font: FontProperties) -> bool:
    """Whether `font` would draw a box for a character of `text`."""
    return not {ord(letter) for letter in text} <= _characters_of(findfont(font))


def stand_in(text: str, font: FontProperties) -> str:
    """A text that `font` has and that is as wide as `text` or a little wider."""
    known = _characters_of(findfont(font))
    return "".join(
        letter if ord(letter) in known else _width(letter)
        for letter in unicodedata.normalize("NFC", text)
    )


def _width(letter: str) -> str:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):  # stands on or in the letter before it
        return ""
    return _EM if unicodedata.east_asian_width(letter) in "WF" else "M"


class _Renderer(RendererSVG):
    """Matplotlib's own, but for lines of text that the font lacks; these are never mathematics."""

    def draw_text(
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: bool | str = False,
        mtext: Text | None = None,
    ) -> None:
        if not lacks(s, prop):
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)
            return
        prop = prop.copy()
        prop.set_family([*prop.get_family(), *fonts_for(s), "sans-serif"])
        # The list behind sans-serif is matplotlib's: the reader's machine has its own.
        with rc_context({"svg.fonttype": "none", "font.sans-serif": []}):
            super().draw_text(gc, x, y, s, prop, angle, False, mtext)

    def get_text_width_height_descent(
        self, s: str, prop: FontProperties, ismath: bool | str
    ) -> tuple[float, float, float]:
        """In points, of one line. The layout is made with these."""
        if lacks(s, prop):
            s, ismath = stand_in(s, prop), False
        return super().get_text_width_height_descent(s, prop, ismath)


class FigureCanvas(FigureCanvasSVG):
    """A figure written by `_Renderer`; the name is the one that matplotlib asks a backend for."""

    def print_svg(
        self,
        filename: BinaryIO,
        *,
        bbox_inches_restore: object = None,
        metadata: dict | None = None,
        **_: object,
    ) -> None:
        """Write the figure to an open file as matplotlib's own `print_svg` does."""
        points = 72
        dpi, self.figure.dpi = self.figure.dpi, points
        width, height = self.figure.get_size_inches()
        svg = codecs.getwriter("utf-8")(filename)
        renderer = MixedModeRenderer(
            self.figure,
            width,
            height,
            dpi,
            _Renderer(width * points, height * points, svg, image_dpi=dpi, metadata=metadata),
            bbox_inches_restore=bbox_inches_restore,
        )
        self.figure.draw(renderer)
        renderer.finalize()
