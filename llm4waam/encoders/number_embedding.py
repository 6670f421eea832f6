"""The number embedding: each value reaches the encoder as a number, at its own tokens.

A field f with z-score z adds `gain (z w_f + (z^2 - 1) v_f)` to the embeddings of its value's
tokens. The square lets both "too fast" and "too slow" be bad. The idea is that of numeric
embeddings for tables (Gorishniy et al. 2022), put where the sentence says the number.
"""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from safetensors.torch import load_file
from torch import nn

from llm4waam.core.settings import Section
from llm4waam.encoders.tokens import NO_FIELD, TokenisedPrompt

NUMBERS_FILE = "numbers.safetensors"  # the file beside a pretrained encoder
GAIN = 10.0  # embeddings are drawn with sd 0.02; with this gain a number counts from the first step
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
        sd = float(used.std()) if known.min() < known.max() else 1.0
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
    return TokenisedPrompt(prompt.ids, prompt.fields, numbers)


class NumberEmbedding(nn.Module):
    """What is added to the embeddings; `fields` is how many fields there are, without NO_FIELD."""

    def __init__(self, fields: int, width: int, deviation: float) -> None:
        super().__init__()
        self.linear = nn.Embedding(fields + 1, width)
        self.square = nn.Embedding(fields + 1, width)
        for part in (self.linear, self.square):
            nn.init.normal_(part.weight, std=deviation)

    def forward(self, fields: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """(prompts, tokens, width) from field numbers and z-scores (prompts, tokens).

        Zero where the z-score is NaN.
        """
        known = ~torch.isnan(scores)
        z = torch.nan_to_num(scores).unsqueeze(-1)
        added = z * self.linear(fields) + (z * z - 1) * self.square(fields)
        return GAIN * known.unsqueeze(-1) * added


def read_number_embedding(checkpoint: str, facts: dict) -> tuple[NumberEmbedding, Scales]:
    """The number embedding that was pretrained with the encoder, and the scales of its fields."""
    weights = load_file(Path(checkpoint) / NUMBERS_FILE)
    embedding = NumberEmbedding(len(facts["fields"]), weights["linear.weight"].shape[1], 0.0)
    embedding.load_state_dict(weights)
    scales = {name: FieldScale(**scale) for name, scale in facts["scales"].items()}
    return embedding, scales
