"""A finished model as a graph of ONNX Runtime, for the CPU: faster than torch on long tables."""

import logging
import tempfile
import warnings
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import nn

from llm4waam.encoders.model import BeadModel

INPUTS = ("input_ids", "attention_mask", "fields", "numbers")
OPSET = 17
SKIP = "/model/number_skip/linear/MatMul"  # never rounded: small, and its gain enlarges all errors


class Graph:
    """What `llm4waam.training.loop.predict` asks of a model; several threads may ask at once.

    With `eight_bits` weights are rounded once, states by the range of their batch: faster still, a
    little wrong, and the answer for a bead then depends a little on the beads beside it.
    """

    device = torch.device("cpu")

    def __init__(self, model: BeadModel, *, eight_bits: bool = False) -> None:
        # Here, as only those who ask for a graph should wait for it.
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # `passes` has a thread a core
        with tempfile.TemporaryDirectory() as folder:
            file = _export(model, Path(folder))
            file = _rounded(file) if eight_bits else file
            self._session = onnxruntime.InferenceSession(file, options)
        # What the model does not read, such as its numbers, is left out of the graph.
        self._inputs = [given.name for given in self._session.get_inputs()]
        self.encoder = SimpleNamespace(config=model.encoder.config)

    def eval(self) -> None:
        """It has no dropout to switch off."""

    def __call__(self, **batch: torch.Tensor) -> SimpleNamespace:
        """`logits` (prompts, logits), from the arguments of `BeadModel.forward`."""
        [logits] = self._session.run(None, {name: batch[name].numpy() for name in self._inputs})
        return SimpleNamespace(logits=torch.from_numpy(logits))


class _Logits(nn.Module):
    def __init__(self, model: BeadModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, *batch: torch.Tensor) -> torch.Tensor:
        return self.model(*batch).logits


def _export(model: BeadModel, folder: Path) -> Path:
    plain = deepcopy(model).eval()
    plain.encoder.set_attn_implementation("eager")  # ONNX Runtime knows attention by its pieces
    example = [torch.ones(2, 8, dtype=torch.long)] * 3 + [torch.zeros(2, 8)]
    free, file = {0: "prompts", 1: "tokens"}, folder / "model.onnx"
    with warnings.catch_warnings():
        # torch announces the end of this exporter; the next takes six seconds for what this one
        # does in half of one.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Logits(plain), tuple(example), file, dynamo=False, opset_version=OPSET,
            input_names=list(INPUTS), output_names=["logits"],
            dynamic_axes={name: free for name in INPUTS},
        )  # fmt: skip
    return file


def _rounded(file: Path) -> Path:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    rounded = file.with_name("rounded.onnx")
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it recommends a preparation that needs further packages
    try:
        # 7 bits of weights: products of 8 overflow on processors without VNNI.
        quantize_dynamic(
            file, rounded, nodes_to_exclude=[SKIP], weight_type=QuantType.QInt8, reduce_range=True
        )
    finally:
        logging.disable(before)
    return rounded
