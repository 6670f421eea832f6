"""One encoder that learns several tasks at once; it is judged by its own."""

from dataclasses import dataclass

import numpy as np
import torch

from llm4waam.decisions.target_scale import Scaler
from llm4waam.splits.tasks import Task
from llm4waam.training.losses import Objective, make_objective


@dataclass(frozen=True)
class Side:
    """Another task that the encoder learns beside its own; `targets[bead]` is (outputs,)."""

    task: Task
    targets: dict[str, np.ndarray]
    loss: str
    scale: str | None

    def values(self, beads: list[str]) -> np.ndarray:
        """Targets (beads, outputs) on the learning scale, fitted on `beads`; NaN where unknown."""
        missing = np.full(len(self.task.outputs), np.nan)
        values = np.array([self.targets.get(bead, missing) for bead in beads])
        if self.task.kind == "regression":
            known = values[~np.isnan(values[:, 0]), 0]
            values = Scaler.fit(known, self.scale or self.task.transform).scale(values)
        return values


def join(own: Objective, outputs: int, sides: list[tuple[Side, np.ndarray]]) -> Objective:
    """The objective of all tasks: logits and targets stand side by side, the own ones first.

    `outputs` is how many targets the own task has; a side comes with its targets of the training
    beads. A target that is NaN costs nothing. Scores are the own task's.
    """
    if not sides:
        return own
    parts = [(own, outputs)]
    for side, values in sides:
        known = torch.tensor(values[~np.isnan(values).any(axis=1)], dtype=torch.float32)
        parts.append((make_objective(side.task.kind, side.loss, known), values.shape[1]))
    logits, widths = [part.logits for part, _ in parts], [width for _, width in parts]

    def loss(found: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if targets.shape[1] == outputs:  # judged by its own task alone
            return own.loss(found[:, : own.logits], targets)
        pairs = zip(parts, found.split(logits, dim=1), targets.split(widths, dim=1), strict=True)
        costs = []
        for (part, _), some, wanted in pairs:
            unknown = torch.isnan(wanted)
            cost = part.loss(some, torch.nan_to_num(wanted))
            costs.append(cost.masked_fill(unknown, 0.0))
        return torch.cat(costs, dim=1)

    return Objective(sum(logits), loss, lambda found: own.scores(found[:, : own.logits]), own.sets)
