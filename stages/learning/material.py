"""All that the fittings of one encoder and task share."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from transformers import PreTrainedTokenizerBase

from stages.beads.card import Card
from stages.learning.building import field_names
from stages.learning.encoders import check_checkpoint, load_tokenizer
from stages.learning.joint import Side
from stages.learning.prompts import Prompt, read_prompts
from stages.learning.quantiles import WORDS
from stages.learning.recipe import Recipe, Source
from stages.learning.tasks import Task, known_targets


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
