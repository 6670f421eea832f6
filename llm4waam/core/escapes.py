"""Texts of users where they could do harm: on a terminal, in a Markdown page, in a spreadsheet."""

import re

# Controls (a terminal obeys them) but tab and line feed, changes of the direction of writing, and
# halves of characters, which no encoding has.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_HALF = re.compile(r"[\ud800-\udfff]")
_MARKS = re.compile(r"([\\`*\[\]])")
_TAG = re.compile(r"<(?=[a-zA-Z/!?])")
_FORMULA = re.compile(r"\s*[=+@\-＝＋＠－]|[\t\r\n]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def visible(text: str) -> str:
    """The text with `\\x1b` and the like in the place of characters that a terminal obeys."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def short(text: str, longest: int = 200) -> str:
    """The text, or as much of it as an error shows."""
    return text if len(text) <= longest else f"{text[:longest]}..."


def has_half_character(text: str) -> bool:
    """Whether half of a character (a lone surrogate) stands in the text."""
    return bool(_HALF.search(text))


def in_markdown(text: str) -> str:
    """A user's text as Markdown shows it: no markup, no HTML, one line."""
    return _TAG.sub("&lt;", _MARKS.sub(r"\\\1", " ".join(visible(text).split())))


def in_cell(text: str) -> str:
    """A text with its markup, in a cell of a Markdown table: one line, no HTML."""
    one_line = visible(text).replace("\n", " ")
    return _TAG.sub("&lt;", one_line.replace("|", "\\|"))


def in_spreadsheet(text: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would compute it: "'=1+1"."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
