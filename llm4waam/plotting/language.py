"""The words of figures in both languages: names, and how a text of a drawing is said in Korean.

A figure is drawn once, in English. A Korean page holds the same drawing with its texts replaced:
`translated` looks each of them up in names.yaml and figure_texts.yaml. The layout leaves room for
the wider of both (see `svg_text`). A text that nothing is known of, such as a name of a user's
table, stays as it is. Nothing slow is imported here.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from html import escape, unescape
from pathlib import Path
from textwrap import wrap

import yaml

NAMES, TEXTS = (Path(__file__).with_name(f"{name}.yaml") for name in ("names", "figure_texts"))


@cache
def names() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """What names.yaml holds: section -> key -> language -> name."""
    return yaml.safe_load(NAMES.read_text(encoding="utf-8"))


def name(key: str, language: str) -> str | None:
    """The name of a model, task, metric or label ("Bead cut" or bead_cut); None without one."""
    labels = names()["labels"]
    known = names()["names"].get(key) or labels.get(key.replace("_", " ").capitalize())
    return known[language] if known else None


@cache
def in_korean(text: str) -> str:
    """A text of a figure in Korean; as it is where nothing is known of it."""
    known = _words().get(_key(text))
    if known is not None:
        return known
    for pattern, korean in _patterns():
        if found := pattern.fullmatch(text):
            return korean.format(
                **{name: in_korean(part) for name, part in found.groupdict().items()}
            )
    return text


def _key(text: str) -> str:
    """The first letter may be a capital: "Accuracy (bar: ...)", "Travel speed"."""
    return text[:1].lower() + text[1:]


@cache
def _words() -> Mapping[str, str]:
    """English text -> Korean text, of all that holds no blank to fill in."""
    found = {}
    for section in names().values():
        for key, one in section.items():
            found[_key(key.replace("_", " "))] = found[_key(one["en"])] = one["ko"]
    fixed = {_key(english): korean for english, korean in _texts().items() if "{" not in english}
    return found | fixed


@cache
def _patterns() -> list[tuple[re.Pattern, str]]:
    """Texts with blanks: {n} is a number, {field} the name of a field, any other blank any text."""
    fields = {one["en"] for one in names()["fields"].values()}
    fields |= {key.replace("_", " ") for key in names()["fields"]}
    listed = "|".join(map(re.escape, sorted(fields, key=len, reverse=True)))
    blanks = {"n": r"[-−+]?\d[\d,.]*", "field": f"(?i:{listed})", "unit": r"\S+"}

    def blank(found: re.Match) -> str:
        return f"(?P<{found[1]}>{blanks.get(found[1].rstrip('123'), '.+')})"

    return [
        (re.compile(re.sub(r"\\\{(\w+)\\\}", blank, re.escape(english))), korean)
        for english, korean in _texts().items()
        if "{" in english
    ]


@cache
def _texts() -> Mapping[str, str]:
    return yaml.safe_load(TEXTS.read_text(encoding="utf-8"))


# The lines of one text: they may be one sentence, wrapped.
_GROUP = re.compile(r"<g>\s*(?:<text[^>]*>[^<]*</text>\s*)+</g>|<text[^>]*>[^<]*</text>")
_LINE = re.compile(r"(<text[^>]*>)([^<]*)(</text>)")


def translated(svg: str, say: Callable[[str], str] = in_korean) -> str:
    """A drawing that `style.save` wrote, with every text said by `say`."""
    return _GROUP.sub(lambda group: _said(group[0], say), svg)


def _said(group: str, say: Callable[[str], str]) -> str:
    lines = [unescape(found[2]) for found in _LINE.finditer(group)]
    told, start = [], 0
    while start < len(lines):  # the longest run of lines that is known as one text
        for end in range(len(lines), start, -1):
            run = " ".join(lines[start:end])
            if (said := say(run)) != run or end == start + 1:
                break
        told += rewrapped(said, end - start)
        start = end
    told = iter(told)
    return _LINE.sub(lambda found: f"{found[1]}{escape(next(told), quote=False)}{found[3]}", group)


def rewrapped(text: str, lines: int) -> list[str]:
    """A text in as many lines, about equally long; the last may be empty."""
    width = -(-len(text) // lines)
    while len(found := wrap(text, width, break_long_words=False)) > lines:
        width += 1
    return found + [""] * (lines - len(found))
