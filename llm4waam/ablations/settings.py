"""The parameter sections of the ablations."""

from typing import Literal

from pydantic import Field, PositiveInt

from llm4waam.core.settings import Positive, Section
from llm4waam.training.recipe import Engine


class Parity(Section):
    """The loop against Trainer on one fold of the first classification and the first regression."""

    encoder: Literal["bert", "roberta"]
    seeds: int = Field(ge=2)
    epochs: int = Positive
    learning_rate: float = Positive


class Losses(Section):
    """The sweep over all losses of the stage `losses`."""

    encoder: Literal["bert", "roberta"]
    tasks: list[str] = Field(min_length=1)
    engine: Engine
    epochs: int = Positive
    learning_rate: float = Positive


class Ladder(Section):
    """The sweep over the ideas of `llm4waam.ablations.rungs`."""

    tasks: list[str] = Field(min_length=1)
    craft_tasks: list[str]
    choice_tasks: list[str]
    engine: Engine
    epochs: int = Positive


class Trials(Section):
    """The sweeps of `make sweep`, see `llm4waam.ablations.trials`.

    `tasks` are those of the sweeps protocols, nested, groups and information, `curve_tasks` those
    of rates and samples, `noise_tasks` (classifications) of noise. `leave_out` is the column whose
    values are left out one at a time; `sizes` are training beads of a fold, `noise` shares of
    training beads with a wrong outcome.
    """

    seed: int
    engine: Engine
    tasks: list[str] = Field(min_length=1)
    curve_tasks: list[str]
    noise_tasks: list[str]
    leave_out: str
    rates: list[float] = Field(min_length=1)
    sizes: list[PositiveInt] = Field(min_length=1)
    noise: list[float] = Field(min_length=1)
