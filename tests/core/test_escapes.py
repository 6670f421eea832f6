"""Texts of users that a terminal, a page or a spreadsheet would otherwise obey."""

import pytest

from llm4waam.core.errors import StudyError
from llm4waam.core.escapes import has_half_character, in_cell, in_markdown, in_spreadsheet, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\x9b2Jb\x07\x00\r", "a\\x9b2Jb\\x07\\x00\\r"),
        ("left\u202eright", "left\\u202eright"),
        ("half \ud800", "half \\ud800"),
        ("용접 µm ° 😀\n\tnext", "용접 µm ° 😀\n\tnext"),
    ],
)
def test_a_terminal_is_told_nothing(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert str(StudyError("file", text, column=text)).isprintable()


@pytest.mark.parametrize("text", ["=1+1", "=cmd|' /C calc'!A0", "+cmd", "-2+3", "@SUM(A1)", "\t=1"])
def test_a_spreadsheet_computes_nothing(text: str) -> None:
    assert in_spreadsheet(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-12", "+5", "-0.5", "1234567", "row 3", "", "a=b", "Normal"])
def test_numbers_and_words_stay_as_they_are_in_a_spreadsheet(text: str) -> None:
    assert in_spreadsheet(text) == text


def test_markdown_shows_what_was_written() -> None:
    text = "a | b <script>x</script> *c* `d` [e](f)\ng < 0.001"
    escaped = r"a | b &lt;script>x&lt;/script> \*c\* \`d\` \[e\](f) g < 0.001"
    assert in_markdown(text) == escaped
    assert in_cell("**a | b**\n< 0.001 <img>") == r"**a \| b** < 0.001 &lt;img>"
    assert in_markdown("Simulated single-bead WAAM trials: 1.2 mm, under_score") == (
        "Simulated single-bead WAAM trials: 1.2 mm, under_score"
    )


def test_half_a_character_is_found() -> None:
    assert has_half_character("a\udfff")
    assert not has_half_character("a 😀")
