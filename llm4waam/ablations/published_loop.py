"""A hand-written loop with the habits of published ones, switched off one at a time.

Beside `llm4waam.training.loop` each habit changes the result: prompts are padded to a fixed
length, the order of the prompts comes from the global generator, nothing is seeded again once the
model is built, a look at the validation beads moves that generator, no gradient is clipped, every
weight decays, and AdamW runs its plain kernel.
"""

from dataclasses import dataclass

import torch
from torch.optim.lr_scheduler import LambdaLR

from llm4waam.training.loop import (
    FineTuning,
    Run,
    draw_as_a_data_loader,
    losses_of,
    order_of,
    parameter_groups,
    steps_of,
)


@dataclass(frozen=True)
class Habits:
    """The habits of a loop; the defaults are the published ones."""

    pads_to_max_tokens: bool = True
    global_order: bool = True
    seeds_after_building: bool = False
    keeps_generator: bool = False
    clips_at: float | None = None
    spares_biases: bool = False
    fused: bool = False


def fine_tune(job: FineTuning, habits: Habits) -> list[dict]:
    """Fine-tune the model in place; returns no history."""
    model, examples, recipe = job.model, job.examples, job.recipe
    groups = parameter_groups(model, recipe)
    if not habits.spares_biases:
        groups = [group | {"weight_decay": recipe.weight_decay} for group in groups]
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=habits.fused)
    schedule = LambdaLR(optimizer, Run(job).schedule.lr_lambdas[0])
    if habits.seeds_after_building:
        torch.manual_seed(recipe.seed)
    length = recipe.max_tokens if habits.pads_to_max_tokens else 0
    for epoch in range(1, recipe.epochs + 1):
        model.train()
        draw_as_a_data_loader()
        count = len(examples)
        order = torch.randperm(count) if habits.global_order else order_of(count, recipe, epoch)
        for step in steps_of(order, recipe):
            cells = sum(map(len, step)) * examples.targets.shape[1]
            for rows in map(torch.Tensor.tolist, step):
                (losses_of(job, rows, epoch, length).sum() / cells).backward()
            if habits.clips_at is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), habits.clips_at)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        if not habits.keeps_generator:
            draw_as_a_data_loader()  # what a look at the validation beads draws
    return []
