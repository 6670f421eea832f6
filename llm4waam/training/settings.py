"""Parameters of the stages that learn, beside the recipe."""

from typing import Literal

from pydantic import Field, PositiveInt

from llm4waam.core.settings import Section
from llm4waam.training.recipe import Engine

Positive = Field(gt=0)


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


class Baselines(Section):
    seed: int
    trees: int = Positive


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


class TableModels(Section):
    """Pretrained models for tables: the path of a checkpoint, None: left out."""

    tabpfn: str | None = None
    tabicl: str | None = None


class Advice(Section):
    """Explanations and advice from the final models of one encoder, the stage `explain`.

    `background` training beads stand in for absent fields, `bar` is the probability of a normal
    bead that a change must reach, `margin` what it must have beyond. `cards` hold-out beads are
    shown on the page; each advised bead is run `trials` times in the simulator.
    """

    encoder: Literal["bert", "roberta"]
    seed: int
    background: int = Positive
    bar: float = Field(gt=0, lt=1)
    margin: float = Field(ge=0, lt=1)
    cards: int = Positive
    trials: int = Positive
