"""The hand-written loop: what it learns, what it repeats, and what it must not touch."""

import math
from pathlib import Path

import pytest
import torch
from training_cases import RECIPE as FEW_STEPS
from training_cases import source_of

from llm4waam.encoders.load import load_tokenizer
from llm4waam.encoders.model import BeadModel, build_model
from llm4waam.encoders.tokens import Prompts, TokenisedPrompt, tokenise
from llm4waam.training.data import Examples
from llm4waam.training.loop import FineTuning, fine_tune, predict
from llm4waam.training.losses import make_objective
from llm4waam.training.recipe import Recipe

TEXTS = ["The travel speed is 4.5 mm/s.", "The material is ER70S-6. What is the result?"] * 8
RECIPE = FEW_STEPS.model_copy(
    update={"batch_size": 5, "max_grad_norm": 1.0, "learning_rate": 1e-2, "max_tokens": 64}
)


def prompts_of(folder: Path, encoder: str) -> Prompts:
    """The texts; their number is plain text."""
    rows = [{"text": text, "values": []} for text in TEXTS]
    tokenizer = load_tokenizer(str(folder / f"{encoder}-mini")).backend_tokenizer
    return tokenise(tokenizer, rows, ["speed"], 64)


def model_of(folder: Path, encoder: str, recipe: Recipe = RECIPE) -> BeadModel:
    return build_model(source_of(folder, encoder), recipe, 1, 1, recipe.seed)


def trained(folder: Path, encoder: str, recipe: Recipe = RECIPE, prompts: list | None = None):
    """(training losses, logits) of one fine-tuning."""
    prompts = prompts or prompts_of(folder, encoder)
    model, targets = model_of(folder, encoder, recipe), torch.tensor([[0.0], [1.0]] * 8)
    objective = make_objective("binary", "bce", targets)
    examples = Examples([[prompt] for prompt in prompts], targets)
    history = fine_tune(FineTuning(model, examples, recipe, objective))
    return [row["train_loss"] for row in history], predict(model, prompts, recipe)


@pytest.mark.parametrize("encoder", ["bert", "roberta"])
def test_it_learns_what_can_be_learned(encoders: Path, encoder: str) -> None:
    losses, logits = trained(encoders, encoder, RECIPE.model_copy(update={"epochs": 30}))
    assert losses[-1] < 0.3 < losses[0]
    assert ((logits > 0).float().ravel() == torch.tensor([0.0, 1.0] * 8)).all()


def test_the_number_channel_alone_is_enough_to_tell_two_beads_apart(encoders: Path) -> None:
    """One sentence for all: only the z-scores at its third token differ, 1 and -1."""
    one = prompts_of(encoders, "bert")[0]
    fields = [int(place == 3) for place in range(len(one))]
    prompts = [
        TokenisedPrompt(one.ids, fields, [z if field else math.nan for field in fields])
        for z in (1.0, -1.0) * 8
    ]
    recipe = RECIPE.model_copy(update={"epochs": 15})
    losses, logits = trained(encoders, "bert", recipe, prompts)
    assert losses[-1] < 0.1
    assert ((logits > 0).float().ravel() == torch.tensor([0.0, 1.0] * 8)).all()
    deaf = recipe.model_copy(update={"numbers": "none"})
    losses, logits = trained(encoders, "bert", deaf, prompts)
    assert losses[-1] > 0.6
    assert logits.max() - logits.min() < 1e-6


def test_the_two_heads_start_alike(encoders: Path) -> None:
    """One head for every family, drawn anew by the seed: only the body differs."""
    bert, roberta = model_of(encoders, "bert"), model_of(encoders, "roberta")
    for ours, theirs in ((bert.dense, roberta.dense), (bert.output, roberta.output)):
        assert torch.equal(ours.weight, theirs.weight)
        assert not ours.bias.any()
    assert bert.dense.weight.std().item() == pytest.approx(0.02, rel=0.1)
    other = model_of(encoders, "bert", RECIPE.model_copy(update={"seed": 4}))
    assert not torch.equal(bert.dense.weight, other.dense.weight)
