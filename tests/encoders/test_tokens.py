"""Prompts as tokens: every value's tokens know the value, and no other token knows any."""

import math

import numpy as np
import pytest
from conftest import ROOT

from llm4waam.card.card import read_card
from llm4waam.encoders.tokens import NO_FIELD, tokenise
from llm4waam.pretraining.corpus import make_corpus, other_laboratories
from llm4waam.pretraining.tokenizer import train_tokenizer
from llm4waam.sentences.fields import field_of
from llm4waam.sentences.prompts import TextStyle, make_prompts

STYLE = {
    "information": "post_weld",
    "templates": ["statement", "question"],
    "orders": 2,
    "names": "phrases",
    "units": True,
    "derived": 2,
    "note": True,
    "seed": 0,
}
CARD = read_card(ROOT / "data/raw/waam_beads.yaml")
NAMES = CARD.fields("post_weld", 2)


@pytest.fixture(scope="module")
def beads():
    return other_laboratories(60, 3)


@pytest.fixture(scope="module", params=["bert", "roberta"])
def tokenizer(request, beads):
    """An uncased WordPiece and a byte-level BPE, large enough to have learned whole words."""
    sentences = [row["text"] for row in make_corpus(beads, CARD, 2, 1)]
    return train_tokenizer(request.param, sentences, 600)


def rows_of(beads, **style) -> list[dict]:
    return list(make_prompts(beads, CARD, TextStyle(**(STYLE | style)), ["quality", "energy"]))


def spans(prompt) -> dict[int, list[int]]:
    """Field number -> the places of its tokens."""
    found: dict[int, list[int]] = {}
    for place, field in enumerate(prompt.fields):
        if field != NO_FIELD:
            found.setdefault(field, []).append(place)
    return found


def test_no_value_has_a_name_that_the_sentence_does_not_say(beads) -> None:
    for row in rows_of(beads, names="none"):
        assert row["values"] == []
    for plain, mixed in zip(rows_of(beads), rows_of(beads, names="shuffled"), strict=True):
        right, wrong = ({v[3]: v[0] for v in row["values"] if v[3]} for row in (plain, mixed))
        assert right.keys() == wrong.keys()
        assert right != wrong
        for name, start, _, _ in mixed["values"]:
            assert field_of(CARD, name).phrase in mixed["text"][max(0, start - 60) : start]


@pytest.mark.parametrize(("names", "units"), [("phrases", True), ("shuffled", False)])
def test_a_value_s_tokens_are_its_digits_and_know_its_number(
    beads, tokenizer, names: str, units: bool
) -> None:
    levels = {level for column in CARD.columns.values() for level in column.levels}
    rows = rows_of(beads, names=names, units=units)
    assert len(rows) == 60 * 2 * 3
    for row, prompt in zip(
        rows, tokenise(tokenizer.backend_tokenizer, rows, NAMES, 512), strict=True
    ):
        assert row["values"]
        assert len(prompt.ids) == len(prompt.fields) == len(prompt.numbers)
        found = spans(prompt)
        assert set(found) == {NAMES.index(value[0]) + 1 for value in row["values"]}
        for name, start, end, number in row["values"]:
            text = row["text"][start:end]
            if number is None:
                assert CARD.columns[name].kind == "category"
                assert text in levels
            else:
                assert float(text) == number
                assert row["text"][end : end + 1] in (" ", ".", ",")
            places = found.pop(NAMES.index(name) + 1)
            assert places == list(range(places[0], places[-1] + 1))
            said = tokenizer.decode([prompt.ids[place] for place in places]).replace(" ", "")
            assert said.lower() == text.replace(" ", "").lower()
            known = math.nan if number is None else number
            found_here = [prompt.numbers[place] for place in places]
            assert np.array_equal(found_here, [known] * len(places), equal_nan=True)
        others = np.array(prompt.numbers)[np.array(prompt.fields) == NO_FIELD]
        assert np.isnan(others).all()


def test_fields_that_are_not_named_are_plain_text_and_the_tokens_are_the_tokenizer_s_own(
    beads, tokenizer
) -> None:
    rows = rows_of(beads)[:20]
    expected = tokenizer([row["text"] for row in rows])["input_ids"]
    for names in (NAMES, ["voltage_v", "current_a"], []):
        prompts = tokenise(tokenizer.backend_tokenizer, rows, names, 512)
        assert [prompt.ids.tolist() for prompt in prompts] == expected
        for prompt in prompts if names != NAMES else []:
            assert set(prompt.fields) == {NO_FIELD, *range(1, len(names) + 1)}
            assert names or all(map(math.isnan, prompt.numbers))


@pytest.mark.parametrize("names", [NAMES, []])
def test_without_digits_one_mask_stands_for_a_number_and_all_else_is_as_it_was(
    beads, tokenizer, names: list[str]
) -> None:
    rows = rows_of(beads)[:40]
    whole, masked = (
        tokenise(tokenizer.backend_tokenizer, rows, names, 512, mask_id=one)
        for one in (None, tokenizer.mask_token_id)
    )
    for row, full, short in zip(rows, whole, masked, strict=True):
        told = [value for value in row["values"] if value[3] is not None]
        assert short.ids.tolist().count(tokenizer.mask_token_id) == len(told) > 5
        if names:  # each number once, in its order, at the field that it is of
            known = [n for n in short.numbers if not math.isnan(n)]
            assert known == [value[3] for value in told]
        text = row["text"]
        for _, start, end, _ in reversed(told):
            text = f"{text[:start]}{tokenizer.mask_token}{text[end:]}"
        said = tokenizer(text)["input_ids"]
        assert [tokenizer.decode([n]).strip() for n in short.ids] == [
            tokenizer.decode([n]).strip() for n in said
        ]
        assert len(full.ids) > len(short.ids) == len(short.fields) == len(short.numbers)


def test_without_digits_the_spelling_of_a_number_changes_no_token(tokenizer) -> None:
    def row(text: str) -> dict:
        start = len("The travel speed is ")
        values = [["travel_speed_mm_s", start, start + len(text), 8.9]]
        return {"text": f"The travel speed is {text} mm/s.", "values": values}

    rows = [row(text) for text in ("8.9", "8.90", "8.9003", "9")]
    spelled = tokenise(tokenizer.backend_tokenizer, rows, NAMES, 64)
    assert len({tuple(prompt.ids) for prompt in spelled}) == len(rows)
    mask_id = tokenizer.mask_token_id
    masked = tokenise(tokenizer.backend_tokenizer, rows, NAMES, 64, mask_id=mask_id)
    assert len({(*prompt.ids, *prompt.fields) for prompt in masked}) == 1


def test_a_cut_prompt_is_the_beginning_of_the_whole_one(beads, tokenizer) -> None:
    rows = rows_of(beads)[:6]
    whole = tokenise(tokenizer.backend_tokenizer, rows, NAMES, 512)
    for room in (8, 23, 64):
        for cut, full in zip(
            tokenise(tokenizer.backend_tokenizer, rows, NAMES, room), whole, strict=True
        ):
            assert len(cut) == room
            assert cut.ids.tolist() == [*full.ids[: room - 1], tokenizer.sep_token_id]
            assert cut.fields.tolist() == [*full.fields[: room - 1], NO_FIELD]
            numbers = [*full.numbers[: room - 1], math.nan]
            assert np.array_equal(cut.numbers, numbers, equal_nan=True)


def orders(rows: list[dict]) -> dict[tuple, list[str]]:
    return {
        (row["bead"], row["order"], row["task"], row["template"]): [v[0] for v in row["values"]]
        for row in rows
    }


def test_the_first_order_is_the_card_s_and_the_others_are_drawn_for_each_bead(beads) -> None:
    rows = rows_of(beads, orders=4)
    found = orders(rows)
    assert len(found) == len(rows) == 60 * 4 * 3
    moved = set()
    for bead in beads["bead"]:
        first, *drawn = (found[bead, order, None, "statement"] for order in range(4))
        assert first == [name for name in NAMES if name in first]
        assert all(sorted(order) == sorted(first) for order in drawn)
        assert len({tuple(order) for order in [first, *drawn]}) == 4
        for order, same in enumerate([first, *drawn]):
            assert found[bead, order, "quality", "question"] == same
            assert found[bead, order, "energy", "question"] == same
        if len(first) == len(NAMES):
            moved.add(tuple(drawn[0]))
    assert len(moved) > 10  # no two beads in the same order


def test_orders_are_the_same_in_every_run_and_change_with_the_seed_alone(beads) -> None:
    first = orders(rows_of(beads))
    assert orders(rows_of(beads)) == first
    # A bead's order does not depend on the beads around it, nor on how many orders there are.
    some = beads[beads.index % 3 == 1]
    assert orders(rows_of(some)).items() <= first.items()
    assert first.items() <= orders(rows_of(beads, orders=3)).items()
    other = orders(rows_of(beads, seed=1))
    assert all((other[key] == order) == (key[1] == 0) for key, order in first.items())
