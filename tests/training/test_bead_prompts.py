"""Whose each prompt is: the beads' own prompts, those with fields left out, and what is sent."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from training_cases import fit_fold, fold_of, prompts_of, task_data

from llm4waam.encoders.tokens import TokenisedPrompt
from llm4waam.training.bead_prompts import BeadPrompts, by_bead

LEFT_OUT = ["", "gas", "gas note"]
# Bead and what is left out, in the order of a file; bead b has no prompt as it is.
FILE = [("c", 0), ("a", 0), ("c", 2), ("a", 1), ("b", 1), ("c", 0), ("c", 1), ("c", 2)]


def told(file: list[tuple[str, int]] = FILE, changed: int = 0) -> BeadPrompts:
    """Prompt n of the file has n + 1 tokens of number n, but for what is added to the first."""
    prompts = [TokenisedPrompt([n] * (n + 1), [1] * (n + 1), [0.5] * (n + 1)) for n in range(8)]
    prompts[0].ids[0] += changed
    owners = np.array(["abc".index(bead) for bead, _ in file])
    without = np.array([left_out for _, left_out in file])
    return by_bead(prompts_of(prompts, 1), [*"abc"], owners, without, LEFT_OUT)


def numbers(prompts) -> list[int]:
    return [len(prompt) - 1 for prompt in prompts]


def test_every_bead_has_its_own_prompts_in_the_order_of_the_file() -> None:
    found = told()
    assert {bead: numbers(some) for bead, some in found.items()} == {"a": [1], "b": [], "c": [0, 5]}
    assert [numbers(some) for some in found.lists(["c", "b", "c"], most=1)] == [[0], [], [0]]
    lacking = {bead: found.incomplete_of(bead) for bead in found}
    assert {bead: {k: numbers(v) for k, v in some.items()} for bead, some in lacking.items()} == {
        "a": {"gas": [3]},
        "b": {"gas": [4]},
        "c": {"gas": [6], "gas note": [2, 7]},
    }
    assert [numbers(some) for some in found.incomplete_lists(["c", "a"])] == [[6, 2, 7], [3]]


def test_other_numbers_are_made_of_both_kinds_and_share_the_tokens() -> None:
    first = told()
    found = first.changed(lambda prompts: replace(prompts, change=lambda values: 2 * values))
    assert found["c"][1].numbers.tolist() == [1.0] * 6
    assert found.incomplete_of("b")["gas"][0].numbers.tolist() == [1.0] * 5
    assert first["c"][1].numbers.tolist() == [0.5] * 6
    assert found["c"].tokens is first.incomplete_of("b")["gas"].tokens


def test_every_prompt_as_a_bead_of_its_own() -> None:
    found = told().singly(lambda bead, n: f"{bead}-{n}")
    assert {row: numbers(some) for row, some in found.items()} == {
        "a-0": [1],
        "c-0": [0],
        "c-1": [5],
    }
    assert found.incomplete_of("c-1") == {}


def test_the_hash_is_of_all_that_the_prompts_say() -> None:
    moved = [("a", 0), *FILE[1:]]
    others = [told(changed=1), told(moved), told([*FILE[:-1], ("c", 1)])]
    assert told().digest == told().digest == pickle.loads(pickle.dumps(told())).digest
    assert len({told().digest, *(other.digest for other in others)}) == 4


def test_the_data_of_a_task_are_sent_in_few_bytes_and_say_the_same_there(ready, params) -> None:
    params["text"]["incomplete"] = 4
    folder = ready(incomplete=0.5, epochs=1)
    data = task_data(folder, "quality", incomplete=0.5, epochs=1)
    sent = pickle.dumps(data)
    tokens = data.prompts.whole.prompts.tokens
    assert len(sent) < 4 * len(tokens.ids)  # lists of ids, fields and numbers take 13 for each
    there = pickle.loads(sent)
    first, second = (fit_fold(one, *fold_of(folder)) for one in (data, there))
    assert first.predictions.equals(second.predictions)
    with pytest.raises(ValueError, match="read-only"):
        there.prompts.whole.prompts.tokens.ids[:] = 0
