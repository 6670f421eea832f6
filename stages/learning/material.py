"""All that the fittings of one encoder and task share."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from transformers import PreTrainedTokenizerBase

from stages.beads.card import Card
from stages.learning.encoders import check_checkpoint, load_tokenizer, tokenize
from stages.learning.recipe import Recipe, Source
from stages.learning.tasks import Task, known_targets


@dataclass(frozen=True)
class Material:
    """Targets, tokens and cells of the beads, the recipe and the checkpoint.

    `targets[bead]` has shape (outputs,) in physical units, for beads whose outcome is known;
    `tokens[bead]` are the ids of its prompts; `cells[bead]` is its cell.
    """

    source: Source
    task: Task
    recipe: Recipe
    targets: dict[str, np.ndarray]
    tokens: dict[str, list[list[int]]]
    cells: dict[str, str]
    threads: int = 1

    def with_recipe(self, recipe: Recipe) -> "Material":
        """The same material for another recipe."""
        return replace(self, recipe=recipe)

    def values(self, beads: Sequence[str]) -> np.ndarray:
        """Targets (beads, outputs) in physical units."""
        return np.array([self.targets[b] for b in beads]).reshape(len(beads), -1)


def make_material(
    source: Source,
    task: Task,
    recipe: Recipe,
    card: Card,
    beads: pd.DataFrame,
    prompts: list[dict],
    threads: int,
) -> tuple[Material, PreTrainedTokenizerBase]:
    """The material of a task and its tokenizer; every prompt is tokenised here, once.

    Raises StudyError for a checkpoint that cannot be had or is of another family.
    """
    check_checkpoint(source.encoder, source.checkpoint, source.revision)
    tokenizer = load_tokenizer(source.checkpoint, source.revision)
    asked = [row for row in prompts if row["task"] in (None, task.name)]
    tokens: dict[str, list[list[int]]] = {bead: [] for bead in beads["bead"]}
    ids = tokenize(tokenizer, [row["text"] for row in asked], recipe.max_tokens)
    for row, prompt in zip(asked, ids, strict=True):
        tokens[row["bead"]].append(prompt)
    targets = known_targets(card, task, beads)
    cells = dict(zip(beads["bead"], beads["cell"], strict=True))
    return Material(source, task, recipe, targets, tokens, cells, threads), tokenizer
