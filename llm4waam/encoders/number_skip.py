"""The linear skip: the numbers of a prompt go past the encoder, straight to the logits.

A field f with z-score z adds `gain (z a_f + (z^2 - 1) b_f)` to the logits of its prompt. LayerNorm
gives every token's state one length, so that a sum of logarithms, which is what a formula such as
U I / v is, hardly comes through the encoder; through one linear layer it does. It is the wide part
of "wide and deep" (Cheng et al. 2016, Wide & Deep Learning for Recommender Systems), whose logits
are the sum of both parts and are trained together; z^2 - 1 stands for its products of features.
"""

import torch
from torch import nn
from torch.nn.utils import skip_init


class NumberSkip(nn.Module):
    """What is added to the logits; `fields` is how many fields there are, without NO_FIELD.

    One layer without bias, as the head has one. It starts at zero: before the first step the logits
    are those of the head, and no random number is drawn. An optimizer such as AdamW moves a weight
    by about the learning rate a step, too little for a layer that starts at zero and reads single
    numbers: `gain` makes the same step so many times larger.
    """

    def __init__(self, fields: int, outputs: int, gain: float) -> None:
        super().__init__()
        self.fields, self.gain = fields, gain
        self.linear = skip_init(nn.Linear, 2 * fields, outputs, bias=False)
        nn.init.zeros_(self.linear.weight)

    def forward(self, fields: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """(..., outputs) from field numbers and z-scores, both (..., tokens)."""
        return self.gain * self.linear(told(fields, scores, self.fields))


def told(fields: torch.Tensor, scores: torch.Tensor, count: int) -> torch.Tensor:
    """(..., 2 count): z of every field, then z^2 - 1; both zero where no token tells the number.

    All tokens of a value have one z-score. Should a prompt tell a field twice, the larger counts: a
    maximum is exact, and the same whatever the order and the padding.
    """
    names = torch.arange(1, count + 1, device=fields.device)
    here = (fields.unsqueeze(-1) == names) & ~torch.isnan(scores).unsqueeze(-1)
    z = torch.where(here, scores.unsqueeze(-1), -torch.inf).amax(dim=-2)
    known = z > -torch.inf
    parts = (torch.where(known, part, 0.0) for part in (z, z * z - 1))
    return torch.cat(list(parts), dim=-1)
