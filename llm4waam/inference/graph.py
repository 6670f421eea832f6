"""A model as a graph of ONNX Runtime: prompts in, logits out, on all cores."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

import numpy as np
import onnxruntime

from llm4waam.encoders.tokens import TokenisedPrompt, pad

BATCH = 16  # prompts of about one length; what a layer of the mini encoders makes of more leaves
# the cache


class Graph:
    """What `llm4waam.training.export` wrote; several threads may ask it at once."""

    def __init__(self, model: bytes, pad_id: int) -> None:
        """`model` is what stands in the file."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a core has a batch of its own, see `begin`
        options.log_severity_level = 4  # what goes wrong is raised, and need not be logged as well
        self._session = onnxruntime.InferenceSession(model, options)
        self._inputs = [one.name for one in self._session.get_inputs()]
        self._model, self._pad_id = model, pad_id

    def redrawn(self, rng: np.random.Generator, sd: float) -> "Graph":
        """The same graph with weights drawn anew, as of a network that has learned nothing.

        Matrices are normal with `sd`; of the vectors, the scales of LayerNorm are 1, biases 0.
        """
        import onnx  # only here: a prediction does not need it
        from onnx import numpy_helper

        drawn = onnx.load_from_string(self._model)
        for weight in drawn.graph.initializer:
            old = numpy_helper.to_array(weight)
            if old.dtype != np.float32 or old.ndim == 0:  # a number of the computation
                continue
            new = rng.normal(0, sd, old.shape) if old.ndim > 1 else np.ones(old.shape)
            new = np.zeros(old.shape) if weight.name.endswith("bias") else new
            weight.CopyFrom(numpy_helper.from_array(new.astype(np.float32), weight.name))
        return Graph(drawn.SerializeToString(), self._pad_id)

    def begin(self, prompts: Sequence[TokenisedPrompt]) -> Callable[[], np.ndarray]:
        """Begin to read; what is returned waits for the logits (prompts, logits), in their order.

        Batches are of neighbours in length and of BATCH prompts, whatever the number of cores, and
        none is shared by two: the digits of a sum do not depend on the machine's cores.
        """
        prompts = list(prompts)
        order = sorted(range(len(prompts)), key=lambda n: len(prompts[n]))
        parts = [order[n : n + BATCH] for n in range(0, len(order), BATCH)]
        begun: list[Future] = [
            _cores().submit(self._logits, [prompts[n] for n in part]) for part in parts
        ]

        def logits() -> np.ndarray:
            return np.concatenate([one.result() for one in begun])[np.argsort(order)]

        return logits

    def _logits(self, prompts: list[TokenisedPrompt]) -> np.ndarray:
        batch = pad(prompts, self._pad_id)
        [logits] = self._session.run(None, {name: batch[name] for name in self._inputs})
        return logits


@cache
def _cores() -> ThreadPoolExecutor:
    # Two threads on one pass wait for each other at every layer; two passes do not.
    return ThreadPoolExecutor(os.cpu_count())
