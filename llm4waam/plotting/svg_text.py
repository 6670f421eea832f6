"""Texts of a figure as `<text>` in an SVG, with room for them in English and in Korean.

The reader's machine draws them, so that a page can say them in its language, find them and read
them aloud. The layout is made with the widths of DejaVu Sans, which Verdana has as well; other
fonts are narrower. It has no Hangul, no kana and no Han characters: these count as 1 em each. A
line with such a character names fonts of its language. So the file depends on no font of the
machine that writes it. `savefig(..., backend=BACKEND)` uses this module.
"""

import codecs
import unicodedata
from functools import cache
from io import StringIO
from math import cos, radians, sin
from types import SimpleNamespace
from typing import BinaryIO

from matplotlib import rc_context
from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_svg import FigureCanvasSVG, RendererSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Text
from matplotlib.transforms import IdentityTransform

from llm4waam.plotting.language import in_korean

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


_LINES = "lines-"
_SHIFT = {"left": 0.0, "center": 0.5, "right": 1.0}


def mark_lines(figure: Figure) -> None:
    """Tell the renderer how the lines of each text stand to each other, which matplotlib does not.

    Without it they would begin where the English lines begin, and a Korean title would stand askew.
    """
    for text in figure.findobj(Text):
        if "\n" in text.get_text():
            text.set_gid(_LINES + (text._multialignment or text.get_ha()))


class _Renderer(RendererSVG):
    """Matplotlib's own, with the fonts that a line needs and the widths of both languages."""

    _sides = None  # of the lines of the text that is drawn: left, center or right

    def open_group(self, s: str, gid: str | None = None) -> None:
        """Remember the side that `mark_lines` told; it is no name of the group."""
        if gid and gid.startswith(_LINES):
            self._sides, gid = gid.removeprefix(_LINES), None
        super().open_group(s, gid)

    def close_group(self, s: str) -> None:
        """The end of a text is the end of its lines."""
        self._sides = None
        super().close_group(s)

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
        if mtext is None and self._sides:
            mtext = self._line(x, y, s, prop, angle)
        if lacks(s, prop):
            prop = prop.copy()
            prop.set_family([*prop.get_family(), *fonts_for(s), "sans-serif"])
        # The list behind sans-serif is matplotlib's: the reader's machine has its own.
        with rc_context({"font.sans-serif": []}):
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)

    def _line(
        self, x: float, y: float, s: str, prop: FontProperties, angle: float
    ) -> SimpleNamespace:
        """A line that begins at x, y, as an anchored text, of which `RendererSVG` asks this."""
        wide = self.get_text_width_height_descent(s, prop, False)[0] * _SHIFT[self._sides]
        turn, side = radians(angle), self._sides
        place = x + wide * cos(turn), self.height - (y - wide * sin(turn))
        return SimpleNamespace(
            get_transform=IdentityTransform,
            get_unitless_position=lambda: place,
            get_rotation_mode=lambda: "anchor",
            get_ha=lambda: side,
        )

    def get_text_width_height_descent(
        self, s: str, prop: FontProperties, ismath: bool | str
    ) -> tuple[float, float, float]:
        """In points, of one line, as wide as the wider of both languages."""
        measured = [
            super(_Renderer, self).get_text_width_height_descent(stand_in(said, prop), prop, ismath)
            for said in dict.fromkeys((s, in_korean(s)))
        ]
        _, height, descent = measured[0]
        return max(width for width, *_ in measured), height, descent


def measuring() -> RendererSVG:
    """A renderer for the extent of artists of a figure of 72 dpi; it draws into nothing."""
    return _Renderer(1, 1, StringIO())


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
