"""The ways to run final models that `benchmarks.inference` compares: changes of a Predictor."""

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import nn

from stages.advice.predictor import Predictor
from stages.learning import passes
from stages.learning.reader import Reader

INPUTS = ("input_ids", "attention_mask", "fields", "numbers")


def all_threads(predictor: Predictor) -> Predictor:
    """64 prompts at a time, every product shared by all threads: as transformers does it."""
    one = ThreadPoolExecutor(1)
    passes.BATCH, passes._cores = 64, lambda: one
    return predictor


def statements(predictor: Predictor) -> Predictor:
    """One sentence a bead, the first template."""
    first = predictor.style.templates[:1]
    return replace(predictor, style=predictor.style.model_copy(update={"templates": first}))


def compiled(reader: Reader) -> Reader:
    """By torch.compile, which needs a C++ compiler; lengths stay free."""
    copy = deepcopy(reader)
    copy.encoder = torch.compile(copy.encoder, dynamic=True)
    ids = torch.ones(3, 8, dtype=torch.long)
    mask = ids.tril(5)  # padded, as most batches are
    with torch.no_grad():  # here, since two threads cannot compile at once
        copy(ids, mask, ids, torch.zeros(3, 8))
    return copy


def on_onnx(reader: Reader, *, eight_bits: bool = False) -> "OnnxReader":
    """By ONNX Runtime; needs the packages onnx and onnxruntime."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    plain = deepcopy(reader)
    plain.encoder.set_attn_implementation("eager")  # as its graph optimiser knows attention
    example = [torch.ones(2, 8, dtype=torch.long)] * 3 + [torch.zeros(2, 8)]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        files = [str(Path(folder) / name) for name in ("fp32.onnx", "int8.onnx")]
        free = {name: {0: "prompts", 1: "tokens"} for name in INPUTS}
        torch.onnx.export(
            _Logits(plain), tuple(example), files[0], dynamo=False, opset_version=17,
            input_names=list(INPUTS), output_names=["logits"], dynamic_axes=free,
        )  # fmt: skip
        if eight_bits:  # 7 bits of weights: 8 overflow on processors without VNNI
            quantize_dynamic(*files, weight_type=QuantType.QInt8, reduce_range=True)
        return OnnxReader(Path(files[eight_bits]).read_bytes(), reader)


class OnnxReader:
    """What `stages.learning.batches.predict` asks of a reader."""

    device = torch.device("cpu")

    def __init__(self, graph: bytes, reader: Reader) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(graph, options)
        self.encoder = SimpleNamespace(config=reader.encoder.config)

    def eval(self) -> None:
        """It is finished."""

    def __call__(self, **batch: torch.Tensor) -> SimpleNamespace:
        [logits] = self.session.run(None, {name: batch[name].numpy() for name in INPUTS})
        return SimpleNamespace(logits=torch.from_numpy(logits))


class _Logits(nn.Module):
    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self.reader = reader

    def forward(self, *batch: torch.Tensor) -> torch.Tensor:
        return self.reader(*batch).logits


def _each(change: Callable[[Reader], object]) -> Callable[[Predictor], Predictor]:
    def changed(predictor: Predictor) -> Predictor:
        models = {
            name: replace(model, readers=[change(reader) for reader in model.readers])
            for name, model in predictor.models.items()
        }
        return replace(predictor, models=models)

    return changed


WAYS: dict[str, Callable[[Predictor], Predictor]] = {
    "all threads, 64 prompts": all_threads,
    "default": lambda predictor: predictor,
    "int8": Predictor.in_eight_bits,
    "statement": statements,
    "statement, int8": lambda predictor: statements(predictor).in_eight_bits(),
    "torch.compile": _each(compiled),
    "ONNX Runtime": _each(on_onnx),
    "ONNX Runtime int8": _each(lambda reader: on_onnx(reader, eight_bits=True)),
}


def missing(ways: Iterable[str]) -> dict[str, str]:
    """The ways that cannot run here, and what they want."""
    found = {}
    for way in ways:
        if way.startswith("ONNX"):
            absent = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
            found |= {way: " and ".join(absent)} if absent else {}
        elif way == "torch.compile" and not (shutil.which("c++") or shutil.which("g++")):
            found[way] = "C++ compiler"
    return found
