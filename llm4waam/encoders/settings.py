"""What an encoder is: the parameter section `encoder`, and the part of a recipe that says it."""

from collections.abc import ItemsView
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, RootModel, model_validator
from pydantic_core import PydanticCustomError

from llm4waam.core.settings import Gain, Rate, Section
from llm4waam.encoders.families import FAMILIES, known_families


def _known(name: str) -> str:
    if name not in FAMILIES:
        reason = "there is no such encoder; expected {known}"
        raise PydanticCustomError("family", reason, {"known": known_families()})
    return name


# The name of an encoder, checked when params.yaml is read.
FamilyName = Annotated[str, AfterValidator(_known)]


class Encoder(Section):
    """A checkpoint (local folder or hub name) and the rate it is fine-tuned with."""

    checkpoint: str = Field(min_length=1)
    revision: str | None
    learning_rate: Rate


class Encoders(RootModel[dict[FamilyName, Encoder]]):
    """The encoders of the study by family; one that is not named is as its family says."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _all_families(cls, given: object) -> object:
        """Every family in the order of FAMILIES, then what is none of them, to be refused."""
        if not isinstance(given, dict):
            return given
        defaults = {
            name: {"checkpoint": f.checkpoint, "revision": None, "learning_rate": f.learning_rate}
            for name, f in FAMILIES.items()
        }
        return defaults | given

    def __getitem__(self, encoder: str) -> Encoder:
        return self.root[encoder]

    def items(self) -> ItemsView[str, Encoder]:
        """Families and their encoders."""
        return self.root.items()

    def source(self, encoder: str) -> "Source":
        """Where an encoder comes from."""
        found = self[encoder]
        return Source(encoder=encoder, checkpoint=found.checkpoint, revision=found.revision)


class Source(Section):
    """Where an encoder comes from: a local folder or a hub name, and its revision."""

    encoder: str
    checkpoint: str
    revision: str | None


class ModelSettings(Section):
    """What is built from a checkpoint.

    `numbers` says how each value is told as a number beside its digits: at its own tokens (tokens,
    see `number_embedding`), straight to the logits (skip, see `number_skip`), both, or none. `gain`
    scales the skip. Without `digits` the encoder does not read how a number is spelled: a mask
    token stands for its digits. `pooling` is the state that the head reads. `random_weights`
    forgets all pretraining, `frozen_layers` lower layers and the embeddings stay as they are,
    `lora_rank` (0: none) trains low-rank additions instead of the encoder.
    """

    numbers: Literal["tokens", "skip", "both", "none"] = "tokens"
    gain: Gain = 30.0
    digits: bool = True
    pooling: Literal["mean", "first"] = "mean"
    random_weights: bool = False
    frozen_layers: int = Field(default=0, ge=0, le=256)
    lora_rank: int = Field(default=0, ge=0, le=4096)

    @property
    def embeds_numbers(self) -> bool:
        """Whether the model has a number embedding."""
        return self.numbers in ("tokens", "both")

    @property
    def skips_numbers(self) -> bool:
        """Whether the model has a linear skip."""
        return self.numbers in ("skip", "both")
