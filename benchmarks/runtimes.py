"""The ways to run final models that `benchmarks.inference` compares: changes of a Predictor."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace

import torch

from llm4waam.encoders.model import Reader
from llm4waam.inference.predictor import Predictor
from llm4waam.training import passes


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


def all_compiled(predictor: Predictor) -> Predictor:
    """Every reader by torch.compile."""
    models = {
        name: replace(model, readers=[compiled(reader) for reader in model.readers])
        for name, model in predictor.models.items()
    }
    return replace(predictor, models=models)


def int8(predictor: Predictor) -> Predictor:
    """As `llm4waam predict --precision int8` runs it."""
    return predictor.as_graphs(eight_bits=True)


COMPILED = "torch.compile"
WAYS: dict[str, Callable[[Predictor], Predictor]] = {
    "all threads, 64 prompts": all_threads,
    "torch": lambda predictor: predictor,
    COMPILED: all_compiled,
    "ONNX Runtime": Predictor.as_graphs,
    "int8": int8,
    "statement": statements,
    "statement, ONNX Runtime": lambda predictor: statements(predictor).as_graphs(),
    "statement, int8": lambda predictor: int8(statements(predictor)),
}


def has_compiler() -> bool:
    """Whether torch.compile can run here."""
    return any(map(shutil.which, ("c++", "g++")))
