"""What a task's fine-tunings learn from, and how logits become scores of beads.

`TaskData` is what all folds of a task share; a `Scorer` is fitted on the training beads of one
fold.
"""

import hashlib
import logging
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedTokenizerBase

from llm4waam.card.card import Card
from llm4waam.decisions.target_scale import TargetScale
from llm4waam.encoders.load import check_checkpoint, load_tokenizer
from llm4waam.encoders.model import field_names, known_scales
from llm4waam.encoders.number_scales import NumberScales, fit_scales
from llm4waam.encoders.settings import Source
from llm4waam.encoders.tokens import PromptLists, Prompts, TokenisedPrompt, tokenise
from llm4waam.splits.tasks import Task, known_targets
from llm4waam.training.bead_prompts import BeadPrompts, by_bead
from llm4waam.training.losses import Objective
from llm4waam.training.recipe import Recipe


@dataclass(frozen=True)
class TaskData:
    """Targets, prompts and cells of the beads of one task, the recipe and the checkpoint.

    `targets[bead]` has shape (outputs,) in physical units, for beads whose outcome is known;
    `prompts[bead]` are its prompts, with numbers in the card's units; `fields` are the names that
    the field numbers of a prompt count; `cells[bead]` is its cell; `max_tokens` is where prompts
    are cut; `threads` are torch's.
    """

    source: Source
    task: Task
    recipe: Recipe
    targets: dict[str, np.ndarray]
    prompts: BeadPrompts
    fields: list[str]
    cells: dict[str, str]
    max_tokens: int
    threads: int = 1

    def with_recipe(self, recipe: Recipe) -> "TaskData":
        """The same data for another recipe."""
        return replace(self, recipe=recipe)

    def values(self, beads: Sequence[str]) -> np.ndarray:
        """Targets (beads, outputs) in physical units."""
        return np.array([self.targets[b] for b in beads]).reshape(
            len(beads), len(self.task.outputs)
        )

    def known(self, beads: Sequence[str]) -> list[str]:
        """The beads whose outcome is known."""
        return [bead for bead in beads if bead in self.targets]


def make_task_data(
    source: Source,
    task: Task,
    recipe: Recipe,
    card: Card,
    beads: pd.DataFrame,
    prompts: Iterable[dict],
    threads: int = 1,
) -> tuple[TaskData, PreTrainedTokenizerBase]:
    """The data of a task and its tokenizer; every prompt is tokenised here, once.

    `prompts` are gone through twice, for the names of their fields and for their tokens. How many
    are cut, since they are longer than the recipe or the encoder takes, is logged. Raises
    StudyError for a checkpoint that cannot be had or is of another family, TypeError for a
    generator.
    """
    if iter(prompts) is prompts:
        raise TypeError("the prompts are gone through twice: a list or a JsonLines")
    positions = check_checkpoint(source.encoder, source.checkpoint, source.revision)
    tokenizer = load_tokenizer(source.checkpoint, source.revision)

    def own() -> Iterator[dict]:
        return (row for row in prompts if row["task"] in (None, task.name))

    said = {value[0] for row in own() for value in row["values"] if value[3] is not None}
    fields = field_names(source, recipe, sorted(said))
    room = min(recipe.max_tokens, tokenizer.model_max_length, positions)
    mask_id = None if recipe.digits else tokenizer.mask_token_id
    names = beads["bead"].tolist()
    place, owners = {bead: number for number, bead in enumerate(names)}, array("i")
    left_out, without = {"": 0}, array("i")

    def read() -> Iterator[dict]:
        for row in own():
            owners.append(place[row["bead"]])
            without.append(left_out.setdefault(row.get("without") or "", len(left_out)))
            yield row

    found = tokenise(tokenizer.backend_tokenizer, read(), fields, room, mask_id=mask_id)
    of = np.asarray(owners)
    _say_cut(found.tokens.cut, of, room, recipe)
    told = by_bead(found, names, of, np.asarray(without), [*left_out])
    targets = known_targets(card, task, beads)
    cells = dict(zip(beads["bead"], beads["cell"], strict=True))
    return TaskData(source, task, recipe, targets, told, fields, cells, room, threads), tokenizer


def _say_cut(cut: np.ndarray, owners: np.ndarray, room: int, recipe: Recipe) -> None:
    """Log of how many prompts the end is not read; `owners` are the numbers of their beads."""
    if cut.any():
        limit = "train.max_tokens" if room == recipe.max_tokens else "all that the encoder takes"
        reason = "%d of %d prompts, of %d beads, are cut at %d tokens (%s): their end, such as a "
        counts = int(cut.sum()), len(cut), len(np.unique(owners[cut])), room, limit
        logging.warning(reason + "note, is not read", *counts)


@dataclass(frozen=True)
class Examples:
    """What is learned from: `choices[i]` are the prompts of bead i, `targets` is (beads, outputs).

    A row is one telling of a bead in an epoch. The first rows are the beads in their order: where a
    bead has several prompts, each epoch draws one of them, by `seed`, epoch and row alone. Then
    follow rows of beads with fields left out, the share `again` of the beads: each epoch draws
    which beads, and one prompt of each from `incomplete[i]`, or from `choices[i]` where that is
    empty.
    """

    choices: Sequence[Sequence[TokenisedPrompt]]
    targets: torch.Tensor
    seed: int = 0
    incomplete: Sequence[Sequence[TokenisedPrompt]] = ()
    again: float = 0.0

    def __len__(self) -> int:
        return len(self.choices) + round(self.again * len(self.choices))

    def prompt(self, row: int, epoch: int) -> TokenisedPrompt:
        """The prompt of a row in an epoch (from 1)."""
        bead = self._bead(row, epoch)
        whole = row < len(self.choices) or not self.incomplete[bead]
        choices = self.choices[bead] if whole else self.incomplete[bead]
        # Not a checksum: those of neighbours differ in a fixed pattern of bits.
        drawn = hashlib.sha256(f"{self.seed} {epoch} {row}".encode()).digest()
        return choices[int.from_bytes(drawn[:8], "big") % len(choices)]

    def targets_of(self, rows: list[int], epoch: int) -> torch.Tensor:
        """The targets (rows, outputs) of rows in an epoch."""
        return self.targets[[self._bead(row, epoch) for row in rows]]

    def first(self) -> Sequence[TokenisedPrompt]:
        """The first prompt of every bead: all there are, where nothing is drawn."""
        if isinstance(self.choices, PromptLists):  # each is made when it is read
            return self.choices.pick(range(len(self.choices)), most=1).prompts
        return [choices[0] for choices in self.choices]

    def _bead(self, row: int, epoch: int) -> int:
        count = len(self.choices)
        return row if row < count else int(_order(self.seed, epoch, count)[row - count])


@lru_cache(maxsize=64)
def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    """The beads of an epoch in the order in which they are told again."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def fit_numbers(data: TaskData, recipe: Recipe, train: list[str]) -> NumberScales:
    """The scales of the training beads; those that the checkpoint knows stay as they are."""
    learned = data.prompts.lists(train).prompts
    scales = fit_scales(learned, data.fields) | known_scales(data.source, recipe)
    return NumberScales(data.fields, scales)


@dataclass(frozen=True)
class Scorer:
    """Turns the logits of one trained model into scores of beads: what was fitted beside it."""

    data: TaskData
    recipe: Recipe
    objective: Objective
    target_scale: TargetScale | None
    numbers: NumberScales

    @cached_property
    def _told(self) -> BeadPrompts:
        return self.data.prompts.changed(self.numbers.apply)

    def prompts(self, beads: Sequence[str]) -> PromptLists:
        """The prompts of each bead as the model reads them."""
        return self._told.lists(beads)

    def incomplete_prompts(self, bead: str) -> dict[str, Prompts]:
        """The prompts of a bead with fields left out as the model reads them, by these fields."""
        return self._told.incomplete_of(bead)

    def scored_prompts(self, beads: Sequence[str]) -> PromptLists:
        """The prompts by which each bead is scored: all, or the first (`average: false`)."""
        return self._told.lists(beads, None if self.recipe.average else 1)

    def flat_prompts(self, beads: Sequence[str]) -> Prompts:
        """`scored_prompts`, one bead after the other, as `scores` expects their logits."""
        return self.scored_prompts(beads).prompts

    def scores(self, logits: torch.Tensor, beads: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Scores and losses (beads, outputs) from the logits of `flat_prompts(beads)`.

        A bead's logits are averaged over its prompts first. Scores are probabilities, or in
        physical units.
        """
        if not beads:
            return np.empty((2, 0, len(self.data.task.outputs)))
        counts = self.scored_prompts(beads).counts().tolist()
        scores, mean = self.mean_scores(logits, counts)
        values = self.data.values(beads)
        truth = torch.tensor(self.target_scale.scale(values) if self.target_scale else values)
        return scores, self.objective.loss(mean, truth).numpy()

    def mean_scores(
        self, logits: torch.Tensor, counts: list[int]
    ) -> tuple[np.ndarray, torch.Tensor]:
        """Scores (beads, outputs) and mean logits, where a bead has so many prompts each."""
        mean = torch.stack([part.mean(dim=0) for part in logits.split(counts)]).double()
        scores = self.objective.scores(mean).numpy()
        return self.target_scale.restore(scores) if self.target_scale else scores, mean

    def validation_examples(self, beads: Sequence[str]) -> Examples:
        """`flat_prompts` as examples, with targets on the learning scale."""
        prompts = self.scored_prompts(beads)
        values = self.data.values(beads).repeat(prompts.counts(), axis=0)
        values = self.target_scale.scale(values) if self.target_scale else values
        choices = PromptLists.singly(prompts.prompts)
        return Examples(choices, torch.tensor(values, dtype=torch.float32))

    def training_examples(self, beads: Sequence[str], targets: np.ndarray) -> Examples:
        """What an epoch takes of these beads; `targets` is (beads, outputs) as learned."""
        prompts, rows = self.prompts(beads), torch.tensor(targets, dtype=torch.float32)
        seed, told = self.recipe.seed, self._told.incomplete_lists(beads)
        again = self.recipe.incomplete if len(told.prompts) else 0.0
        if self.recipe.prompts == "random":
            return Examples(prompts, rows, seed, told, again)
        counts = torch.from_numpy(prompts.counts())
        # The same template and order with fields left out.
        same = [
            [some[n] for some in self.incomplete_prompts(bead).values()] if again else []
            for bead, count in zip(beads, counts.tolist(), strict=True)
            for n in range(count)
        ]
        choices = PromptLists.singly(prompts.prompts)
        return Examples(choices, rows.repeat_interleave(counts, dim=0), seed, same, again)
