"""The linear skip: what it reads, that it starts at nothing, and what it learns."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from training_cases import RECIPE, choices_of, job_of, prompts_of, source_of

from llm4waam.encoders.model import batch_of, build_model
from llm4waam.encoders.number_scales import FARTHEST, NumberScales, fit_scales
from llm4waam.encoders.number_skip import NumberSkip, told
from llm4waam.encoders.tokens import Prompts, TokenisedPrompt
from llm4waam.training.data import Examples
from llm4waam.training.loop import FineTuning, fine_tune, forward, predict
from llm4waam.training.losses import make_objective

NAN = math.nan
# z of field 1 at two tokens, of field 2 at one; then field 3, whose number is not known, and field
# 2 twice; then no number at all.
PROMPTS = [
    TokenisedPrompt([5, 6, 7, 8, 9], [0, 1, 1, 0, 2], [NAN, 2.0, 2.0, NAN, -0.5]),
    TokenisedPrompt([5, 6, 7, 8], [0, 3, 2, 2], [NAN, NAN, 0.0, -1.0]),
    TokenisedPrompt([5, 6], [0, 0], [NAN, NAN]),
]


@pytest.mark.parametrize("length", [0, 40])
def test_what_is_told_is_z_and_its_square_and_zero_where_a_field_is_not(length: int) -> None:
    batch = batch_of(PROMPTS, 0, length)
    found = told(batch["fields"], batch["numbers"], 3)
    assert found.tolist() == [[2, -0.5, 0, 3, -0.75, 0], [0, 0, 0, 0, -1, 0], [0] * 6]


def test_the_skip_adds_what_its_docstring_says() -> None:
    skip, batch = NumberSkip(3, 2, 7.0), batch_of(PROMPTS, 0)
    weight = torch.randn(2, 6, generator=torch.Generator().manual_seed(0))
    skip.load_state_dict({"linear.weight": weight})
    a, b = weight[:, :3], weight[:, 3:]
    with torch.no_grad():
        found = skip(batch["fields"], batch["numbers"])
    expected = 7 * (2 * a[:, 0] + 3 * b[:, 0] - 0.5 * a[:, 1] - 0.75 * b[:, 1])
    assert torch.allclose(found[0], expected, atol=1e-6)
    assert torch.allclose(found[1], -7 * b[:, 1], atol=1e-6)
    assert not found[2].any()


@pytest.mark.parametrize(("without", "beside"), [("none", "skip"), ("tokens", "both")])
def test_it_draws_nothing_and_changes_nothing_before_the_first_step(
    encoders: Path, without: str, beside: str
) -> None:
    source, models, states = source_of(encoders, "bert"), [], []
    for numbers in (without, beside):
        recipe = RECIPE.model_copy(update={"numbers": numbers})
        models.append(build_model(source, recipe, 3, 2, 5))
        states.append(torch.get_rng_state())
    assert torch.equal(*states)
    plain, skipping = (model.state_dict() for model in models)
    assert set(skipping) - set(plain) == {"number_skip.linear.weight"}
    assert not skipping["number_skip.linear.weight"].any()
    assert all(torch.equal(skipping[name], weight) for name, weight in plain.items())
    assert torch.equal(*(predict(model, PROMPTS, RECIPE) for model in models))


def test_the_first_gradient_is_the_larger_the_larger_the_gain(encoders: Path) -> None:
    found = []
    for gain in (1.0, 30.0):
        recipe = RECIPE.model_copy(update={"numbers": "skip", "gain": gain})
        job = job_of(encoders, "bert", "regression", recipe, evaluate=False)
        forward(job.model.eval(), job.examples.first()[:3], recipe).sum().backward()
        found.append(job.model.number_skip.linear.weight.grad)
    assert found[0].abs().min() > 0
    assert torch.allclose(found[1], 30 * found[0])


def planted(checkpoint: str) -> tuple[Prompts, torch.Tensor]:
    """Prompts that tell U, I and v under one sentence, and the standardised log of U I / v."""
    values = np.exp(np.random.default_rng(0).normal(size=(64, 3)))
    ids = choices_of(checkpoint, False)[0][0].ids
    fields = [n if n < 4 else 0 for n in range(len(ids))]
    told = [
        TokenisedPrompt(ids, fields, [row[f - 1] if f else NAN for f in fields]) for row in values
    ]
    prompts = prompts_of(told, 3)
    logs = np.log(values) @ [1, 1, -1]
    targets = torch.tensor((logs - logs.mean()) / logs.std(), dtype=torch.float32)
    scales = fit_scales(prompts, ["U", "I", "v"])
    return NumberScales(["U", "I", "v"], scales).apply(prompts), targets[:, None]


def test_it_learns_a_sum_of_logarithms_that_the_tokens_do_not_let_through(encoders: Path) -> None:
    source, left = source_of(encoders, "bert"), {}
    prompts, targets = planted(source.checkpoint)
    for numbers in ("tokens", "skip", "both"):
        changes = {"numbers": numbers, "epochs": 12, "max_grad_norm": 1.0, "learning_rate": 1e-3}
        recipe = RECIPE.model_copy(update=changes)
        model = build_model(source, recipe, 3, 1, recipe.seed, plain=True)
        objective = make_objective("regression", "mse", targets)
        fine_tune(FineTuning(model, Examples([[p] for p in prompts], targets), recipe, objective))
        left[numbers] = float((predict(model, prompts, recipe) - targets).square().mean())
    assert left["skip"] < 0.02
    assert left["both"] < 0.02
    assert left["tokens"] > 5 * max(left["skip"], left["both"])


def test_a_number_far_outside_the_training_beads_is_cut(encoders: Path) -> None:
    prompts, _ = planted(source_of(encoders, "bert").checkpoint)
    scales = fit_scales(prompts, ["U", "I", "v"])
    far = TokenisedPrompt(prompts[0].ids, prompts[0].fields, [1e9] * len(prompts[0]))
    batch = batch_of(NumberScales(["U", "I", "v"], scales).apply(prompts_of([far], 3)), 0)
    found = told(batch["fields"], batch["numbers"], 3)
    assert found.tolist() == [[FARTHEST] * 3 + [FARTHEST**2 - 1] * 3]
