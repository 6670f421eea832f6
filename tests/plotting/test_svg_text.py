"""Texts of a figure stand in the SVG as text, with room for them in either language."""

import re
import warnings
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from llm4waam.plotting import svg_text
from llm4waam.plotting.language import in_korean
from llm4waam.plotting.style import Panels, new_figure, save

FONT = FontProperties(family="DejaVu Sans", size=10)
KOREAN = ["정상", "험핑 (Humping)", "볼링, 비드 끊김", "용입 불량이 있는 아주 긴 라벨"]
JAPANESE = ["溶け込み不良", "ハンピング", "ﾜｲﾔ"]
CHINESE = ["未熔合", "送丝速度 (m/min)", "价格 $5 和 $6"]


def labels_of(texts: list[str]) -> Panels:
    figure, [axis] = new_figure(1, 1, width=6, height=3)
    bars = axis.barh(texts, range(1, len(texts) + 1), label=f"{texts[0]} <&>")
    axis.bar_label(bars, labels=texts)
    axis.set_xlabel(f"{texts[-1]} µ²")
    axis.set_ylabel(texts[0])
    axis.set_title(f"{texts[1]}\nin English")
    axis.set_xticks([1], [texts[1]], rotation=40, ha="right")
    axis.legend(title=texts[-1])
    return figure


def drawn(figure: Panels, folder: Path) -> ElementTree.Element:
    save(folder / "figure.svg", figure, simulated=True)
    return ElementTree.fromstring((folder / "figure.svg").read_text(encoding="utf-8"))


@pytest.mark.parametrize("texts", [KOREAN, JAPANESE, CHINESE])
def test_what_the_font_lacks_is_text_and_nothing_is_a_box(texts: list[str], tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a box comes with matplotlib's "Glyph ... missing"
        root = drawn(labels_of(texts), tmp_path)
    elements = list(root.findall(".//{*}text"))
    said = [element.text for element in elements]
    for text in texts:
        assert said.count(text) >= 2  # its tick and its bar
    assert f"{texts[0]} <&>" in said
    assert f"{texts[-1]} µ²" in said
    assert "in English" in said
    for element in elements:  # fonts beyond those of the whole drawing where they are needed
        named = svg_text.lacks(element.text, FONT)
        assert element.get("style").count("sans-serif") == named, element.text


@pytest.mark.parametrize("texts", [KOREAN, JAPANESE, CHINESE])
def test_labels_are_not_cut(texts: list[str], tmp_path: Path) -> None:
    """Every level line is inside the picture, at 1 em a character that the font lacks."""
    root = drawn(labels_of(texts), tmp_path).find("{*}svg")
    width = float(root.get("viewBox").split()[2])
    level = [e for e in root.findall(".//{*}text") if "rotate(-0 " in e.get("transform")]
    assert len(level) >= 2 * len(texts)
    for element in level:
        size = float(re.search(r"font-size: ([\d.]+)px", element.get("style"))[1])
        long = size * sum(1 if svg_text.lacks(letter, FONT) else 0.6 for letter in element.text)
        anchor = re.search(r"text-anchor: (\w+)", element.get("style"))[1]
        left = float(element.get("x")) - long * {"start": 0, "middle": 0.5, "end": 1}[anchor]
        # Labels of bars are no part of the layout: the longest bar's may pass the axis.
        assert left >= 0, element.text
        assert left + long <= width or anchor == "start", element.text


def test_lines_of_a_text_stand_to_each_other_as_in_english(tmp_path: Path) -> None:
    """Each is anchored in its middle (or at its right end), however long another language is."""
    figure, [axis] = new_figure(1, 1, width=4, height=3)
    axis.set_title("heat input\nBERT")
    axis.set_ylabel("accuracy, out of fold\n(bar: 95 % interval)")
    axis.set_yticks([0], ["best\nbaseline"])
    elements = {element.text: element for element in drawn(figure, tmp_path).findall(".//{*}text")}
    for texts, side in (
        (("heat input", "BERT"), "middle"),
        (("accuracy, out of fold", "(bar: 95 % interval)"), "middle"),
        (("best", "baseline"), "end"),
    ):
        for text in texts:
            assert f"text-anchor: {side}" in elements[text].get("style"), text
        first, second = ((float(elements[text].get(side)) for side in "xy") for text in texts)
        along = 1 if "rotate(-90" in elements[texts[0]].get("transform") else 0
        assert list(first)[along] == pytest.approx(list(second)[along], abs=0.15), texts


def test_the_layout_leaves_room_for_the_korean_text() -> None:
    renderer = svg_text.measuring()
    english, korean = "R², out of fold", in_korean("R², out of fold")
    assert renderer.get_text_width_height_descent(english, FONT, False)[0] == max(
        text_width(english), text_width(svg_text.stand_in(korean, FONT))
    )
    wide = renderer.get_text_width_height_descent("F1", FONT, False)[0]
    assert wide == text_width("F1")


def text_width(text: str) -> float:
    return TextToPath().get_text_width_height_descent(text, FONT, False)[0]


def test_a_dollar_sign_in_a_text_is_one(tmp_path: Path) -> None:
    """Matplotlib would take what stands between two for mathematics, and fail where it is none."""
    texts = ["costs $5", r"$\frac{", "$x^2$ and $", "$$", r"50 \$ a bead"]
    assert drawn(labels_of(texts), tmp_path) is not None
    one, other = (tmp_path / name for name in ("one", "other"))
    for folder, text in ((one, "$x$"), (other, "x")):
        folder.mkdir()
        drawn(labels_of([text, "b"]), folder)
    assert (one / "figure.svg").read_bytes() != (other / "figure.svg").read_bytes()


@pytest.mark.parametrize(
    ("text", "as_wide_as"),
    [
        ("전압(V)", "——(V)"),
        ("\u1112\u1161\u11ab", "—"),  # one syllable, written as three letters
        ("か\u3099", "—"),
        ("電流 5 A", "—— 5 A"),
        ("ﾜｲﾔ", "MMM"),
        ("mm²", "mm²"),
    ],
)
def test_a_wide_character_is_measured_as_one_em(text: str, as_wide_as: str) -> None:
    assert svg_text.stand_in(text, FONT) == as_wide_as


def test_the_fonts_are_those_of_the_language() -> None:
    assert svg_text.fonts_for("300 A 전류 電流") == svg_text.FONTS["ko"]
    assert svg_text.fonts_for("電流の値") == svg_text.FONTS["ja"]
    assert svg_text.fonts_for("焊接") == svg_text.FONTS["zh"]
