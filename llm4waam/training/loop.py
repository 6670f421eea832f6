"""Fine-tuning by hand, read from top to bottom.

Every choice that decides the result stands here, in `course` or in the recipe. What Trainer does
as well is done the same way, so that both engines end in the same weights, bit for bit.
"""

import torch

from llm4waam.training.batches import forward, predict
from llm4waam.training.course import Tuning, begin, groups_of, order_of
from llm4waam.training.recipe import Recipe


def fine_tune(tuning: Tuning) -> list[dict]:
    """Fine-tune the model in place; returns what was seen after each epoch.

    A row holds `epoch`, `train_loss` and what the validation judges. Where the recipe selects, the
    model is left with the weights of the best epoch, else with the last. With a bookmark, a killed
    run goes on after its last finished epoch and ends in the same weights.
    """
    model, examples, recipe = tuning.model, tuning.examples, tuning.recipe
    course = begin(model, examples, recipe)
    if recipe.reseed:
        # Building the model drew random numbers; from here on dropout depends on the seed alone.
        torch.manual_seed(recipe.seed)
    course.resume(tuning.bookmark)
    for epoch in range(len(course.history) + 1, recipe.epochs + 1):
        if course.stopped:
            break
        if recipe.train_mode:
            # from_pretrained leaves the model in eval mode, and so does a look at the validation.
            model.train()
        for group in groups_of(_order(len(examples), recipe, epoch), recipe):
            cells = sum(examples.targets[batch].numel() for batch in group)
            for batch in group:
                prompts = [examples.prompt(row, epoch) for row in batch.tolist()]
                logits = forward(model, prompts, recipe)
                losses = tuning.objective.loss(logits, examples.targets[batch].to(logits.device))
                course.tally.add(losses)
                course.scaler.scale(losses.sum() / cells).backward()
            course.step()
        logits = None
        if tuning.validation:
            logits = predict(model, tuning.validation.examples.first(), recipe)
            if not recipe.keep_rng:
                _draw()
        course.close_epoch(tuning.validation, logits, tuning.bookmark)
    return course.finish()


def _order(count: int, recipe: Recipe, epoch: int) -> torch.Tensor:
    """Row numbers in the order of an epoch: from seed and epoch alone, or as the RNG stands."""
    _draw()
    if recipe.order == "global":
        return torch.randperm(count)
    return order_of(count, recipe, epoch)


def _draw() -> None:
    """Draw what making an iterator over a DataLoader draws from the global generator.

    This loop needs no DataLoader, but dropout must go on where Trainer's does.
    """
    torch.empty((), dtype=torch.int64).random_()
