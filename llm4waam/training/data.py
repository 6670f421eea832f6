"""From logits to scores: what a fold fitted, and how the beads of its task are scored with it.

All that the fittings of one encoder and task share.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedTokenizerBase

from llm4waam.card.card import Card
from llm4waam.decisions.target_scale import Scaler
from llm4waam.encoders.load import check_checkpoint, load_tokenizer
from llm4waam.encoders.model import field_names, known_scales
from llm4waam.encoders.number_embedding import Scales, fit_scales, standardise
from llm4waam.encoders.quantiles import WORDS, Quantiles
from llm4waam.encoders.settings import Source
from llm4waam.encoders.tokens import Prompt, read_prompts
from llm4waam.splits.tasks import Task, known_targets
from llm4waam.training.batches import Examples
from llm4waam.training.joint import Side
from llm4waam.training.losses import Objective
from llm4waam.training.recipe import Recipe


@dataclass(frozen=True)
class Material:
    """Targets, prompts and cells of the beads, the recipe and the checkpoint.

    `targets[bead]` has shape (outputs,) in physical units, for beads whose outcome is known;
    `prompts[bead]` are its prompts, with numbers in the card's units; `names` are the fields that
    prompts count by; `words` are the token ids of the quantile words; `cells[bead]` is its cell;
    `sides` are the tasks that are learned beside its own.
    """

    source: Source
    task: Task
    recipe: Recipe
    targets: dict[str, np.ndarray]
    prompts: dict[str, list[Prompt]]
    names: list[str]
    words: list[list[int]]
    cells: dict[str, str]
    sides: tuple[Side, ...] = ()
    threads: int = 1

    def with_recipe(self, recipe: Recipe) -> "Material":
        """The same material for another recipe."""
        return replace(self, recipe=recipe)

    def values(self, beads: Sequence[str]) -> np.ndarray:
        """Targets (beads, outputs) in physical units."""
        return np.array([self.targets[b] for b in beads]).reshape(
            len(beads), len(self.task.outputs)
        )


def make_material(
    source: Source,
    task: Task,
    recipe: Recipe,
    card: Card,
    beads: pd.DataFrame,
    prompts: list[dict],
    sides: Sequence[Side] = (),
    threads: int = 1,
) -> tuple[Material, PreTrainedTokenizerBase]:
    """The material of a task and its tokenizer; every prompt is tokenised here, once.

    Raises StudyError for a checkpoint that cannot be had or is of another family.
    """
    check_checkpoint(source.encoder, source.checkpoint, source.revision)
    tokenizer = load_tokenizer(source.checkpoint, source.revision)
    asked = [row for row in prompts if row["task"] in (None, task.name)]
    said = sorted({value[0] for row in asked for value in row["values"] if value[3] is not None})
    names = field_names(source, recipe, said)
    room = min(recipe.max_tokens, tokenizer.model_max_length)
    read: dict[str, list[Prompt]] = {bead: [] for bead in beads["bead"]}
    for row, prompt in zip(asked, read_prompts(tokenizer, asked, names, room), strict=True):
        read[row["bead"]].append(prompt)
    words = [
        tokenizer(f" {word}", add_special_tokens=False)["input_ids"]
        for word in WORDS.get(recipe.quantiles, ())
    ]
    targets = known_targets(card, task, beads)
    cells = dict(zip(beads["bead"], beads["cell"], strict=True))
    material = Material(
        source, task, recipe, targets, read, names, words, cells, tuple(sides), threads
    )
    return material, tokenizer


def make_sides(
    tasks: Sequence[Task], own: Task, card: Card, beads: pd.DataFrame, losses: dict[str, object]
) -> list[Side]:
    """The other tasks; `losses[name]` has `loss` and `scale`."""
    return [
        Side(
            task, known_targets(card, task, beads), losses[task.name].loss, losses[task.name].scale
        )
        for task in tasks
        if task.name != own.name
    ]


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
