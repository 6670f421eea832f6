"""Prompts of several folds side by side: a row a fold, one prompt behind the other, no padding.

On a CPU each prompt takes as many places as it has tokens, and attention goes prompt by prompt.
On a GPU, where many small products are slow, every prompt takes as many places as the longest, and
attention is one masked product.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from operator import attrgetter

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from llm4waam.encoders.tokens import NO_FIELD, TokenisedPrompt


@dataclass(frozen=True)
class Pack:
    """The prompts of one step; `places[k]` are how many tokens each slot of row k takes.

    `ids`, `fields`, `numbers` and `positions` (from 0 in every prompt) are (folds, tokens). Rows
    are filled up at their end, and a row's last slot is then that filling. `starts[k]` are where
    the slots begin, `lengths[k]` the tokens of each prompt itself. Where all slots are of one size,
    `mask` is True at the tokens of a prompt, (folds * slots, 1, 1, tokens of a slot); else it is
    None.
    """

    ids: torch.Tensor
    fields: torch.Tensor
    numbers: torch.Tensor
    positions: torch.Tensor
    places: list[list[int]]
    starts: list[list[int]]
    lengths: list[list[int]]
    mask: torch.Tensor | None

    def pooling(self, kind: str, states: torch.Tensor) -> torch.Tensor:
        """Weights (folds, prompts, tokens) that average a prompt's states, or take the first."""
        most = max(map(len, self.lengths))
        weights = np.zeros((len(self.lengths), most, self.ids.shape[1]), np.float32)
        for fold, lengths in enumerate(self.lengths):
            for number, (start, length) in enumerate(zip(self.starts[fold], lengths, strict=False)):
                used = 1 if kind == "first" else length
                weights[fold, number, start : start + used] = 1 / used
        return _on(torch.from_numpy(weights), states.device).to(states.dtype)

    def numbers_by_prompt(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Fields and numbers, (folds, prompts, longest prompt); NaN behind the end of a prompt."""
        most, longest = max(map(len, self.lengths)), max(map(max, self.lengths))
        places = np.zeros((len(self.lengths), most, longest), np.int64)
        own = np.zeros(places.shape, bool)
        for fold, lengths in enumerate(self.lengths):
            for number, (start, length) in enumerate(zip(self.starts[fold], lengths, strict=False)):
                places[fold, number, :length] = range(start, start + length)
                own[fold, number, :length] = True
        picked = _on(torch.from_numpy(places).flatten(1), self.ids.device)
        fields, numbers = (
            part.gather(1, picked).view(places.shape) for part in (self.fields, self.numbers)
        )
        return fields, numbers.masked_fill(~_on(torch.from_numpy(own), self.ids.device), math.nan)


def pack(
    rows: Sequence[Sequence[TokenisedPrompt]], pad_id: int, device: torch.device, *, even: bool
) -> Pack:
    """The prompts of every fold, `rows[k]` those of fold k, as one pack on `device`.

    With `even` every prompt takes as many places as the longest.
    """
    rows = [list(prompts) for prompts in rows]
    lengths = [[len(prompt) for prompt in prompts] for prompts in rows]
    mask = None
    if even:
        size, slots = max(map(max, lengths)), max(map(len, lengths))
        places = [[size] * slots for _ in rows]
        # A slot that stays empty reads one token of its filling: no attention is over nothing.
        known = torch.tensor([own + [1] * (slots - len(own)) for own in lengths])
        mask = _on((torch.arange(size) < known.view(-1, 1))[:, None, None], device)
    else:
        room = max(map(sum, lengths))
        rest = [room - sum(own) for own in lengths]
        places = [own + [left] * (left > 0) for own, left in zip(lengths, rest, strict=True)]
    starts = [list(accumulate(own[:-1], initial=0)) for own in places]

    def lay(part: Callable[[TokenisedPrompt], Sequence], fill: float, kind: type) -> torch.Tensor:
        table = np.full((len(rows), sum(places[0])), fill, kind)
        for fold, prompts in enumerate(rows):
            for start, prompt in zip(starts[fold], prompts, strict=False):
                table[fold, start : start + len(prompt)] = part(prompt)
        return _on(torch.from_numpy(table), device)

    return Pack(
        lay(attrgetter("ids"), pad_id, np.int64),
        lay(attrgetter("fields"), NO_FIELD, np.int64),
        lay(attrgetter("numbers"), math.nan, np.float32),
        lay(lambda prompt: range(len(prompt)), 0, np.int64),
        places,
        starts,
        lengths,
        mask,
    )


@cache
def attend() -> str:
    """The name under which transformers knows the attention within each prompt of a pack."""
    name = "llm4waam-packed"
    AttentionInterface.register(name, _attention)
    return name


def _attention(
    _module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    _mask: None,
    dropout: float = 0.0,
    scaling: float | None = None,
    *,
    pack: Pack,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """As transformers asks: (folds, heads, tokens, width) to (folds, tokens, heads, width)."""
    options = {"dropout_p": dropout, "scale": scaling}
    parts = (query, key, value)
    if pack.mask is not None:
        folds, heads, _, width = query.shape
        size = pack.places[0][0]
        # (folds * slots, heads, tokens of a slot, width)
        slots = (p.transpose(1, 2).reshape(-1, size, heads, width).transpose(1, 2) for p in parts)
        seen = scaled_dot_product_attention(*slots, attn_mask=pack.mask, **options)
        return seen.transpose(1, 2).reshape(folds, -1, heads, width), None
    rows = []
    for fold, places in enumerate(pack.places):
        slots = list(zip(*(p[fold : fold + 1].split(places, dim=2) for p in parts), strict=True))
        own = len(pack.lengths[fold])
        seen = [scaled_dot_product_attention(*slot, **options) for slot in slots[:own]]
        filling = [value for _, _, value in slots[own:]]  # whatever stands there is never read
        rows.append(torch.cat(seen + filling, dim=2))
    return torch.cat(rows).transpose(1, 2), None


def _on(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The tensor on the device; a GPU is not waited for."""
    if device.type != "cuda":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)
