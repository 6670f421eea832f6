"""The words of free-text logs: the vocabulary file, tokens, and patterns of names."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from llm4waam.core.settings import Section, read_yaml

Kind = Literal["level", "unlisted", "term", "number", "outcome", "word", "break"]
PARTICLE = "(?:(?:은|는|이|가|을|를|의|로|으로|도|만|에|에서|와|과|으로는)(?![가-힣]))?"


class ColumnWords(Section):
    """How one column is named in a log; see `logbook.yaml`."""

    words: list[str] = []  # noqa: RUF012 (pydantic copies the defaults)
    near: list[str] = []  # noqa: RUF012
    negative: list[str] = []  # noqa: RUF012
    bare: bool = False
    loose: bool = False


class Vocabulary(Section):
    """All of `logbook.yaml`."""

    columns: dict[str, ColumnWords]
    levels: dict[str, dict[str, list[str]]]
    alone: list[str]
    grounds: list[str]
    unlisted: dict[str, list[str]]
    others: list[str]
    outcomes: list[str]
    outcome_words: list[str]
    lengths: dict[str, list[str]]
    times: dict[str, list[str]]
    per: dict[str, list[str]]
    units: dict[str, list[str]]
    links: list[str]
    fillers: list[str]
    splits: list[str]
    corrected: list[str]
    denied: list[str]
    far: list[str]
    denied_after: list[str]
    order: dict[str, str]
    subjects: str
    conditions: str
    continued: str


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """The vocabulary of `logbook.yaml`; raises StudyError where that file is wrong."""
    return read_yaml(Vocabulary, Path(__file__).with_name("logbook.yaml"))


@dataclass
class Token:
    """A piece text[start:end]. `columns` are those that it may stand for, none for a stranger.

    A number has `value` (its digits) and `units`, every unit that its spelling may mean; `many` is
    a range or product, `dash` a sign that may be a dash. A level has its name as `value`.
    """

    start: int
    end: int
    kind: Kind
    columns: tuple[str, ...] = ()
    value: str = ""
    units: tuple[str, ...] = ()
    strong: bool = True
    negative: bool = False
    many: bool = False
    dash: bool = False
    used: bool = False
    claimed: bool = False
    dropped: bool = False


def loose(phrase: str, joints: str = r"[\s\-_]*") -> str:
    """A pattern that finds the phrase however its words are joined; "ER316L" finds "ER 316L"."""
    parts = [re.escape(part) for part in re.split(r"[\s\-_+/%]+", phrase.rstrip("*")) if part]
    parts = [re.sub(r"(?<=[A-Za-z])(?=\d)", r"[\\s-]?", part) for part in parts]
    return (joints.join(parts) or re.escape(phrase)) + r"\w*" * phrase.endswith("*")


def term(phrase: str) -> str:
    """A pattern of a name, with the particle that Korean puts behind it."""
    # "WFS6.5" and "Ø1.2": a digit may follow.
    end = r"(?![A-Za-z_])" if phrase[-1].isascii() else ""
    return loose(phrase) + end + PARTICLE + ("" if phrase[-1].isascii() else "(?![가-힣])")
