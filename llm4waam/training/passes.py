"""Forward passes of a finished model side by side: each of few prompts, on a core of its own."""

from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

import torch

from llm4waam.encoders.model import BeadModel
from llm4waam.encoders.tokens import TokenisedPrompt
from llm4waam.training.loop import predict
from llm4waam.training.recipe import Recipe

BATCH = 16  # prompts of about one length; what a layer of the mini encoders makes of more leaves
# the cache


class Passes:
    """The passes of one model over `prompts`, begun at once; `logits` waits for the last.

    Batches are of neighbours in length and of BATCH prompts, whatever the number of cores, and
    none is shared by two: the digits of a sum do not depend on the machine's cores.
    """

    def __init__(self, model: BeadModel, prompts: list[TokenisedPrompt], recipe: Recipe) -> None:
        self.order = sorted(range(len(prompts)), key=lambda n: len(prompts[n]))
        batched = recipe.model_copy(update={"batch_size": BATCH})
        sorted_prompts = [prompts[n] for n in self.order]
        self.begun: list[Future] = [
            _cores().submit(predict, model, sorted_prompts[n : n + BATCH], batched)
            for n in range(0, len(prompts), BATCH)
        ]

    def logits(self) -> torch.Tensor:
        """(prompts, logits) as float32, in the order of the prompts."""
        found = torch.cat([one.result() for one in self.begun])
        return found[torch.tensor(self.order).argsort()]


@cache
def _cores() -> ThreadPoolExecutor:
    # Two threads on one pass wait for each other at every layer; two passes do not.
    threads = torch.get_num_threads()
    return ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
