"""Prompts as tokens: every value's tokens know the value, and no other token knows any."""

import math

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


@pytest.mark.parametrize("names", ["phrases", "shuffled"])
@pytest.mark.parametrize("units", [True, False])
def test_the_text_between_start_and_end_is_the_value(beads, names: str, units: bool) -> None:
    rows = rows_of(beads, names=names, units=units)
    assert len(rows) == 60 * 2 * 3
    for row in rows:
        assert row["values"]
        for name, start, end, number in row["values"]:
            if number is None:
                assert CARD.columns[name].kind == "category"
                words = [*CARD.columns.values()]
                levels = {level for column in words for level in column.levels}
                assert row["text"][start:end] in levels
            else:
                assert float(row["text"][start:end]) == number
                assert row["text"][end : end + 1] in (" ", ".", ",")


def test_the_channel_hears_no_name_that_the_sentence_does_not_say(beads) -> None:
    for row in rows_of(beads, names="none"):
        assert row["values"] == []
    for plain, mixed in zip(rows_of(beads), rows_of(beads, names="shuffled"), strict=True):
        right, wrong = ({v[3]: v[0] for v in row["values"] if v[3]} for row in (plain, mixed))
        assert right.keys() == wrong.keys()
        assert right != wrong
        for name, start, _, _ in mixed["values"]:
            assert field_of(CARD, name).phrase in mixed["text"][max(0, start - 60) : start]


@pytest.mark.parametrize("names", ["phrases", "shuffled"])
def test_a_value_s_tokens_are_its_digits_and_know_its_number(beads, tokenizer, names: str) -> None:
    rows = rows_of(beads, names=names)
    for row, prompt in zip(rows, tokenise(tokenizer, rows, NAMES, 512), strict=True):
        assert len(prompt.ids) == len(prompt.fields) == len(prompt.numbers)
        found = spans(prompt)
        assert set(found) == {NAMES.index(value[0]) + 1 for value in row["values"]}
        for name, start, end, number in row["values"]:
            places = found.pop(NAMES.index(name) + 1)
            assert places == list(range(places[0], places[-1] + 1))
            said = tokenizer.decode([prompt.ids[place] for place in places]).replace(" ", "")
            assert said.lower() == row["text"][start:end].replace(" ", "").lower()
            for place in places:
                if number is None:
                    assert math.isnan(prompt.numbers[place])
                else:
                    assert prompt.numbers[place] == number
        others = [n for f, n in zip(prompt.fields, prompt.numbers, strict=True) if f == NO_FIELD]
        assert all(map(math.isnan, others))


def test_the_tokens_are_those_of_the_tokenizer_alone(beads, tokenizer) -> None:
    rows = rows_of(beads)[:20]
    expected = tokenizer([row["text"] for row in rows])["input_ids"]
    assert [prompt.ids for prompt in tokenise(tokenizer, rows, NAMES, 512)] == expected


def test_fields_that_are_not_asked_for_are_plain_text(beads, tokenizer) -> None:
    rows = rows_of(beads)[:4]
    for prompt in tokenise(tokenizer, rows, ["voltage_v", "current_a"], 512):
        assert set(prompt.fields) == {0, 1, 2}
    for prompt in tokenise(tokenizer, rows, [], 512):
        assert set(prompt.fields) == {NO_FIELD}
        assert all(map(math.isnan, prompt.numbers))


def test_a_cut_prompt_is_the_beginning_of_the_whole_one(beads, tokenizer) -> None:
    rows = rows_of(beads)[:6]
    whole = tokenise(tokenizer, rows, NAMES, 512)
    for room in (8, 23, 64):
        for cut, full in zip(tokenise(tokenizer, rows, NAMES, room), whole, strict=True):
            assert len(cut) == room
            assert cut.ids == [*full.ids[: room - 1], tokenizer.sep_token_id]
            assert cut.fields == [*full.fields[: room - 1], NO_FIELD]
            for short, long in zip(cut.numbers[:-1], full.numbers, strict=False):
                assert short == long or (math.isnan(short) and math.isnan(long))
            assert math.isnan(cut.numbers[-1])


def orders(rows: list[dict]) -> dict[tuple, list[str]]:
    return {
        (row["bead"], row["order"], row["task"], row["template"]): [v[0] for v in row["values"]]
        for row in rows
    }


def test_the_first_order_is_the_card_s_and_the_others_are_drawn_for_each_bead(beads) -> None:
    rows = rows_of(beads, orders=4)
    told = orders(rows)
    assert len(told) == len(rows) == 60 * 4 * 3
    values: dict[str, set] = {}
    for row in rows:
        known = frozenset((name, number) for name, _, _, number in row["values"])
        values.setdefault(row["bead"], set()).add(known)
    assert all(len(one) == 1 for one in values.values())
    moved = set()
    for bead in beads["bead"]:
        first = told[bead, 0, None, "statement"]
        assert first == [name for name in NAMES if name in first]
        drawn = [told[bead, order, None, "statement"] for order in (1, 2, 3)]
        assert all(sorted(order) == sorted(first) for order in drawn)
        assert len({tuple(order) for order in [first, *drawn]}) == 4
        for order in range(4):
            for task in ("quality", "energy"):
                same = told[bead, order, task, "question"]
                assert same == told[bead, order, None, "statement"]
        if len(first) == len(NAMES):
            moved.add(tuple(drawn[0]))
    assert len(moved) > 10  # no two beads in the same order


def test_orders_are_the_same_in_every_run_and_change_with_the_seed_alone(beads) -> None:
    first = orders(rows_of(beads))
    assert orders(rows_of(beads)) == first
    # A bead's order does not depend on the beads around it, nor on how many orders are asked for.
    some = beads[beads.index % 3 == 1]
    assert orders(rows_of(some)).items() <= first.items()
    assert first.items() <= orders(rows_of(beads, orders=3)).items()
    other = orders(rows_of(beads, seed=1))
    assert all((other[key] == order) == (key[1] == 0) for key, order in first.items())
