"""Everything that fixes one fine-tuning; an engine carries it out."""

from typing import Literal

from pydantic import Field

from stages.beads.schema import Section


class Training(Section):
    """The part of a recipe that every encoder and task shares.

    `warmup` is the share of all steps in which the learning rate rises; `max_grad_norm` clips the
    whole gradient; `weight_decay` spares biases and LayerNorm; `seed` fixes the new head, dropout
    and, with the epoch, the order of the prompts.
    """

    engine: Literal["loop"]
    seed: int
    epochs: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    max_tokens: int = Field(ge=8)
    weight_decay: float = Field(ge=0)
    warmup: float = Field(ge=0, lt=1)
    max_grad_norm: float = Field(gt=0)


class Recipe(Training):
    """One fine-tuning, fixed: two runs of it on one machine end in the same weights.

    `learning_rate` belongs to the encoder, `loss` to the task.
    """

    learning_rate: float = Field(gt=0)
    loss: str
