"""Prompts as tensors, and the groups of parameters that an optimizer takes."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

from stages.learning.recipe import Recipe


@dataclass(frozen=True)
class Examples:
    """Tokenised prompts: `tokens[i]` are the ids of prompt i, `targets` is (prompts, outputs)."""

    tokens: list[list[int]]
    targets: torch.Tensor

    def __len__(self) -> int:
        return len(self.tokens)


def pad(tokens: list[list[int]], pad_id: int, length: int = 0) -> dict[str, torch.Tensor]:
    """`input_ids` and `attention_mask`, both (prompts, longest prompt or `length`)."""
    prompts = [torch.tensor(ids) for ids in tokens]
    ids = pad_sequence(prompts, batch_first=True, padding_value=pad_id)
    mask = pad_sequence([torch.ones_like(prompt) for prompt in prompts], batch_first=True)
    room = max(length - ids.shape[1], 0)
    return {
        "input_ids": torch.nn.functional.pad(ids, (0, room), value=pad_id),
        "attention_mask": torch.nn.functional.pad(mask, (0, room)),
    }


def forward(model: PreTrainedModel, tokens: list[list[int]], recipe: Recipe) -> torch.Tensor:
    """Logits (prompts, logits) of prompts padded to the longest among them, and no further."""
    length = recipe.max_tokens if recipe.padding == "max_tokens" else 0
    batch = pad(tokens, model.config.pad_token_id, length)
    with autocast(recipe):
        return model(**{name: tensor.to(model.device) for name, tensor in batch.items()}).logits


@torch.no_grad()
def predict(model: PreTrainedModel, tokens: list[list[int]], recipe: Recipe) -> torch.Tensor:
    """Logits (prompts, logits) as float32 on the CPU; dropout off; draws no random number."""
    model.eval()
    size = recipe.batch_size
    batches = [tokens[i : i + size] for i in range(0, len(tokens), size)]
    return torch.cat([forward(model, batch, recipe).float().cpu() for batch in batches])


def autocast(recipe: Recipe) -> AbstractContextManager:
    """The precision of the recipe around a forward pass."""
    if recipe.precision == "fp32":
        return nullcontext()
    dtype = torch.bfloat16 if recipe.precision == "bf16" else torch.float16
    return torch.autocast(recipe.device, dtype)


def parameter_groups(model: PreTrainedModel, recipe: Recipe) -> list[dict]:
    """AdamW's groups: everything decays but biases and LayerNorm (unless `decay_all`)."""
    names: dict[bool, list] = {True: [], False: []}
    for name, parameter in model.named_parameters():
        spared = name.endswith("bias") or "layernorm" in name.lower()
        names[recipe.decay_all or not spared].append(parameter)
    return [
        {"params": names[True], "weight_decay": recipe.weight_decay},
        {"params": names[False], "weight_decay": 0.0},
    ]
