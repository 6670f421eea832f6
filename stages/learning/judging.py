"""From logits to scores: what a fold fitted, and how the beads of its task are scored with it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from stages.learning.batches import Examples
from stages.learning.building import known_scales
from stages.learning.channel import Scales, fit_scales, standardise
from stages.learning.losses import Objective
from stages.learning.material import Material
from stages.learning.prompts import Prompt
from stages.learning.quantiles import Quantiles
from stages.learning.recipe import Recipe
from stages.learning.scaler import Scaler


@dataclass(frozen=True)
class Reading:
    """How the numbers of a prompt are read; fitted on training beads alone."""

    names: list[str]
    scales: Scales
    quantiles: Quantiles | None

    @classmethod
    def fit(cls, material: Material, recipe: Recipe, train: list[str]) -> "Reading":
        """Scales and quantiles of the training beads; a checkpoint's own stay as they are."""
        learned = [prompt for bead in train for prompt in material.prompts[bead]]
        scales = fit_scales(learned, material.names) | known_scales(material.source, recipe)
        quantiles = Quantiles.fit(learned, material.words) if recipe.quantiles else None
        return cls(material.names, scales, quantiles)

    def of(self, prompt: Prompt) -> Prompt:
        """The prompt with z-scores, and with the quantile words if there are any."""
        told = self.quantiles.insert(prompt) if self.quantiles else prompt
        return standardise(told, self.scales, self.names)


@dataclass(frozen=True)
class Judge:
    """A trained model's objective, target scale and reading, to score the beads of its task."""

    material: Material
    recipe: Recipe
    objective: Objective
    scaler: Scaler | None
    reading: Reading

    def prompts(self, beads: Sequence[str]) -> list[list[Prompt]]:
        """The prompts of each bead as the model reads them."""
        return [[self.reading.of(p) for p in self.material.prompts[bead]] for bead in beads]

    def judge(self, logits: torch.Tensor, beads: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Scores and losses (beads, outputs) from the logits of `asked(beads)`.

        A bead's prompts are averaged first. Scores are probabilities, or in physical units.
        """
        if not beads:
            return np.empty((2, 0, len(self.material.task.outputs)))
        counts = [len(asked) for asked in self._asked(beads)]
        mean = torch.stack([part.mean(dim=0) for part in logits.split(counts)]).double()
        values = self.material.values(beads)
        truth = torch.tensor(self.scaler.scale(values) if self.scaler else values)
        scores = self.objective.scores(mean).numpy()
        losses = self.objective.loss(mean, truth).numpy()
        return self.scaler.restore(scores) if self.scaler else scores, losses

    def asked(self, beads: Sequence[str]) -> list[Prompt]:
        """The prompts that a model is asked about these beads, one bead after the other."""
        return [prompt for prompts in self._asked(beads) for prompt in prompts]

    def examined(self, beads: Sequence[str]) -> Examples:
        """`asked` as examples, with the own task's targets on the learning scale."""
        asked = self._asked(beads)
        rows = [bead for bead, some in zip(beads, asked, strict=True) for _ in some]
        values = self.material.values(rows)
        values = self.scaler.scale(values) if self.scaler else values
        choices = [[prompt] for prompts in asked for prompt in prompts]
        return Examples(choices, torch.tensor(values, dtype=torch.float32))

    def learned(self, beads: Sequence[str], targets: np.ndarray) -> Examples:
        """What an epoch takes of these beads; `targets` is (beads, outputs of all tasks)."""
        prompts, rows = self.prompts(beads), torch.tensor(targets, dtype=torch.float32)
        if self.recipe.prompts == "random":
            return Examples(prompts, rows, self.recipe.seed)
        counts = torch.tensor([len(some) for some in prompts])
        choices = [[prompt] for some in prompts for prompt in some]
        return Examples(choices, rows.repeat_interleave(counts, dim=0), self.recipe.seed)

    def _asked(self, beads: Sequence[str]) -> list[list[Prompt]]:
        prompts = self.prompts(beads)
        return prompts if self.recipe.average else [some[:1] for some in prompts]
