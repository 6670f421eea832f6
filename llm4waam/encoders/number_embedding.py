"""The number embedding: each value reaches the encoder as a number, at its own tokens.

A field f with z-score z adds `gain (z w_f + (z^2 - 1) v_f)` to the embeddings of its value's
tokens. The square lets both "too fast" and "too slow" be bad. The idea is that of numeric
embeddings for tables (Gorishniy et al. 2022), put where the sentence says the number.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from llm4waam.encoders.number_scales import FieldScale, Scales

NUMBERS_FILE = "numbers.safetensors"  # the file beside a pretrained encoder
GAIN = 10.0  # embeddings are drawn with sd 0.02; with this gain a number counts from the first step


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
