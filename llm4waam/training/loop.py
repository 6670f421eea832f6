"""Fine-tuning by hand, in one file, from top to bottom.

Trainer (`trainer.py`) ends in the same weights, bit for bit, since each choice that decides the
result is made alike: the seed is set again once the model is built, the order of an epoch depends
on seed and epoch alone, gradients are clipped, biases and LayerNorm do not decay, the kernel of
AdamW is the fused one, and a look at the validation beads moves no random number. The stacked
engine (`llm4waam.stacked`) takes the order, the optimizer and the end of an epoch from here.
"""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

import torch
from torch.optim.lr_scheduler import LambdaLR

from llm4waam.core.errors import StudyError
from llm4waam.core.settings import PARAMS_FILE
from llm4waam.encoders.model import BeadModel, batch_of, layers_of
from llm4waam.encoders.tokens import TokenisedPrompt
from llm4waam.training.data import Examples
from llm4waam.training.early_stopping import EarlyStopping
from llm4waam.training.losses import Objective
from llm4waam.training.recipe import Recipe


@dataclass(frozen=True)
class Validation:
    """Prompts to predict after every epoch, and `metrics` of their logits (prompts, logits).

    `metrics` gives at least `val_loss`, and `select_by` where the recipe selects an epoch.
    """

    examples: Examples
    metrics: Callable[[torch.Tensor], dict[str, float | None]]


@dataclass(frozen=True)
class FineTuning:
    """One fine-tuning to carry out; the model is changed in place.

    `where` is what an error calls it: "fold 3 (bert, quality)".
    """

    model: BeadModel
    examples: Examples
    recipe: Recipe
    objective: Objective
    validation: Validation | None = None
    where: str = "the training"


def fine_tune(job: FineTuning) -> list[dict]:
    """Fine-tune the model in place; returns a row for each epoch.

    A row holds `epoch`, `train_loss` and what the validation measures. Where the recipe selects an
    epoch, the model is left with the weights of the best one, else with the last. Raises StudyError
    where a loss is not finite.
    """
    model, examples, recipe = job.model, job.examples, job.recipe
    run = Run(job)
    # Building the model drew random numbers; from here on dropout depends on the seed alone.
    torch.manual_seed(recipe.seed)
    for epoch in range(1, recipe.epochs + 1):
        if run.stopped:
            break
        # from_pretrained leaves the model in eval mode, and so does a look at the validation beads.
        model.train()
        draw_as_a_data_loader()
        for step in steps_of(order_of(len(examples), recipe, epoch), recipe):
            # A step is the mean over all target cells of its batches, the last of which is smaller.
            cells = sum(map(len, step)) * examples.targets.shape[1]
            for rows in map(torch.Tensor.tolist, step):
                losses = losses_of(job, rows, epoch)
                run.train_loss.add(losses)
                run.scaler.scale(losses.sum() / cells).backward()
            run.step()
        run.end_epoch(
            predict(model, job.validation.examples.first(), recipe) if job.validation else None
        )
    return run.finish()


def order_of(count: int, recipe: Recipe, epoch: int) -> torch.Tensor:
    """Row numbers in the order of an epoch (from 1), from seed and epoch alone."""
    generator = torch.Generator().manual_seed(recipe.seed + epoch - 1)
    return torch.randperm(count, generator=generator)


def steps_of(rows: torch.Tensor, recipe: Recipe) -> list[list[torch.Tensor]]:
    """Row numbers in the order of an epoch, as the batches of each optimizer step."""
    batches, together = rows.split(recipe.batch_size), recipe.accumulation
    return [list(batches[n : n + together]) for n in range(0, len(batches), together)]


def draw_as_a_data_loader() -> None:
    """Draw what making an iterator over a DataLoader draws from the global generator.

    This loop needs no DataLoader, but its dropout must go on where Trainer's does.
    """
    torch.empty((), dtype=torch.int64).random_()


def losses_of(job: FineTuning, rows: list[int], epoch: int, length: int = 0) -> torch.Tensor:
    """Losses (rows, outputs) of rows in an epoch; prompts are padded as in `forward`."""
    prompts = [job.examples.prompt(row, epoch) for row in rows]
    logits = forward(job.model, prompts, job.recipe, length)
    targets = job.examples.targets_of(rows, epoch).to(logits.device)
    return job.objective.loss(logits, targets)


def forward(
    model: BeadModel, prompts: Sequence[TokenisedPrompt], recipe: Recipe, length: int = 0
) -> torch.Tensor:
    """Logits (prompts, logits) of prompts padded to the longest among them, or to `length`."""
    batch = batch_of(prompts, model.encoder.config.pad_token_id, length)
    with autocast(recipe):
        return model(**{name: tensor.to(model.device) for name, tensor in batch.items()}).logits


@torch.no_grad()
def predict(model: BeadModel, prompts: Sequence[TokenisedPrompt], recipe: Recipe) -> torch.Tensor:
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


class Run:
    """A fine-tuning under way: optimizer, learning rate, best weights and history."""

    def __init__(self, job: FineTuning) -> None:
        self.job, self.model, self.recipe = job, job.model, job.recipe
        self.validation, recipe = job.validation, job.recipe
        self.optimizer = torch.optim.AdamW(
            parameter_groups(job.model, recipe), lr=recipe.learning_rate, fused=True
        )
        steps = recipe.epochs * len(steps_of(torch.arange(len(job.examples)), recipe))
        warmup = math.ceil(steps * recipe.warmup)
        rate = partial(rate_after, recipe.schedule, warmup, steps)
        self.schedule = LambdaLR(self.optimizer, rate)
        # float16 gradients underflow unless the loss is scaled up first.
        self.scaler = torch.amp.GradScaler(recipe.device, enabled=recipe.precision == "fp16")
        self.early_stopping = EarlyStopping(recipe.select_by, recipe.patience)
        self.train_loss = MeanLoss()
        self.best: dict[str, torch.Tensor] | None = None
        self.history: list[dict] = []

    @property
    def stopped(self) -> bool:
        """Whether the model has waited long enough for a better epoch."""
        return self.early_stopping.waited >= self.recipe.patience

    def step(self) -> None:
        """Clip the gradients, move the weights, forget the gradients."""
        if self.recipe.max_grad_norm is not None:
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.max_grad_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.schedule.step()
        self.optimizer.zero_grad()

    def end_epoch(self, logits: torch.Tensor | None) -> None:
        """Write the epoch's row; `logits` are those of the validation prompts, if there are any."""
        epoch = len(self.history) + 1
        self.history.append({"epoch": epoch, "train_loss": self.train_loss.mean()})
        check_losses(self.history[-1], self.job)
        if self.validation:
            self.history[-1] |= self.validation.metrics(logits)
            check_losses(self.history[-1], self.job)
        if self.validation and self.recipe.selection != "none":
            self.early_stopping.observe(epoch, self.history[-1][self.recipe.select_by])
            if self.early_stopping.best_epoch == epoch:
                self.best = copy.deepcopy(self.model.state_dict())

    def finish(self) -> list[dict]:
        """Leave the model with its best weights where an epoch was chosen; returns the history."""
        if self.best is not None:
            self.model.load_state_dict(self.best)
        return self.history


def check_losses(row: Mapping[str, float | None], job: FineTuning) -> None:
    """Raise StudyError where a loss of an epoch's row is not finite: the training has diverged."""
    for name in ("train_loss", "val_loss"):
        if not math.isfinite(row.get(name, 0.0)):
            _refuse(f"the loss is not finite at epoch {row['epoch']} of {job.where}", job)


def check_weights(job: FineTuning) -> None:
    """Raise StudyError where a weight is not finite: the last steps leave no loss behind."""
    if not all(torch.isfinite(weight).all() for weight in job.model.parameters()):
        _refuse(f"the weights are not finite after the last epoch of {job.where}", job)


def _refuse(what: str, job: FineTuning) -> None:
    rate = f"{job.recipe.learning_rate:g}"
    expected = f"a learning rate below {rate}, or a scale that keeps the values of the target small"
    raise StudyError(PARAMS_FILE, what, expected=expected)


@dataclass
class MeanLoss:
    """A mean over target cells: a mean over batches would count a small last batch for more."""

    total: torch.Tensor | float = 0.0
    cells: int = 0

    def add(self, losses: torch.Tensor) -> None:
        """Count the losses of a batch, (prompts, outputs), without waiting for a GPU."""
        self.total = self.total + losses.detach().float().sum().double()
        self.cells += losses.numel()

    def mean(self) -> float:
        """The mean since the last call, which starts the count anew."""
        value = float(self.total) / max(self.cells, 1)
        self.total, self.cells = 0.0, 0
        return value


def rate_after(schedule: str, warmup: int, steps: int, step: int) -> float:
    """The share of the learning rate after so many steps, as `transformers.get_scheduler` has it.

    That function is not called: with it comes Trainer, whose import takes seconds.
    """
    if schedule == "constant":  # from the first step on: it has no warm-up there either
        return 1.0
    if step < warmup:
        return step / max(1, warmup)
    return max(0.0, (steps - step) / max(1, steps - warmup))


def parameter_groups(model: BeadModel, recipe: Recipe) -> list[dict]:
    """AdamW's groups: everything decays but biases and LayerNorm.

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
            "weight_decay": 0.0 if spared else recipe.weight_decay,
        }
        for (steps, spared), parameters in sorted(groups.items(), key=lambda item: item[0])
    ]
