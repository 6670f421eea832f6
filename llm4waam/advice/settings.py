"""The parameter section `advice`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from llm4waam.baselines.settings import CLASSIFIER_NAMES, Baselines
from llm4waam.core.settings import Count, Once, Params, Section, Seed
from llm4waam.encoders.families import FAMILIES
from llm4waam.encoders.settings import FamilyName
from llm4waam.sentences.prompts import TextStyle

Language = Literal["en", "ko"]  # of a narration and a page


def _known(name: str) -> str:
    known = [*FAMILIES, *CLASSIFIER_NAMES]
    if name not in known:
        reason = "there is no such member; expected {known}"
        raise PydanticCustomError("member", reason, {"known": " or ".join(known)})
    return name


class Trial(Section):
    """How advice is tried: on so many bad `beads` of simulated laboratories drawn by `seed`.

    Each is run `runs` times. No other number of the study was chosen on beads of this seed.
    """

    beads: Count
    seed: Seed
    runs: Count


class Advice(Section):
    """Explanations of the final models of one `encoder`, and advice; the stage `explain`.

    `background` training beads stand in for absent fields. No change is advised for a bead whose
    probability of being normal reaches `bar`, and none after which its chance does not, by the
    `members` of an ensemble: encoders and baselines. `shown` hold-out beads are on the page.
    """

    encoder: FamilyName
    seed: Seed
    background: Count
    bar: float = Field(gt=0, lt=1)
    members: Annotated[list[Annotated[str, AfterValidator(_known)]], Field(min_length=1), Once]
    shown: Count
    trial: Trial


class AdviceParams(Params):
    """The sections of params.yaml that answers, explanations and advice are made by."""

    text: TextStyle
    baselines: Baselines
    advice: Advice
