"""The layers of a stack: each keeps a weight for every fold, and knows which folds take part."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

CUTS = 2**16  # a dropout's probability is a multiple of 1 / CUTS


class Lanes:
    """Which folds take part in a step, and where their random numbers come from.

    Where they are `drawn_together` torch draws for all folds at once.
    """

    def __init__(self, count: int, *, drawn_together: bool) -> None:
        self.drawn_together = drawn_together
        self.count, self.active, self.seeds, self.site = count, list(range(count)), [0] * count, 0

    def enter(self, active: list[int], seeds: list[int]) -> None:
        """Begin a forward pass of the folds `active`, whose dropout is drawn by `seeds`."""
        self.active, self.seeds, self.site = active, seeds, 0

    def pick(self, weight: torch.Tensor) -> torch.Tensor:
        """The weights of the active folds, (active, ...) of (folds, ...)."""
        return weight if len(self.active) == self.count else weight[self.active]

    def keep(self, shape: torch.Size, probability: float) -> torch.Tensor:
        """True where a state is kept, (active, tokens, width).

        Drawn for each fold by its own seed and in order, so that neither the other folds nor the
        filling behind its tokens move it. Sixteen random bits decide, several times faster than
        what torch draws for a dropout on a CPU.
        """
        size = shape[1:].numel()
        generator, rows = torch.Generator(), []
        for seed in self.seeds:
            generator.manual_seed(seed + self.site)
            words = torch.empty(-(-size // 4), dtype=torch.int64)
            rows.append(words.random_(-(2**63), None, generator=generator).view(torch.int16)[:size])
        self.site += 1
        return (torch.stack(rows) >= round(probability * CUTS) - CUTS // 2).view(shape)


class StackedLinear(nn.Module):
    """`nn.Linear` of every fold: (folds, rows, in) to (folds, rows, out)."""

    def __init__(self, twins: Sequence[nn.Linear], lanes: Lanes) -> None:
        super().__init__()
        self.lanes = lanes
        self.weight = _together([twin.weight for twin in twins])
        self.bias = None if twins[0].bias is None else _together([twin.bias for twin in twins])

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        weight = self.lanes.pick(self.weight).transpose(1, 2)
        if self.bias is None:
            return torch.bmm(states, weight)
        return torch.baddbmm(self.lanes.pick(self.bias).unsqueeze(1), states, weight)


class StackedEmbedding(nn.Module):
    """`nn.Embedding` of every fold: numbers (folds, tokens) to (folds, tokens, width)."""

    def __init__(self, twins: Sequence[nn.Embedding], lanes: Lanes) -> None:
        super().__init__()
        self.lanes, self.weight = lanes, _together([twin.weight for twin in twins])

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        weight = self.lanes.pick(self.weight)
        first = torch.arange(len(weight), device=ids.device).unsqueeze(1) * weight.shape[1]
        return functional.embedding(ids + first, weight.flatten(0, 1))


class StackedLayerNorm(nn.Module):
    """`nn.LayerNorm` over the last axis, with every fold's own scale and shift."""

    def __init__(self, twins: Sequence[nn.LayerNorm], lanes: Lanes) -> None:
        super().__init__()
        self.lanes, self.shape, self.eps = lanes, twins[0].normalized_shape, twins[0].eps
        self.weight = _together([twin.weight for twin in twins])
        self.bias = _together([twin.bias for twin in twins])

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        weight, bias = (self.lanes.pick(part).unsqueeze(1) for part in (self.weight, self.bias))
        return torch.addcmul(bias, functional.layer_norm(states, self.shape, eps=self.eps), weight)


class StackedDropout(nn.Module):
    """`nn.Dropout` whose random numbers are each fold's own, unless drawn together."""

    def __init__(self, twins: Sequence[nn.Dropout], lanes: Lanes) -> None:
        super().__init__()
        self.lanes, self.p = lanes, twins[0].p

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        if not self.training or self.p == 0 or self.lanes.drawn_together:
            return functional.dropout(states, self.p, self.training)
        kept = self.lanes.keep(states.shape, self.p)
        return states * kept.to(states.dtype).mul_(1 / (1 - self.p))


KINDS = {
    nn.Linear: StackedLinear,
    nn.Embedding: StackedEmbedding,
    nn.LayerNorm: StackedLayerNorm,
    nn.Dropout: StackedDropout,
}


def _together(weights: list[nn.Parameter]) -> nn.Parameter:
    whole = torch.stack([weight.detach() for weight in weights])
    return nn.Parameter(whole, requires_grad=weights[0].requires_grad)
