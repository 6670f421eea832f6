"""Fine-tuning by hand, read from top to bottom.

Every choice that decides the result stands here or in the recipe. What Trainer does as well is
done the same way, so that both engines end in the same weights, bit for bit.
"""

import copy
import math

import torch
from transformers import get_scheduler, set_seed

from stages.learning.batches import Examples, forward, parameter_groups, predict
from stages.learning.bookmark import Bookmark
from stages.learning.losses import Objective
from stages.learning.reader import Reader
from stages.learning.recipe import Recipe
from stages.learning.stopping import Stopper
from stages.learning.validation import Tally, Validation


def fine_tune(
    model: Reader,
    examples: Examples,
    recipe: Recipe,
    objective: Objective,
    validation: Validation | None = None,
    bookmark: Bookmark | None = None,
) -> list[dict]:
    """Fine-tune `model` in place; returns what was seen after each epoch.

    A row holds `epoch`, `train_loss` and what `validation` judges. Where the recipe selects, the
    model is left with the weights of the best epoch, else with the last. With a `bookmark`, a
    killed run goes on after its last finished epoch and ends in the same weights.
    """
    size = recipe.batch_size
    used = len(examples) // size * size if recipe.drop_last else len(examples)
    steps = recipe.epochs * math.ceil(math.ceil(used / size) / recipe.accumulation)
    optimizer = torch.optim.AdamW(
        parameter_groups(model, recipe),
        lr=recipe.learning_rate,
        eps=recipe.adam_eps,
        fused=recipe.fused,
    )
    warmup = math.ceil(steps * recipe.warmup)
    schedule = get_scheduler(recipe.schedule, optimizer, warmup, steps)
    # float16 gradients underflow unless the loss is scaled up first.
    scaler = torch.amp.GradScaler(recipe.device, enabled=recipe.precision == "fp16")
    tally, stopper = Tally(), Stopper(recipe.select_by, recipe.patience)
    best, history = None, []
    if recipe.reseed:
        # Building the model drew random numbers; from here on dropout depends on the seed alone.
        set_seed(recipe.seed)
    if bookmark:
        best, history = bookmark.take(model, optimizer, schedule, scaler, stopper)
    for epoch in range(len(history) + 1, recipe.epochs + 1):
        if stopper.waited >= recipe.patience:
            break
        if recipe.train_mode:
            # from_pretrained leaves the model in eval mode, and so does a look at the validation.
            model.train()
        rows = _order(len(examples), recipe, epoch)[:used].split(size)
        for start in range(0, len(rows), recipe.accumulation):
            group = rows[start : start + recipe.accumulation]
            cells = sum(examples.targets[batch].numel() for batch in group)
            for batch in group:
                prompts = [examples.prompt(row, epoch) for row in batch.tolist()]
                logits = forward(model, prompts, recipe)
                losses = objective.loss(logits, examples.targets[batch].to(logits.device))
                tally.add(losses)
                scaler.scale(losses.sum() / cells).backward()
            if recipe.max_grad_norm is not None:
                scaler.unscale_(optimizer)
                torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.max_grad_norm)
            scaler.step(optimizer)
            scaler.update()
            if recipe.schedule_by == "step":
                schedule.step()
            optimizer.zero_grad()
        if recipe.schedule_by == "epoch":
            schedule.step()
        history.append({"epoch": epoch, "train_loss": tally.mean()})
        if validation:
            history[-1] |= validation.judge(predict(model, validation.examples.first(), recipe))
            if not recipe.keep_rng:
                _draw()
        if validation and recipe.selection != "none":
            stopper.observe(epoch, history[-1][recipe.select_by])
            if stopper.best_epoch == epoch:
                best = copy.deepcopy(model.state_dict())
        if bookmark:
            bookmark.put(model, optimizer, schedule, scaler, stopper, best, history)
    if best is not None:
        model.load_state_dict(best)
    return history


def _order(count: int, recipe: Recipe, epoch: int) -> torch.Tensor:
    """Row numbers in the order of an epoch: from seed and epoch alone, or as the RNG stands."""
    _draw()
    if recipe.order == "global":
        return torch.randperm(count)
    generator = torch.Generator().manual_seed(recipe.seed + epoch - 1)
    return torch.randperm(count, generator=generator)


def _draw() -> None:
    """Draw what making an iterator over a DataLoader draws from the global generator.

    This loop needs no DataLoader, but dropout must go on where Trainer's does.
    """
    torch.empty((), dtype=torch.int64).random_()
