"""A finished model as ONNX, beside its safetensors, so that inference needs no torch."""

import warnings
from copy import deepcopy
from pathlib import Path

import torch
from torch import nn

from llm4waam.encoders.model import BeadModel

FILE = "model.onnx"
INPUTS = ("input_ids", "attention_mask", "fields", "numbers")  # as `encoders.tokens.pad` has them
OPSET = 17


class _Logits(nn.Module):
    def __init__(self, model: BeadModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, *batch: torch.Tensor) -> torch.Tensor:
        return self.model(*batch).logits


def export(model: BeadModel, file: Path) -> None:
    """Write encoder, numbers and head as one graph: INPUTS (prompts, tokens) to `logits`.

    What the model does not read, such as its numbers, is no input of the graph.
    """
    plain = deepcopy(model).cpu().eval()
    plain.encoder.set_attn_implementation("eager")  # ONNX Runtime knows attention by its pieces
    example = [torch.ones(2, 8, dtype=torch.long)] * 3 + [torch.zeros(2, 8)]
    free = {0: "prompts", 1: "tokens"}
    with warnings.catch_warnings():
        # torch announces the end of this exporter; the next takes six seconds for what this one
        # does in half of one.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Logits(plain), tuple(example), file, dynamo=False, opset_version=OPSET,
            input_names=list(INPUTS), output_names=["logits"],
            dynamic_axes={name: free for name in INPUTS} | {"logits": {0: "prompts"}},
        )  # fmt: skip
