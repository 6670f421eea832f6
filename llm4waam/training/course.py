"""A fine-tuning, and how far it has come: optimizer, schedule, best weights, what was seen.

What is looked at after every epoch, by either engine.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from llm4waam.encoders.model import Reader
from llm4waam.training.batches import Examples, parameter_groups
from llm4waam.training.bookmark import Bookmark
from llm4waam.training.early_stopping import Stopper
from llm4waam.training.losses import Objective
from llm4waam.training.recipe import Recipe


@dataclass(frozen=True)
class Validation:
    """Prompts to predict after every epoch, and `judge(logits)` (prompts, logits) to metrics.

    `judge` gives at least `val_loss`. Where the recipe selects, it gives `select_by` too.
    """

    examples: Examples
    judge: Callable[[torch.Tensor], dict[str, float | None]]


@dataclass
class Tally:
    """A mean loss over samples: a mean over batches would count a small last batch for more."""

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


@dataclass(frozen=True)
class Tuning:
    """What an engine is asked to do; see `llm4waam.training.engine`."""

    model: Reader
    examples: Examples
    recipe: Recipe
    objective: Objective
    validation: Validation | None = None
    bookmark: Bookmark | None = None


@dataclass
class Course:
    """One model on its way; `history` has a row for every epoch that is done."""

    model: Reader
    recipe: Recipe
    optimizer: torch.optim.Optimizer
    schedule: LRScheduler
    scaler: torch.amp.GradScaler
    stopper: Stopper
    tally: Tally = field(default_factory=Tally)
    best: dict[str, torch.Tensor] | None = None
    history: list[dict] = field(default_factory=list)

    @property
    def stopped(self) -> bool:
        """Whether the model has waited long enough for a better epoch."""
        return self.stopper.waited >= self.recipe.patience

    def resume(self, bookmark: Bookmark | None) -> None:
        """Go on from where a killed run stood."""
        if bookmark:
            self.best, self.history = bookmark.take(
                self.model, self.optimizer, self.schedule, self.scaler, self.stopper
            )

    def step(self) -> None:
        """Clip the gradients, move the weights, forget the gradients."""
        if self.recipe.max_grad_norm is not None:
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.max_grad_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.recipe.schedule_by == "step":
            self.schedule.step()
        self.optimizer.zero_grad()

    def close_epoch(
        self, validation: Validation | None, logits: torch.Tensor | None, bookmark: Bookmark | None
    ) -> None:
        """Write the epoch's row, with what `validation` says of its `logits`; keep the best."""
        if self.recipe.schedule_by == "epoch":
            self.schedule.step()
        epoch = len(self.history) + 1
        self.history.append({"epoch": epoch, "train_loss": self.tally.mean()})
        if validation:
            self.history[-1] |= validation.judge(logits)
        if validation and self.recipe.selection != "none":
            self.stopper.observe(epoch, self.history[-1][self.recipe.select_by])
            if self.stopper.best_epoch == epoch:
                self.best = copy.deepcopy(self.model.state_dict())
        if bookmark:
            bookmark.put(
                self.model,
                self.optimizer,
                self.schedule,
                self.scaler,
                self.stopper,
                self.best,
                self.history,
            )

    def finish(self) -> list[dict]:
        """Leave the model with its best weights where an epoch was chosen; returns the history."""
        if self.best is not None:
            self.model.load_state_dict(self.best)
        return self.history


def groups_of(rows: torch.Tensor, recipe: Recipe) -> list[list[torch.Tensor]]:
    """Row numbers in the order of an epoch, as the batches of each optimizer step."""
    size, together = recipe.batch_size, recipe.accumulation
    used = len(rows) // size * size if recipe.drop_last else len(rows)
    batches = rows[:used].split(size)
    return [list(batches[n : n + together]) for n in range(0, len(batches), together)]


def begin(model: Reader, examples: Examples, recipe: Recipe) -> Course:
    """The course of a model that has learned nothing of `examples` yet."""
    steps = recipe.epochs * len(groups_of(torch.arange(len(examples)), recipe))
    optimizer = torch.optim.AdamW(
        parameter_groups(model, recipe),
        lr=recipe.learning_rate,
        eps=recipe.adam_eps,
        fused=recipe.fused,
    )
    warmup = math.ceil(steps * recipe.warmup)
    schedule = LambdaLR(optimizer, partial(_rate, recipe.schedule, warmup, steps))
    # float16 gradients underflow unless the loss is scaled up first.
    scaler = torch.amp.GradScaler(recipe.device, enabled=recipe.precision == "fp16")
    stopper = Stopper(recipe.select_by, recipe.patience)
    return Course(model, recipe, optimizer, schedule, scaler, stopper)


def order_of(count: int, recipe: Recipe, epoch: int) -> torch.Tensor:
    """Row numbers in the order of an epoch (from 1), from seed and epoch alone."""
    generator = torch.Generator().manual_seed(recipe.seed + epoch - 1)
    return torch.randperm(count, generator=generator)


def _rate(schedule: str, warmup: int, steps: int, step: int) -> float:
    """The share of the learning rate after so many steps, as `transformers.get_scheduler` has it.

    That function is not called: with it comes Trainer, whose import takes seconds.
    """
    if schedule == "constant":  # from the first step on: it has no warm-up there either
        return 1.0
    if step < warmup:
        return step / max(1, warmup)
    return max(0.0, (steps - step) / max(1, steps - warmup))
