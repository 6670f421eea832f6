"""What is looked at after every epoch, by either engine."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from stages.learning.batches import Examples


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
