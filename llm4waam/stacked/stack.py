"""Several models as one: every weight with a leading axis over the folds.

A stock encoder of transformers serves any number of folds at once when its linear layers,
embeddings, LayerNorms and dropouts are replaced by ones that keep a weight for each fold and take
states (folds, tokens, width). What a fold computes depends on its own weights, prompts and random
numbers alone, so the sum of the folds' losses has the gradients that each would have by itself.
"""

import copy
from collections.abc import Sequence

import torch
from torch import nn

from llm4waam.core.errors import StudyError
from llm4waam.encoders.model import BeadModel, encode
from llm4waam.encoders.tokens import TokenisedPrompt
from llm4waam.stacked.layers import KINDS, Lanes
from llm4waam.stacked.packing import Pack, attend, pack


class Stack(nn.Module):
    """The models as one; each keeps working, on weights that are views of this one's.

    `even` says how prompts are packed, see `packing`. Raises StudyError for a module with weights
    that has no stacked twin.
    """

    def __init__(self, models: Sequence[BeadModel]) -> None:
        super().__init__()
        self.models = list(models)  # a plain list: their weights are not this module's twice
        self.even = models[0].device.type == "cuda"
        self.lanes = Lanes(len(models), drawn_together=self.even)
        self.model = copy.deepcopy(models[0])
        for name, module in list(self.model.named_modules()):
            if type(module) in KINDS:
                twins = [model.get_submodule(name) for model in models]
                self.model.set_submodule(name, KINDS[type(module)](twins, self.lanes))
            elif any(True for _ in module.parameters(recurse=False)):
                reason = f"train.engine: no stacked twin of {type(module).__name__} ({name})"
                raise StudyError("params.yaml", reason, value="stacked", expected="loop")
        self.model.encoder.set_attn_implementation(attend())
        self.shares = [
            (whole, [model.get_parameter(name) for model in models])
            for name, whole in self.model.named_parameters()
        ]
        for whole, parts in self.shares:
            for number, part in enumerate(parts):
                part.data = whole.data[number]

    def pack(self, rows: Sequence[Sequence[TokenisedPrompt]]) -> Pack:
        """The prompts of every active fold, as `forward` takes them."""
        pad_id = self.model.encoder.config.pad_token_id
        return pack(rows, pad_id, self.model.device, even=self.even)

    def forward(self, pack: Pack, active: list[int], seeds: list[int]) -> torch.Tensor:
        """Logits (active folds, prompts, logits) of the prompts in `pack`, a row an active fold.

        Behind a fold's own prompts stand logits without meaning where another has more.
        """
        self.lanes.enter(active, seeds)
        extra = {"position_ids": pack.positions + self._first_position(), "pack": pack}
        encoder, numbers = self.model.encoder, self.model.number_embedding
        states = encode(encoder, numbers, pack.ids, None, pack.fields, pack.numbers, **extra)
        logits = self.model.answer(torch.bmm(pack.pooling(self.model.pooling, states), states))
        if self.model.number_skip is not None:
            logits = logits + self.model.number_skip(*pack.numbers_by_prompt())
        return logits

    def hand_gradients(self, active: list[int]) -> None:
        """Let every active model's weights have the gradients that the last step left here."""
        for whole, parts in self.shares:
            for number in active if whole.grad is not None else ():
                parts[number].grad = whole.grad[number]
            whole.grad = None

    def _first_position(self) -> int:
        """Where the encoder begins to count its tokens: 0, or behind the number of padding."""
        embeddings = self.model.encoder.embeddings
        return getattr(embeddings, "padding_idx", -1) + 1
