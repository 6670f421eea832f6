"""The parameter section `encoder`: which checkpoints are fine-tuned, and at which rate."""

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
