"""Everything that fixes one fine-tuning; an engine carries it out."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from llm4waam.core.errors import StudyError
from llm4waam.core.settings import (
    PARAMS_FILE,
    BatchSize,
    Count,
    Epochs,
    Few,
    Gain,
    Once,
    Params,
    Rate,
    Section,
    Seed,
)
from llm4waam.decisions.prior_knowledge import baseline_tier, encoder_tier
from llm4waam.encoders.families import FAMILIES
from llm4waam.encoders.settings import Encoders, FamilyName, ModelSettings

Engine = Literal["loop", "trainer", "stacked"]


class Training(ModelSettings):
    """The part of a recipe that every encoder and task shares.

    `engine` loop fine-tunes one fold after the other, trainer does so by transformers' Trainer,
    stacked all folds as one model. `accumulation` batches make one optimizer step; `warmup` is the
    share of all steps in which the learning rate rises; `max_grad_norm` clips the whole gradient
    (null: no clipping); `weight_decay` spares biases and LayerNorm; `precision` is that of the
    forward pass, under autocast. `selection` says which rows may choose the epoch by `select_by`:
    none (all epochs are run, the last is kept), inner (a grouped hold-out of the training beads)
    or published (the very fold that is reported: optimistic). `inner_folds` (0: none) are trained
    to fit thresholds and a temperature, for labels with at least `support_floor` beads.

    `prompts` random draws one template and field order for each bead and epoch, all takes every
    one. `incomplete` is the share of the beads that each epoch tells once more, with fields left
    out, where there are such prompts (`text.incomplete`). `average` averages a bead's logits over
    all prompts of the bead as it is when it is scored, else the first is scored alone.
    `layer_decay` is the rate of each layer relative to the one above, `seeds` the number of models
    whose scores are averaged. `head` linear or trees freezes the encoder and gives its state with
    the numbers to a classical model, which needs no skip.
    """

    engine: Engine
    seed: Seed
    epochs: Epochs
    batch_size: BatchSize
    accumulation: BatchSize = 1
    max_tokens: int = Field(ge=8, le=32_768)
    weight_decay: float = Field(ge=0, le=100)
    warmup: float = Field(ge=0, lt=1)
    schedule: Literal["linear", "constant"] = "linear"
    max_grad_norm: float | None = Field(gt=0, le=1_000_000)
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    device: Literal["cpu", "cuda"] = "cpu"
    selection: Literal["none", "inner", "published"] = "none"
    select_by: str = "val_loss"
    patience: Epochs = 3
    inner_folds: int = Field(default=0, ge=0, le=1000)
    support_floor: Count = 5
    prompts: Literal["random", "all"] = "random"
    incomplete: float = Field(default=0.0, ge=0, le=1)
    average: bool = True
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    seeds: int = Field(default=1, ge=1, le=1000)
    head: Literal["neural", "linear", "trees"] = "neural"

    @field_validator("inner_folds")
    @classmethod
    def _none_or_two(cls, folds: int) -> int:
        if folds == 1:
            raise ValueError("one inner fold leaves nothing to train on; expected 0, or 2 and more")
        return folds


class Recipe(Training):
    """One fine-tuning, fixed: two runs of it on one machine end in the same weights.

    `learning_rate` belongs to the encoder, `loss` and `scale` to the task; `scale` is that of a
    regression's target (null: the one that the card names).
    """

    learning_rate: Rate
    loss: str
    scale: Literal["raw", "standardised", "log"] | None = None


class Train(Training):
    """The section `train`: what every fine-tuning shares, and how the folds share the cores."""

    workers: Few
    threads: Few


class Target(Section):
    """The section `target`: the loss of one task, and the scale of a regression's target.

    `epochs`, `batch_size` and `gain` are the task's own, where they are not those of `train`.
    """

    loss: str
    scale: Literal["raw", "standardised", "log"] | None = None
    epochs: Epochs | None = None
    batch_size: BatchSize | None = None
    gain: Gain | None = None


class TrainingParams(Params):
    """The sections of params.yaml that fix a fine-tuning.

    `encoders` are the families that have one; None: all that there are.
    """

    encoders: Annotated[list[FamilyName], Field(min_length=1), Once] | None = None
    encoder: Encoders
    train: Train
    target: dict[str, Target]

    @property
    def trained(self) -> list[str]:
        """The families that are fine-tuned, in the order of FAMILIES."""
        return [name for name in FAMILIES if self.encoders is None or name in self.encoders]

    def recipe(self, encoder: str, task: str) -> Recipe:
        """The recipe of one encoder and task; raises StudyError for a task without parameters."""
        if task not in self.target:
            expected = f"target.{task}.loss (with dvc exp run: -S +target.{task}.loss=...)"
            raise StudyError(
                PARAMS_FILE, "the task has no parameters", value=task, expected=expected
            )
        shared = self.train.model_dump(include=set(Training.model_fields))
        own = self.target[task].model_dump(exclude_none=True)
        return Recipe(**shared | own, learning_rate=self.encoder[encoder].learning_rate)

    def tier(self, model: str, derived: int) -> int:
        """What a model knows beforehand, see `llm4waam.decisions.prior_knowledge`.

        `derived` is the highest tier of physics fields in the sentences and tables.
        """
        if model not in FAMILIES:
            return baseline_tier(model, derived)
        forgets, checkpoint = self.train.random_weights, self.encoder.source(model).checkpoint
        return encoder_tier(checkpoint, random_weights=forgets, derived=derived)
