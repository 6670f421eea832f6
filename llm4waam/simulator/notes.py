"""The operator's note: written at set-up or at the strike, before the outcome is known.

What is told is the note kind of `causes`; this module only words it. A kind has many wordings in
two languages, with shop-floor abbreviations and typing slips. Wordings are invented [C].
"""

import itertools
import re
from functools import cache
from types import ModuleType

import numpy as np

from llm4waam.simulator import wording_english, wording_korean
from llm4waam.simulator.defects import CAUSES, HINT, KINDS, NEUTRAL, PLAIN, REASSURING

KOREAN_SHARE = 0.82  # of the notes of a laboratory that writes Korean
SHORT_SHARE, SLIP_SHARE, CASE_SHARE = 0.30, 0.14, 0.12
LANGUAGES = (wording_english, wording_korean)

_CHOICE = re.compile(r"\[([^\]]*)\]")


def expand(template: str) -> list[str]:
    """Every wording of a template: "[a|b] c" gives "a c" and "b c"."""
    parts = _CHOICE.split(template)  # the odd ones are choices
    options = [part.split("|") if n % 2 else [part] for n, part in enumerate(parts)]
    return ["".join(choice) for choice in itertools.product(*options)]


@cache
def wordings(kind: int, language: int) -> tuple[tuple[str, ...], ...]:
    """The wordings of a note kind in a language (0 English, 1 Korean), one tuple a template."""
    words = LANGUAGES[language]
    if kind == NEUTRAL:
        templates = words.NEUTRAL
    elif kind == REASSURING:
        templates = words.REASSURING
    else:
        table = words.HINTS if kind < PLAIN else words.PLAIN
        templates = table[CAUSES[(kind - HINT) % len(CAUSES)]]
    return tuple(tuple(expand(template)) for template in templates)


def write_notes(rng: np.random.Generator, kinds: np.ndarray, korean: np.ndarray) -> np.ndarray:
    """Notes for the kinds (rows,), "" for kind 0; `korean` (rows,) says which labs write Korean."""
    language = (korean & (rng.random(len(kinds)) < KOREAN_SHARE)).astype(int)
    notes = np.full(len(kinds), "", dtype=object)
    for kind, tongue in itertools.product(range(NEUTRAL, KINDS), (0, 1)):
        rows = np.flatnonzero((kinds == kind) & (language == tongue))
        forms = wordings(kind, tongue)
        # Each template is as likely as the next, however many wordings it has.
        template = rng.integers(len(forms), size=len(rows))
        luck = rng.random(len(rows))
        bare = [forms[t][int(u * len(forms[t]))] for t, u in zip(template, luck, strict=True)]
        notes[rows] = _dress(rng, bare, LANGUAGES[tongue])
    return notes


def _dress(rng: np.random.Generator, bare: list[str], words: ModuleType) -> list[str]:
    """Add what surrounds a note, abbreviations, case and slips; the same number of notes."""
    size = len(bare)
    before = rng.integers(len(words.BEFORE), size=size)
    after = rng.integers(len(words.AFTER), size=size)
    short, slip, case = rng.random((3, size))
    place, manner = rng.random((2, size))
    dressed = []
    for n, note in enumerate(bare):
        if short[n] < SHORT_SHARE:
            for long, brief in words.SHORT:
                note = note.replace(long, brief)
        if slip[n] < SLIP_SHARE:
            note = _slip(note, place[n], manner[n])
        note = words.BEFORE[before[n]] + note + words.AFTER[after[n]]
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
