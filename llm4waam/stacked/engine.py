"""Fine-tuning of all folds at once, read from top to bottom.

The same recipe as in the loop, so the same meaning: every fold keeps its own order of prompts,
learning rate, clipping, stopping and number of steps, and is left with the weights that the loop
would leave it with. Only the random numbers of dropout are others.
"""

import hashlib
from collections.abc import Sequence

import torch
from tqdm import tqdm

from llm4waam.encoders.tokens import Prompt
from llm4waam.stacked.stack import Stack
from llm4waam.training.batches import autocast
from llm4waam.training.course import Course, Tuning, begin, groups_of, order_of
from llm4waam.training.recipe import Recipe, refuse_others

FIXED = {
    "reseed": True,
    "order": "by_epoch",
    "train_mode": True,
    "keep_rng": True,
    "padding": "batch",
}


def fine_tune(tunings: Sequence[Tuning]) -> list[list[dict]]:
    """Fine-tune the models of all tunings in place; returns their histories.

    The recipes differ in their seeds at most. Models with as many logits are one stack: a powerset
    has as many as its fold has sets. Raises StudyError for a habit of published loops that makes
    folds depend on each other.
    """
    refuse_others(tunings[0].recipe, FIXED, "stacked")
    histories: dict[int, list[dict]] = {}
    for logits in dict.fromkeys(tuning.objective.logits for tuning in tunings):
        places = [n for n, tuning in enumerate(tunings) if tuning.objective.logits == logits]
        found = _together([tunings[n] for n in places])
        histories |= dict(zip(places, found, strict=True))
    return [histories[n] for n in range(len(tunings))]


def _together(tunings: Sequence[Tuning]) -> list[list[dict]]:
    """One stack. A fold that has no batch left in an epoch or has stopped early sits out.

    So does one that is ahead of the others after a killed run.
    """
    recipe = tunings[0].recipe
    stack = Stack([tuning.model for tuning in tunings], recipe.compiler)
    courses = [begin(tuning.model, tuning.examples, tuning.recipe) for tuning in tunings]
    for course, tuning in zip(courses, tunings, strict=True):
        course.resume(tuning.bookmark)
    folds = f"{len(tunings)} folds together"
    # Told on a terminal alone: nothing is finished before all of them are.
    for epoch in tqdm(range(1, recipe.epochs + 1), folds, leave=False, unit="epoch", disable=None):
        going = [n for n, c in enumerate(courses) if len(c.history) == epoch - 1 and not c.stopped]
        steps = {
            n: groups_of(order_of(len(tunings[n].examples), tunings[n].recipe, epoch), recipe)
            for n in going
        }
        stack.train()
        # Dropout of attention weights draws from the global generator, whoever takes part.
        torch.manual_seed(_seed(recipe.seed, epoch))
        for step in range(max(map(len, steps.values()), default=0)):
            groups = {n: groups[step] for n, groups in steps.items() if step < len(groups)}
            for part in range(max(map(len, groups.values()))):
                batches = {n: group[part] for n, group in groups.items() if part < len(group)}
                _backward(stack, tunings, courses, groups, batches, (epoch, step, part))
            stack.hand_gradients(list(groups))
            for number in groups:
                courses[number].step()
        looked = {n: tunings[n].validation for n in going if tunings[n].validation}
        seen = predict(stack, {n: v.examples.first() for n, v in looked.items()}, recipe)
        for number in going:
            tuning = tunings[number]
            courses[number].close_epoch(tuning.validation, seen.get(number), tuning.bookmark)
    return [course.finish() for course in courses]


def _backward(
    stack: Stack,
    tunings: Sequence[Tuning],
    courses: Sequence[Course],
    groups: dict[int, list[torch.Tensor]],
    batches: dict[int, torch.Tensor],
    moment: tuple[int, int, int],
) -> None:
    """Add the gradients of one batch of every active fold; `moment` is epoch, step, part of it."""
    active = list(batches)
    recipes = [tunings[number].recipe for number in active]
    prompts = [
        [tunings[number].examples.prompt(row, moment[0]) for row in rows.tolist()]
        for number, rows in batches.items()
    ]
    with autocast(recipes[0]):
        seeds = [_seed(recipe.seed, *moment) for recipe in recipes]
        found = stack(stack.pack(prompts), active, seeds)
    total = 0.0
    for number, logits in zip(active, found.unbind(), strict=True):
        tuning, course = tunings[number], courses[number]
        targets = tuning.examples.targets[batches[number]].to(logits.device, non_blocking=True)
        losses = tuning.objective.loss(logits[: len(targets)], targets)
        course.tally.add(losses)
        cells = sum(tuning.examples.targets[rows].numel() for rows in groups[number])
        total = total + course.scaler.scale(losses.sum() / cells)
    total.backward()


@torch.no_grad()
def predict(
    stack: Stack, asked: dict[int, list[Prompt]], recipe: Recipe
) -> dict[int, torch.Tensor]:
    """Logits (prompts, logits) of the prompts that each fold is asked, as in `batches.predict`."""
    stack.eval()
    size, found = recipe.batch_size, {number: [] for number in asked}
    for start in range(0, max(map(len, asked.values()), default=0), size):
        now = {n: prompts[start : start + size] for n, prompts in asked.items()}
        now = {n: prompts for n, prompts in now.items() if prompts}
        with autocast(recipe):
            rows = stack(stack.pack(list(now.values())), list(now), [0] * len(now))
        for (number, prompts), logits in zip(now.items(), rows, strict=True):
            found[number].append(logits[: len(prompts)].float().cpu())
    return {number: torch.cat(parts) for number, parts in found.items()}


def _seed(*parts: int) -> int:
    """A seed of its own for every fold, epoch and step; room is left to count on from it."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big")
