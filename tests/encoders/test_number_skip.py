"""The linear skip: values past the encoder to the logits, in units and in a model that learns."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from training_cases import RECIPE, source_of

from llm4waam.encoders.model import build_model
from llm4waam.encoders.number_embedding import NumberSkip
from llm4waam.encoders.tokens import TokenisedPrompt, pad

NAN = math.nan
# Field 1 with z 2 in two tokens, field 2 with z -1; then field 2 alone, and a word of field 1.
PROMPTS = [
    TokenisedPrompt([5, 6, 7, 8, 9], [0, 1, 1, 0, 2], [NAN, 2.0, 2.0, NAN, -1.0]),
    TokenisedPrompt([5, 6, 7], [2, 0, 1], [0.5, NAN, NAN]),
]


def test_each_value_counts_once_however_many_tokens_it_has() -> None:
    skip = NumberSkip(2, 1, gain=10.0)
    with torch.no_grad():
        skip.linear.weight[:, 0] = torch.tensor([100.0, 3.0, 5.0])
        skip.square.weight[:, 0] = torch.tensor([100.0, 0.5, 0.25])
    batch = pad(PROMPTS, 0)
    found = skip(batch["fields"], batch["numbers"]).sum(dim=1)
    first = 3.0 * 2 + 0.5 * 3 + 5.0 * -1 + 0.25 * 0
    second = 5.0 * 0.5 + 0.25 * (0.25 - 1)
    assert found[:, 0].tolist() == pytest.approx([10 * first, 10 * second])


@pytest.mark.parametrize("numbers", ["skip", "both"])
def test_it_begins_at_zero_and_draws_no_random_number(encoders: Path, numbers: str) -> None:
    without = {"skip": "none", "both": "tokens"}[numbers]
    models, states = [], []
    for one in (numbers, without):
        recipe = RECIPE.model_copy(update={"numbers": one})
        models.append(build_model(source_of(encoders, "bert"), recipe, 2, 3, seed=4).eval())
        states.append(torch.random.get_rng_state())
    assert torch.equal(*states)
    with torch.no_grad():
        logits = [model(**pad(PROMPTS, 0)).logits for model in models]
    assert torch.equal(*logits)
    assert models[0].number_skip is not None
    assert models[1].number_skip is None


def learned(encoders: Path, numbers: str) -> float:
    """The share of a planted sum of two z-scores that a few steps explain."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(64, 2))
    prompts = [
        TokenisedPrompt([5, 9, 6, 9], [0, 1, 0, 2], [NAN, float(a), NAN, float(b)]) for a, b in z
    ]
    target = torch.tensor(z @ [1.0, -1.0], dtype=torch.float32)[:, None]
    recipe = RECIPE.model_copy(update={"numbers": numbers})
    model = build_model(source_of(encoders, "bert"), recipe, 2, 1, seed=4, plain=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    batch = pad(prompts, 0)
    for _ in range(60):
        loss = (model(**batch).logits - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        left = (model(**batch).logits - target).square().mean() / target.var()
    return 1 - float(left)


def test_a_sum_of_numbers_is_learned_past_the_encoder(encoders: Path) -> None:
    assert learned(encoders, "skip") > 0.95
    assert learned(encoders, "none") < 0.5  # the words are the same in every sentence
