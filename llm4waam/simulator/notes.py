"""The operator's note: written at set-up or at the strike, before the outcome is known.

What a note says is its kind, drawn in `defects`; this module only puts the kind into words. A kind
has many wordings in two languages (`wordings.yaml`), with abbreviations and slips of the keys.
Wordings and shares are modelling choices [C].
"""

import itertools
import re
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from llm4waam.core.settings import Section, read_yaml
from llm4waam.simulator.defects import CAUSES, HINT, KINDS, NEUTRAL, PLAIN, REASSURING

KOREAN_SHARE = 0.82  # of the notes of a laboratory that writes Korean
SHORT_SHARE, SLIP_SHARE, CASE_SHARE = 0.30, 0.14, 0.12
LANGUAGES = ("english", "korean")

_CHOICE = re.compile(r"\[([^\]]*)\]")


class Wordings(Section):
    """The wordings of one language; `wordings.yaml` says what each list is."""

    hints: dict[str, list[str]]
    plain: dict[str, list[str]]
    neutral: list[str]
    reassuring: list[str]
    before: list[str]
    after: list[str]
    short: list[tuple[str, str]]


class _Languages(Section):
    english: Wordings
    korean: Wordings


@cache
def words_of(language: Literal["english", "korean"]) -> Wordings:
    """All wordings of a language; raises StudyError where `wordings.yaml` itself is wrong."""
    return getattr(read_yaml(_Languages, Path(__file__).with_name("wordings.yaml")), language)


@cache
def wordings(kind: int, language: Literal["english", "korean"]) -> tuple[tuple[str, ...], ...]:
    """The wordings of a note kind in a language, one tuple a template."""
    words = words_of(language)
    if kind == NEUTRAL:
        templates = words.neutral
    elif kind == REASSURING:
        templates = words.reassuring
    else:
        by_cause = words.hints if kind < PLAIN else words.plain
        templates = by_cause[CAUSES[(kind - HINT) % len(CAUSES)]]
    return tuple(tuple(expand(template)) for template in templates)


def expand(template: str) -> list[str]:
    """Every wording of a template: "[a|b] c" gives "a c" and "b c"."""
    parts = _CHOICE.split(template)  # the odd ones are choices
    options = [part.split("|") if n % 2 else [part] for n, part in enumerate(parts)]
    return ["".join(choice) for choice in itertools.product(*options)]


def write_notes(rng: np.random.Generator, kinds: np.ndarray, korean: np.ndarray) -> np.ndarray:
    """Notes for the kinds (rows,), "" for kind 0; `korean` (rows,) says which labs write Korean."""
    in_korean = korean & (rng.random(len(kinds)) < KOREAN_SHARE)
    notes = np.full(len(kinds), "", dtype=object)
    for kind, language in itertools.product(range(NEUTRAL, KINDS), LANGUAGES):
        rows = np.flatnonzero((kinds == kind) & (in_korean == (language == "korean")))
        forms = wordings(kind, language)
        # Each template is as likely as the next, however many wordings it has.
        template = rng.integers(len(forms), size=len(rows))
        luck = rng.random(len(rows))
        bare = [forms[t][int(u * len(forms[t]))] for t, u in zip(template, luck, strict=True)]
        notes[rows] = _dress(rng, bare, words_of(language))
    return notes


def _dress(rng: np.random.Generator, bare: list[str], words: Wordings) -> list[str]:
    """Add what surrounds a note, abbreviations, case and slips; the same number of notes."""
    size = len(bare)
    before = rng.integers(len(words.before), size=size)
    after = rng.integers(len(words.after), size=size)
    short, slip, case = rng.random((3, size))
    place, manner = rng.random((2, size))
    dressed = []
    for n, note in enumerate(bare):
        if short[n] < SHORT_SHARE:
            for long, brief in words.short:
                note = note.replace(long, brief)
        if slip[n] < SLIP_SHARE:
            note = _slip(note, place[n], manner[n])
        note = words.before[before[n]] + note + words.after[after[n]]
        if case[n] < CASE_SHARE:
            note = note.upper() if case[n] < CASE_SHARE / 3 else note[:1].upper() + note[1:]
        dressed.append(note)
    return dressed


def _slip(note: str, place: float, manner: float) -> str:
    """One slip of the keys: two letters swapped, one left out or doubled, or spaces left out."""
    if manner < 0.2 or note[0] >= "가":  # Korean slips are mostly missing spaces
        return note.replace(" ", "", 1 if manner < 0.5 else -1)
    spot = 1 + int(place * (len(note) - 2))
    first, second = note[spot - 1 : spot + 1]
    if manner < 0.5:
        return note[: spot - 1] + second + first + note[spot + 1 :]
    if manner < 0.8:
        return note[:spot] + note[spot + 1 :]
    return note[:spot] + first + note[spot:]
