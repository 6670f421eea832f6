"""How the numbers of a prompt become z-scores; what they know is fitted on training beads alone."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from llm4waam.core.errors import StudyError
from llm4waam.core.settings import Section
from llm4waam.encoders.tokens import NO_FIELD, TokenisedPrompt

FARTHEST = 4.0  # z-scores beyond are cut: a mistyped value must not drown the sentence


class FieldScale(Section):
    """How one field's values become z-scores: of logarithms where all of them are positive."""

    log: bool
    mean: float
    sd: float = Field(gt=0)
    floor: float = 0.0

    def z(self, value: float) -> float:
        """The z-score, cut at FARTHEST; values below the least known are taken for it."""
        known = np.log(max(value, self.floor)) if self.log else value
        return float(min(max((known - self.mean) / self.sd, -FARTHEST), FARTHEST))


Scales = dict[str, FieldScale]


def fit_scales(prompts: Iterable[TokenisedPrompt], names: list[str]) -> Scales:
    """The scale of every field that the prompts give a number for; each value counts once a prompt.

    What is passed decides what they know: the beads of a training fold, or other laboratories.
    Raises StudyError for values that are too large to have a standard deviation.
    """
    seen: dict[int, list[float]] = {}
    for prompt in prompts:
        pairs = zip(prompt.fields, prompt.numbers, strict=True)
        for field, number in dict(pair for pair in pairs if pair[0] != NO_FIELD).items():
            if not np.isnan(number):
                seen.setdefault(field, []).append(number)
    scales = {}
    for field, values in sorted(seen.items()):
        known = np.array(values)
        log = bool((known > 0).all())
        used = np.log(known) if log else known
        # A field that never varies says nothing; rounding makes its sd 3e-17 and not 0.
        with np.errstate(over="ignore"):
            sd = float(used.std()) if known.min() < known.max() else 1.0
        if not math.isfinite(sd):
            reason = f"values as large as {np.abs(known).max():g} have no standard deviation"
            expected = "a range in the card that leaves them out"
            raise StudyError(f"the field {names[field - 1]}", reason, expected=expected)
        floor = float(known.min()) if log else 0.0
        scales[names[field - 1]] = FieldScale(log=log, mean=float(used.mean()), sd=sd, floor=floor)
    return scales


def standardise(prompt: TokenisedPrompt, scales: Scales, names: list[str]) -> TokenisedPrompt:
    """The prompt with z-scores as its numbers; NaN for fields without a scale."""
    known = [None, *(scales.get(name) for name in names)]
    scores: dict[tuple[int, float], float] = {}
    numbers = [math.nan] * len(prompt)
    for token, (field, number) in enumerate(zip(prompt.fields, prompt.numbers, strict=True)):
        scale = known[field]
        if scale is None or math.isnan(number):
            continue
        if (field, number) not in scores:
            scores[field, number] = scale.z(number)
        numbers[token] = scores[field, number]
    return TokenisedPrompt(prompt.ids, prompt.fields, numbers, prompt.cut)


@dataclass(frozen=True)
class NumberScales:
    """The scales of the fields that the field numbers of a prompt count."""

    fields: list[str]
    scales: Scales

    def apply(self, prompt: TokenisedPrompt) -> TokenisedPrompt:
        """The prompt with z-scores as its numbers."""
        return standardise(prompt, self.scales, self.fields)
