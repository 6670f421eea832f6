"""Several readers as one: every weight with a leading axis over the folds.

A stock encoder of transformers serves any number of folds at once when its linear layers,
embeddings, LayerNorms and dropouts are replaced by ones that keep a weight for each fold and take
states (folds, tokens, width). What a fold computes depends on its own weights, prompts and random
numbers alone, so the sum of the folds' losses has the gradients that each would have by itself.
"""

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from llm4waam.core.errors import StudyError
from llm4waam.encoders.model import Reader, read
from llm4waam.encoders.tokens import Prompt
from llm4waam.stacked.layers import KINDS, Lanes
from llm4waam.stacked.packing import Pack, attend, pack


class Stack(nn.Module):
    """The readers as one model; each keeps working, on weights that are views of this one's.

    `even` says how prompts are packed, see `packing`; `compiler` names a backend of torch.compile
    for the encoder, which wants prompts of one size.

    Raises StudyError for a module with weights that has no stacked twin.
    """

    def __init__(self, readers: Sequence[Reader], compiler: str | None = None) -> None:
        super().__init__()
        self.readers = list(readers)  # a plain list: their weights are not this module's twice
        self.even = bool(compiler) or readers[0].device.type == "cuda"
        self.lanes = Lanes(len(readers), drawn_together=self.even)
        self.reader = copy.deepcopy(readers[0])
        for name, module in list(self.reader.named_modules()):
            if type(module) in KINDS:
                twins = [reader.get_submodule(name) for reader in readers]
                self.reader.set_submodule(name, KINDS[type(module)](twins, self.lanes))
            elif any(True for _ in module.parameters(recurse=False)):
                reason = f"train.engine: no stacked twin of {type(module).__name__} ({name})"
                raise StudyError("params.yaml", reason, value="stacked", expected="loop")
        self.reader.encoder.set_attn_implementation(attend())
        self.shares = [
            (whole, [reader.get_parameter(name) for reader in readers])
            for name, whole in self.reader.named_parameters()
        ]
        for whole, parts in self.shares:
            for number, part in enumerate(parts):
                part.data = whole.data[number]
        self.compiled = compiler is not None
        if self.compiled:
            # Sentences differ in length: one graph for all of them.
            self.reader.encoder.compile(backend=compiler, dynamic=True)

    def pack(self, rows: Sequence[Sequence[Prompt]]) -> Pack:
        """The prompts of every active fold, as `forward` takes them."""
        pad_id = self.reader.encoder.config.pad_token_id
        return pack(rows, pad_id, self.reader.device, even=self.even)

    def forward(self, pack: Pack, active: list[int], seeds: list[int]) -> torch.Tensor:
        """Logits (active folds, prompts, logits) of the prompts in `pack`, a row an active fold.

        Behind a fold's own prompts stand logits without meaning where another has more.
        """
        self.lanes.enter(active, seeds)
        extra = {"position_ids": pack.positions + self._first_position(), "pack": pack}
        encoder, channel = self.reader.encoder, self.reader.channel
        with self._stance(len(active)):
            states = read(encoder, channel, pack.ids, None, pack.fields, pack.numbers, **extra)
        return self.reader.answer(torch.bmm(pack.pooling(self.reader.pooling, states), states))

    def hand_gradients(self, active: list[int]) -> None:
        """Let every active reader's weights have the gradients that the last step left here."""
        for whole, parts in self.shares:
            for number in active if whole.grad is not None else ():
                parts[number].grad = whole.grad[number]
            whole.grad = None

    def _stance(self, active: int) -> AbstractContextManager:
        """One graph: another for fewer folds or a look takes longer to compile than it saves."""
        if not self.compiled or (self.training and active == self.lanes.count):
            return nullcontext()
        return torch.compiler.set_stance("force_eager")

    def _first_position(self) -> int:
        """Where RoBERTa begins to count its tokens; BERT begins at 0."""
        embeddings = self.reader.encoder.embeddings
        return getattr(embeddings, "padding_idx", -1) + 1
