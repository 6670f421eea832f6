"""The operator's note: it never names the outcome, and its wording is rich."""

import re

import numpy as np
import pytest

from llm4waam.simulator.defects import CAUSES, HINT, KINDS, NONE, PLAIN, draw_kinds
from llm4waam.simulator.notes import LANGUAGES, expand, wordings, words_of, write_notes
from llm4waam.simulator.population import simulate_population

OUTCOME = re.compile(
    r"hump|\bball|balling|fusion|fused|discontinu|\bcut|bead|\bgap|normal|defect|flaw|porosity"
    r"|crack|reject|failed|good|험핑|볼링|비드|용융|융합|불연속|끊|정상|비정상|결함|불량|양호|기공|균열",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def notes():
    return simulate_population(4000, 5)["note"]


def test_no_wording_names_the_outcome():
    every = [w for kind in range(1, KINDS) for language in LANGUAGES
             for t in wordings(kind, language) for w in t]  # fmt: skip
    extras = [
        text
        for words in map(words_of, LANGUAGES)
        for text in (*words.before, *words.after, *sum(words.short, ()))
    ]
    assert [text for text in every + extras if OUTCOME.search(text)] == []
    assert len(every) == len(set(every)) > 700


def test_no_written_note_names_the_outcome(notes):
    assert [note for note in notes if OUTCOME.search(note)] == []


def test_half_have_a_note_and_a_third_of_them_is_korean(notes):
    written = notes[notes != ""]
    assert 0.45 < len(written) / len(notes) < 0.60
    assert 0.2 < written.str.contains("[가-힣]").mean() < 0.45
    assert written.nunique() > 1200


def test_a_hint_and_a_plain_note_never_share_a_wording():
    for language in LANGUAGES:
        for number in range(len(CAUSES)):
            hints = {w for t in wordings(HINT + number, language) for w in t}
            plain = {w for t in wordings(PLAIN + number, language) for w in t}
            assert not hints & plain


def test_kinds_are_worded_in_the_language_of_the_laboratory():
    kinds = np.repeat([NONE, PLAIN + 1], 500)
    english = write_notes(np.random.default_rng(0), kinds, np.zeros(1000, dtype=bool))
    assert set(english[:500]) == {""}
    assert not any(re.search("[가-힣]", note) for note in english)
    korean = write_notes(np.random.default_rng(0), kinds, np.ones(1000, dtype=bool))
    assert sum(bool(re.search("[가-힣]", note)) for note in korean[500:]) > 350


def test_the_note_depends_on_the_state_alone():
    rng = np.random.default_rng(2)
    strong = draw_kinds(rng, np.full(5000, 8))
    assert np.mean(strong == PLAIN + 1) == pytest.approx(0.85 * 0.92, abs=0.02)
    assert np.mean(draw_kinds(rng, np.zeros(5000, dtype=int)) == NONE) == pytest.approx(
        0.75, abs=0.02
    )


def test_expand():
    assert expand("[a|b] c[, d|]") == ["a c, d", "a c", "b c, d", "b c"]
