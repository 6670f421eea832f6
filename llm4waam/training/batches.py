"""Prompts as tensors, and the groups of parameters that an optimizer takes."""

import hashlib
import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from llm4waam.encoders.model import Reader, layers_of
from llm4waam.encoders.tokens import NO_FIELD, Prompt
from llm4waam.training.recipe import Recipe


@dataclass(frozen=True)
class Examples:
    """What is learned from: `choices[i]` are the prompts of row i, `targets` is (rows, outputs).

    Where a row has several prompts, each epoch draws one of them, by `seed`, epoch and row alone.
    """

    choices: list[list[Prompt]]
    targets: torch.Tensor
    seed: int = 0

    def __len__(self) -> int:
        return len(self.choices)

    def prompt(self, row: int, epoch: int) -> Prompt:
        """The prompt of a row in an epoch (from 1)."""
        choices = self.choices[row]
        # Not a checksum: those of neighbours differ in a fixed pattern of bits.
        drawn = hashlib.sha256(f"{self.seed} {epoch} {row}".encode()).digest()
        return choices[int.from_bytes(drawn[:8], "big") % len(choices)]

    def first(self) -> list[Prompt]:
        """The first prompt of every row: all there are, where nothing is drawn."""
        return [choices[0] for choices in self.choices]


def pad(prompts: list[Prompt], pad_id: int, length: int = 0) -> dict[str, torch.Tensor]:
    """The arguments of `Reader.forward`, each (prompts, longest prompt or `length`)."""
    room = max(length, *map(len, prompts))

    def stack(rows: list[list], fill: float) -> torch.Tensor:
        return torch.tensor([row + [fill] * (room - len(row)) for row in rows])

    return {
        "input_ids": stack([prompt.ids for prompt in prompts], pad_id),
        "attention_mask": stack([[1] * len(prompt) for prompt in prompts], 0),
        "fields": stack([prompt.fields for prompt in prompts], NO_FIELD),
        "numbers": stack([prompt.numbers for prompt in prompts], math.nan),
    }


def forward(model: Reader, prompts: list[Prompt], recipe: Recipe) -> torch.Tensor:
    """Logits (prompts, logits) of prompts padded to the longest among them, and no further."""
    length = recipe.max_tokens if recipe.padding == "max_tokens" else 0
    batch = pad(prompts, model.encoder.config.pad_token_id, length)
    with autocast(recipe):
        return model(**{name: tensor.to(model.device) for name, tensor in batch.items()}).logits


@torch.no_grad()
def predict(model: Reader, prompts: list[Prompt], recipe: Recipe) -> torch.Tensor:
    """Logits (prompts, logits) as float32 on the CPU; dropout off; draws no random number."""
    model.eval()
    size = recipe.batch_size
    batches = [prompts[i : i + size] for i in range(0, len(prompts), size)]
    return torch.cat([forward(model, batch, recipe).float().cpu() for batch in batches])


def autocast(recipe: Recipe) -> AbstractContextManager:
    """The precision of the recipe around a forward pass."""
    if recipe.precision == "fp32":
        return nullcontext()
    dtype = torch.bfloat16 if recipe.precision == "bf16" else torch.float16
    return torch.autocast(recipe.device, dtype)


def parameter_groups(model: Reader, recipe: Recipe) -> list[dict]:
    """AdamW's groups: everything decays but biases and LayerNorm (unless `decay_all`).

    With `layer_decay` d the head learns at the full rate, the top layer at d times that, the one
    below at d^2, and the embeddings at the lowest.
    """
    layers = layers_of(model.encoder)
    depth = {id(p): n for n, layer in enumerate(layers, start=1) for p in layer.parameters()}
    below = {id(p) for p in model.encoder.parameters()} - depth.keys()
    groups: dict[tuple[int, bool], list] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        spared = name.endswith("bias") or "layernorm" in name.lower() or "layer_norm" in name
        level = 0 if id(parameter) in below else depth.get(id(parameter), len(layers) + 1)
        key = (len(layers) + 1 - level if recipe.layer_decay < 1 else 0, spared)
        groups.setdefault(key, []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": recipe.learning_rate * recipe.layer_decay**steps,
            "weight_decay": 0.0 if spared and not recipe.decay_all else recipe.weight_decay,
        }
        for (steps, spared), parameters in sorted(groups.items(), key=lambda item: item[0])
    ]
