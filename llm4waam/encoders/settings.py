"""What an encoder is: the parameter section `encoder`, and the part of a recipe that says it."""

from typing import Literal

from pydantic import Field

from llm4waam.core.settings import Positive, Section


class Encoder(Section):
    """A checkpoint (local folder or hub name) and the rate it is fine-tuned with."""

    checkpoint: str = Field(min_length=1)
    revision: str | None
    learning_rate: float = Positive


class Encoders(Section):
    """The encoders of the study, by family."""

    bert: Encoder
    roberta: Encoder

    def source(self, encoder: str) -> "Source":
        """Where an encoder comes from."""
        found = getattr(self, encoder)
        return Source(encoder=encoder, checkpoint=found.checkpoint, revision=found.revision)


class Source(Section):
    """Where an encoder comes from: a local folder or a hub name, and its revision."""

    encoder: str
    checkpoint: str
    revision: str | None


class ModelSettings(Section):
    """What is built from a checkpoint.

    `numbers` tells each value as a number at its own tokens (see `number_embedding`), `pooling` is
    the state that the head reads. `random_weights` forgets all pretraining, `frozen_layers` lower
    layers and the embeddings stay as they are, `lora_rank` (0: none) trains low-rank additions
    instead of the encoder.
    """

    numbers: bool = True
    pooling: Literal["mean", "first"] = "mean"
    random_weights: bool = False
    frozen_layers: int = Field(default=0, ge=0)
    lora_rank: int = Field(default=0, ge=0)
