"""The parameter section `advice`: explanations and advice from the final models."""

from typing import Literal

from pydantic import Field

from llm4waam.core.settings import Positive, Section


class Advice(Section):
    """Explanations and advice from the final models of one encoder, the stage `explain`.

    `background` training beads stand in for absent fields, `bar` is the probability of a normal
    bead that a change must reach, `margin` what it must have beyond. `shown` is the number of
    hold-out beads on the page; each advised bead is run `simulated_runs` times in the simulator.
    """

    encoder: Literal["bert", "roberta"]
    seed: int
    background: int = Positive
    bar: float = Field(gt=0, lt=1)
    margin: float = Field(ge=0, lt=1)
    shown: int = Positive
    simulated_runs: int = Positive
