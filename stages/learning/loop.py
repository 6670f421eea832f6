"""Fine-tuning by hand, read from top to bottom.

Every choice that decides the result stands here or in the recipe. What Trainer does as well is
done the same way: the seed is set again once the model is built, the order of an epoch comes from
a generator seeded with seed + epoch, gradients are clipped, biases and LayerNorm do not decay.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel, get_linear_schedule_with_warmup, set_seed

from stages.learning.losses import Objective
from stages.learning.recipe import Recipe


@dataclass(frozen=True)
class Examples:
    """Tokenised prompts: `tokens[i]` are the ids of prompt i, `targets` is (prompts, outputs)."""

    tokens: list[list[int]]
    targets: torch.Tensor

    def __len__(self) -> int:
        return len(self.tokens)


def fine_tune(
    model: PreTrainedModel,
    examples: Examples,
    recipe: Recipe,
    objective: Objective,
    after_epoch: Callable[[int, float], None],
) -> None:
    """Fine-tune `model` in place; `after_epoch(epoch, mean training loss)` is called each epoch."""
    optimizer = torch.optim.AdamW(
        parameter_groups(model, recipe.weight_decay), lr=recipe.learning_rate, fused=True
    )
    steps = recipe.epochs * -(-len(examples) // recipe.batch_size)
    schedule = get_linear_schedule_with_warmup(optimizer, round(recipe.warmup * steps), steps)
    # Building the model drew random numbers; from here on dropout depends on the seed alone.
    set_seed(recipe.seed)
    for epoch in range(recipe.epochs):
        # from_pretrained leaves the model in eval mode, and so does the evaluation in between.
        model.train()
        order = torch.Generator().manual_seed(recipe.seed + epoch)
        total = 0.0
        for rows in torch.randperm(len(examples), generator=order).split(recipe.batch_size):
            logits = forward(model, [examples.tokens[row] for row in rows])
            mean = objective.loss(logits, examples.targets[rows]).mean()
            mean.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.max_grad_norm)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            # The last batch may be smaller: a mean over batches would count its rows for more.
            total += mean.item() * len(rows)
        after_epoch(epoch, total / len(examples))


@torch.no_grad()
def predict(model: PreTrainedModel, tokens: list[list[int]], batch_size: int) -> torch.Tensor:
    """Logits of shape (prompts, outputs); dropout off; draws no random number."""
    model.eval()
    batches = [tokens[i : i + batch_size] for i in range(0, len(tokens), batch_size)]
    return torch.cat([forward(model, batch) for batch in batches])


def forward(model: PreTrainedModel, tokens: list[list[int]]) -> torch.Tensor:
    """Logits (prompts, outputs) of prompts padded to the longest among them, and no further."""
    prompts = [torch.tensor(ids) for ids in tokens]
    ids = pad_sequence(prompts, batch_first=True, padding_value=model.config.pad_token_id)
    mask = pad_sequence([torch.ones_like(prompt) for prompt in prompts], batch_first=True)
    return model(input_ids=ids, attention_mask=mask).logits


def parameter_groups(model: PreTrainedModel, weight_decay: float) -> list[dict]:
    """AdamW's groups: everything decays but biases and LayerNorm."""
    names = {True: [], False: []}
    for name, parameter in model.named_parameters():
        spared = name.endswith("bias") or "layernorm" in name.lower()
        names[not spared].append(parameter)
    return [
        {"params": names[True], "weight_decay": weight_decay},
        {"params": names[False], "weight_decay": 0.0},
    ]
