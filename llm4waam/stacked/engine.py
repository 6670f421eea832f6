"""The engine that fine-tunes all folds of a task at once, and the choice of an engine.

The same recipe as in the loop, so the same meaning: every fold keeps its own order of prompts,
learning rate, clipping, early stopping and number of steps, and is left with the weights that the
loop would leave it with. Only the random numbers of dropout are others.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

import torch
from tqdm import tqdm

from llm4waam.core.errors import StudyError
from llm4waam.encoders.tokens import TokenisedPrompt
from llm4waam.stacked.stack import Stack
from llm4waam.training.fit import Engine
from llm4waam.training.loop import FineTuning, Run, autocast, order_of, steps_of
from llm4waam.training.recipe import Recipe

DELAY_S = 10.0  # a training that ends sooner shows no bar of its own


def engine_of(recipe: Recipe) -> Engine:
    """The recipe's engine; raises StudyError for a precision that the device does not have."""
    if recipe.precision == "fp16" and recipe.device == "cpu":
        reason = "train.precision: half precision needs a GPU"
        expected = "fp32, bf16 or train.device: cuda"
        raise StudyError("params.yaml", reason, value="fp16", expected=expected)
    if recipe.engine == "stacked":
        return fine_tune
    # Each is imported only where it is wanted: Trainer's import takes seconds.
    if recipe.engine == "loop":
        from llm4waam.training.loop import fine_tune as fine_tune_one
    else:
        from llm4waam.training.trainer import fine_tune as fine_tune_one
    return partial(_one_by_one, fine_tune_one)


def _one_by_one(
    fine_tune_one: Callable[[FineTuning], list[dict]], jobs: Sequence[FineTuning]
) -> list[list[dict]]:
    return [fine_tune_one(job) for job in jobs]


def fine_tune(jobs: Sequence[FineTuning]) -> list[list[dict]]:
    """Fine-tune the models of all jobs in place; returns their histories.

    The recipes differ in their seeds at most. Models with as many logits are one stack: a powerset
    has as many as its fold has label sets.
    """
    histories: dict[int, list[dict]] = {}
    for logits in dict.fromkeys(job.objective.logits for job in jobs):
        places = [n for n, job in enumerate(jobs) if job.objective.logits == logits]
        found = _fine_tune_stack([jobs[n] for n in places])
        histories |= dict(zip(places, found, strict=True))
    return [histories[n] for n in range(len(jobs))]


def _fine_tune_stack(jobs: Sequence[FineTuning]) -> list[list[dict]]:
    """One stack. A fold that has no batch left in an epoch or has stopped early sits out."""
    recipe = jobs[0].recipe
    stack = Stack([job.model for job in jobs])
    runs = [Run(job) for job in jobs]
    title = f"{len(jobs)} folds together"
    # Nothing is finished before all folds are, so that a long training would show no progress.
    for epoch in tqdm(range(1, recipe.epochs + 1), title, leave=False, unit="epoch", delay=DELAY_S):
        going = [n for n, run in enumerate(runs) if not run.stopped]
        steps = {
            n: steps_of(order_of(len(jobs[n].examples), jobs[n].recipe, epoch), recipe)
            for n in going
        }
        stack.train()
        # Dropout of attention weights draws from the global generator, whoever takes part.
        torch.manual_seed(_seed(recipe.seed, epoch))
        for step in range(max(map(len, steps.values()), default=0)):
            now = {n: batches[step] for n, batches in steps.items() if step < len(batches)}
            for part in range(max(map(len, now.values()))):
                batches = {n: some[part] for n, some in now.items() if part < len(some)}
                _backward(stack, jobs, runs, now, batches, (epoch, step, part))
            stack.hand_gradients(list(now))
            for number in now:
                runs[number].step()
        watched = {n: jobs[n].validation for n in going if jobs[n].validation}
        logits = predict(stack, {n: v.examples.first() for n, v in watched.items()}, recipe)
        for number in going:
            runs[number].end_epoch(logits.get(number))
    return [run.finish() for run in runs]


def _backward(
    stack: Stack,
    jobs: Sequence[FineTuning],
    runs: Sequence[Run],
    step: dict[int, list[torch.Tensor]],
    batches: dict[int, torch.Tensor],
    moment: tuple[int, int, int],
) -> None:
    """Add the gradients of one batch of every active fold; `moment` is epoch, step, part of it."""
    active = list(batches)
    recipes = [jobs[number].recipe for number in active]
    prompts = [
        [jobs[number].examples.prompt(row, moment[0]) for row in rows.tolist()]
        for number, rows in batches.items()
    ]
    with autocast(recipes[0]):
        seeds = [_seed(recipe.seed, *moment) for recipe in recipes]
        found = stack(stack.pack(prompts), active, seeds)
    total = 0.0
    for number, logits in zip(active, found.unbind(), strict=True):
        job, run = jobs[number], runs[number]
        targets = job.examples.targets_of(batches[number].tolist(), moment[0])
        targets = targets.to(logits.device, non_blocking=True)
        losses = job.objective.loss(logits[: len(targets)], targets)
        run.train_loss.add(losses)
        cells = sum(map(len, step[number])) * targets.shape[1]
        total = total + run.scaler.scale(losses.sum() / cells)
    total.backward()


@torch.no_grad()
def predict(
    stack: Stack, asked: dict[int, Sequence[TokenisedPrompt]], recipe: Recipe
) -> dict[int, torch.Tensor]:
    """Logits (prompts, logits) of each fold's prompts, as `training.loop.predict`."""
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
