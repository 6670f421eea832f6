"""The parameter section `pretrain`: how large the compact encoders are and how they learn."""

from pydantic import Field, PositiveInt

from llm4waam.core.settings import Positive, Section


class Pretrain(Section):
    """The small encoders; `epochs` of tiers 0, 1 and 2, every one with as many new `beads`."""

    seed: int
    vocabulary: int = Field(ge=300)
    layers: int = Positive
    width: int = Positive
    heads: int = Positive
    beads: int = Positive
    epochs: tuple[PositiveInt, PositiveInt, PositiveInt]
    batch_size: int = Field(ge=4)
    learning_rate: float = Positive
    workers: int = Positive
    threads: int = Positive
