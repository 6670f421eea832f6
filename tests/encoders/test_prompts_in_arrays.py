"""Many prompts as a few arrays say what lists of their tokens say, here and where they are sent."""

import math
import pickle
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm4waam.encoders import tokens
from llm4waam.encoders.number_scales import FARTHEST, FieldScale, NumberScales, fit_scales
from llm4waam.encoders.tokens import PromptLists, Prompts, TokenisedPrompt, pad, tokenise
from llm4waam.pretraining.tokenizer import train_tokenizer

NAMES = ["speed", "angle", "wire"]
VALUES = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([1.5, -2.0, 1e-9, 7e8, None]))


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer("bert", ["The speed is 4.5 mm/s and the angle -2.0."] * 3, 300)


def row_of(told: dict[str, float | None], words: int) -> dict:
    """A sentence that tells these values, in their order, behind so many words."""
    text, values = "the " * words, []
    for name, number in told.items():
        text += f"{name} is "
        said = "steel" if number is None else f"{number:g}"
        values.append([name, len(text), len(text) + len(said), number])
        text += said + ", "
    return {"text": text, "values": values}


def as_lists(prompts: Prompts) -> list[tuple]:
    return [
        (list(one.ids), list(one.fields), [repr(float(n)) for n in one.numbers], one.cut)
        for one in prompts
    ]


@settings(deadline=None, max_examples=40, derandomize=True)
@given(told=st.lists(st.tuples(VALUES, st.integers(0, 30)), min_size=1, max_size=12))
def test_a_prompt_among_many_is_the_one_that_stands_alone(tokenizer, told) -> None:
    rows = [row_of(*one) for one in told]
    backend = tokenizer.backend_tokenizer
    together = tokenise(backend, rows, NAMES, 24)
    alone = [as_lists(tokenise(backend, [row], NAMES, 24))[0] for row in rows]
    assert as_lists(together) == alone
    assert as_lists(pickle.loads(pickle.dumps(together))) == alone
    for row, prompt in zip(rows, together, strict=True):
        assert len(prompt) <= 24
        given_numbers = {name: n for name, _, _, n in row["values"]}
        for field, number in zip(prompt.fields, prompt.numbers, strict=True):
            expected = given_numbers[NAMES[field - 1]] if field else None
            assert math.isnan(number) if expected is None else number == expected


def test_rows_are_taken_in_parts_and_once(tokenizer, monkeypatch) -> None:
    """A generator is enough; the parts change nothing, nor what the first does not tell."""
    later = [{}] * 13 + [{"angle": -n} for n in range(13, 23)]
    rows = [row_of({"speed": n / 4} | more, n % 5) for n, more in enumerate(later)]
    whole = as_lists(tokenise(tokenizer.backend_tokenizer, rows, NAMES, 24))
    taken, most = [], []

    def read() -> Iterator[dict]:
        for row in rows:
            taken.append(row)
            yield row

    class Counted:
        """The tokenizer, and how many texts it is given at a time."""

        def __getattr__(self, name: str) -> object:
            return getattr(tokenizer.backend_tokenizer, name)

        def encode_batch(self, texts: list[str]) -> list:
            most.append(len(texts))
            return tokenizer.backend_tokenizer.encode_batch(texts)

    monkeypatch.setattr(tokens, "TOGETHER", 10)
    assert as_lists(tokenise(Counted(), read(), NAMES, 24)) == whole
    assert (len(taken), most) == (23, [10, 10, 3])


def test_some_prompts_share_the_tokens_of_all_and_are_sent_with_few_bytes(tokenizer) -> None:
    rows = [row_of({"speed": n / 4, "angle": n}, 20) for n in range(2000)]
    every = tokenise(tokenizer.backend_tokenizer, rows, NAMES, 64)
    some = every[np.array([5, 3])][::-1]
    assert as_lists(some) == [as_lists(every)[n] for n in (3, 5)]
    assert some.tokens is every.tokens
    assert len(every.tokens.values) == 3  # none for the wire, of which no number is told
    arrays = sum(part.nbytes for part in vars(every.tokens).values())
    assert arrays < 5 * len(every.tokens.ids) + 60 * len(rows)
    both = pickle.loads(sent := pickle.dumps([every, some]))
    assert both[0].tokens is both[1].tokens
    assert len(sent) < arrays / 4


def test_a_token_of_a_large_vocabulary_is_kept(tokenizer) -> None:
    rows = [row_of(told, 2) for told in ({"wire": None}, {"speed": 2.5}, {"wire": None})]
    backend = tokenizer.backend_tokenizer
    plain, masked = (tokenise(backend, rows, NAMES, 64, mask_id=one) for one in (9, 250_001))
    for one, other in zip(plain, masked, strict=True):
        assert [250_001 if n == 9 else n for n in one.ids.tolist()] == other.ids.tolist()
    assert 250_001 in masked[1].ids


def test_lists_of_prompts_are_picked_in_any_order_and_cut(tokenizer) -> None:
    rows = [row_of({"speed": n}, 1) for n in range(6)]
    prompts = tokenise(tokenizer.backend_tokenizer, rows, NAMES, 64)
    lists = PromptLists(prompts, np.array([0, 2, 2, 5, 6]))
    assert [some.rows.tolist() for some in lists] == [[0, 1], [], [2, 3, 4], [5]]
    picked = lists.pick([2, 0, 1, 2], most=2)
    assert [some.rows.tolist() for some in picked] == [[2, 3], [0, 1], [], [2, 3]]
    assert picked.prompts.rows.tolist() == [2, 3, 0, 1, 2, 3]
    assert [len(one) for one in (lists.pick([]), PromptLists.singly(prompts))] == [0, 6]
    with pytest.raises(IndexError):
        lists[4]


def test_z_scores_are_those_of_each_number_by_itself(tokenizer) -> None:
    numbers = [0.3, 2.0, 7.5, 1e-300, 4e9, 12.25]
    rows = [row_of({"speed": one, "angle": -one}, 0) for one in numbers]
    prompts = tokenise(tokenizer.backend_tokenizer, rows, NAMES, 64)
    scales = fit_scales(prompts[np.array([0, 1, 2])], NAMES)
    assert {name: scale.log for name, scale in scales.items()} == {"speed": True, "angle": False}
    read = NumberScales(NAMES, scales | {"wire": FieldScale(log=False, mean=1.0, sd=1.0)})
    for one, prompt in zip(numbers, read.apply(prompts), strict=True):
        found = dict(zip(prompt.fields, prompt.numbers, strict=True))
        for field, value, scale in ((1, one, scales["speed"]), (2, -one, scales["angle"])):
            known = np.log(max(value, scale.floor)) if scale.log else value
            z = min(max((known - scale.mean) / scale.sd, -FARTHEST), FARTHEST)
            assert found[field] == z


def test_padding_of_views_is_that_of_lists(tokenizer) -> None:
    rows = [row_of({"speed": 2.0, "wire": None}, n) for n in range(4)]
    prompts = tokenise(tokenizer.backend_tokenizer, rows, NAMES, 64)
    plain = [TokenisedPrompt([*p.ids], [*p.fields], [*p.numbers]) for p in prompts]
    for one, other in zip(pad(prompts, 9, 40).values(), pad(plain, 9, 40).values(), strict=True):
        assert one.dtype == other.dtype
        assert one.shape == (4, 40)
        assert np.array_equal(one, other, equal_nan=True)
