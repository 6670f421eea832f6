"""The floor: what the arithmetic of a fine-tuning takes at the measured rates, and nothing else."""

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from transformers import PreTrainedConfig

from llm4waam.decisions.predictions import Job
from llm4waam.training.data import Material

# Of four bytes each, for every weight and step: read forwards and backwards; the gradient written,
# read for its norm and by AdamW, which reads and writes the weight and both moments.
PASSES = 2 + 3 + 6
RUNS, ENOUGH_S = 30, 3.0  # a processor without bfloat16 multiplies it very slowly


def rates(device: str, threads: int, size: int, copied: int) -> dict[str, float]:
    """Operations a second of a product of two (size, size) matrices, bytes a second of a copy.

    `fp32`, `bf16` and `copy`, the best of up to thirty runs; `copied` bytes are read and as many
    written. A product in bfloat16 that is slower than in float32 need not be made: `bf16` is then
    that of `fp32`.
    """
    torch.set_num_threads(threads)
    found = {}
    for name, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        left, right = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))
        # A linear layer multiplies by a transposed matrix, for which there may be another kernel.
        taken = [_best(lambda a=left, b=other: a @ b, device) for other in (right, right.T)]
        found[name] = max(2 * size**3 / min(taken), found.get("fp32", 0.0))
    source = torch.randn(copied // 4, device=device)
    target = torch.empty_like(source)
    found["copy"] = 2 * copied / _best(lambda: target.copy_(source), device)
    return found


def _best(work: Callable[[], object], device: str) -> float:
    """Seconds of the fastest run: other work on the machine makes it slower, nothing faster."""
    taken: list[float] = []
    while len(taken) < 2 or (len(taken) < RUNS and sum(taken) < ENOUGH_S):
        start = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return min(taken)


def forward_operations(config: PreTrainedConfig, tokens: Sequence[int]) -> float:
    """Operations of the matrix products of one forward pass over prompts of so many tokens.

    A multiplication and an addition are two. Linear layers, attention among a prompt's own tokens,
    and the dense layer of the head.
    """
    count, width, wide = np.array(tokens, float), config.hidden_size, config.intermediate_size
    linear = 2 * (4 * width**2 + 2 * width * wide) * count
    attention = 4 * width * count**2
    return float((config.num_hidden_layers * (linear + attention) + 2 * width**2).sum())


def operations(material: Material, config: PreTrainedConfig, jobs: Sequence[Job]) -> float:
    """Operations of fine-tuning the jobs by the material's recipe.

    Forward and backward (twice the forward) over the prompts learned from, the mean over a bead's
    prompts where an epoch draws one of them; the look at the other beads after every epoch, which
    the hold-out does not have, and their prediction.
    """
    recipe, total = material.recipe, 0.0
    cost = {
        bead: [forward_operations(config, [len(prompt)]) for prompt in prompts]
        for bead, prompts in material.prompts.items()
    }
    for (_, fold), train, test in jobs:
        learned = sum(
            np.mean(cost[b]) if recipe.prompts == "random" else sum(cost[b]) for b in train
        )
        asked = sum(sum(cost[b] if recipe.average else cost[b][:1]) for b in test)
        total += 3 * recipe.epochs * learned + ((recipe.epochs if fold >= 0 else 0) + 1) * asked
    return total


def moved_bytes(weights: int, steps: int) -> float:
    """Bytes that so many optimizer steps of so many float32 weights move at the least.

    Weights, gradients and moments; states between the layers may stay in a cache.
    """
    return 4.0 * PASSES * weights * steps
