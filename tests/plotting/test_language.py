"""Names in both languages, and drawings whose texts are said in Korean."""

import re
from pathlib import Path

import pytest

from llm4waam.plotting.language import in_korean, name, names, rewrapped, translated
from llm4waam.plotting.pages import drawing
from llm4waam.plotting.style import new_figure, save, title


@pytest.mark.parametrize(
    ("english", "korean"),
    [
        ("accuracy, out of fold", "정확도, 폴드 밖"),
        ("Accuracy (bar: 95 % interval)", "정확도 (막대: 95 % 구간)"),
        ("Travel speed (mm/s)", "이송 속도 (mm/s)"),
        ("wire feed speed 8.89 m/min", "와이어 송급 속도 8.89 m/min"),
        ("arc length correction -15 %", "아크 길이 보정 -15 %"),
        ("interpass temperature (not known)", "층간 온도 (모름)"),
        ("material ER70S-6", "와이어 재질 ER70S-6"),
        ("Lack of fusion (47 beads)", "융합 불량 (비드 47개)"),
        ("BERT", "BERT"),
        ("mean 61,806", "평균 61,806"),
        ("a name of a user's table", "a name of a user's table"),
        ("batch seven (3 beads)", "batch seven (비드 3개)"),
        ("0.95", "0.95"),
    ],
)
def test_a_text_of_a_figure_in_korean(english: str, korean: str) -> None:
    assert in_korean(english) == korean


def test_every_name_is_there_in_both_languages() -> None:
    for section in names().values():
        for key, one in section.items():
            assert set(one) == {"en", "ko"}, key
            assert all(one.values()), key


def test_a_label_is_named_by_its_text_and_by_its_key() -> None:
    assert name("Bead cut", "ko") == name("bead_cut", "ko") == "비드 끊김"
    assert title("bead_cut") == "Bead cut"
    assert title("normal") == "normal"  # the class of quality, and not the label
    assert name("no_such_thing", "ko") is None


def test_a_wrapped_text_is_looked_up_as_a_whole() -> None:
    svg = "<g>\n<text y='1'>contact tip to</text>\n<text y='2'>work distance</text>\n</g>"
    said = re.findall(r">([^<]+)</text>", translated(svg))
    assert " ".join(said) == "팁-모재 간 거리"
    apart = "<g>\n<text>heat input</text>\n<text>BERT</text>\n</g>"
    assert re.findall(r">([^<]+)</text>", translated(apart)) == ["입열량", "BERT"]
    assert rewrapped("a b", 3) == ["a", "b", ""]


def test_a_page_holds_the_panels_in_its_language(tmp_path: Path) -> None:
    figure, axes = new_figure(1, 2, width=4, height=2)
    for axis in axes:
        axis.plot([1, 2], label="hold-out <&>")
        axis.set_xlabel("score")
    figure.legend()
    save(tmp_path / "figure.svg", figure, simulated=True)
    svg = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    english, korean = drawing(svg), drawing(svg, "ko")
    assert english.count("<svg ") == korean.count("<svg ") == 4  # legend, panels, mark
    for said, page in (("hold-out &lt;&amp;&gt;", english), ("simulated data", english),
                       ("시뮬레이션 데이터", korean), ("점수", korean)):  # fmt: skip
        assert said in page
