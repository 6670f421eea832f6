"""What carries a recipe out."""

from collections.abc import Callable, Sequence

import torch

from llm4waam.core.errors import StudyError
from llm4waam.training.course import Tuning
from llm4waam.training.recipe import Recipe


def engine_of(recipe: Recipe) -> Callable[[Sequence[Tuning]], list[list[dict]]]:
    """The recipe's engine; raises StudyError for what it cannot do here.

    An engine fine-tunes the models of all tunings in place and returns the history of each, see
    `llm4waam.training.loop.fine_tune`. Their recipes are alike but for their seeds.
    """
    if recipe.precision == "fp16" and recipe.device == "cpu":
        reason = "train.precision: half precision needs a GPU"
        expected = "fp32, bf16 or train.device: cuda"
        raise StudyError("params.yaml", reason, value="fp16", expected=expected)
    # Each is imported only where it is asked for, since that takes time.
    if recipe.engine == "stacked":
        from llm4waam.stacked import engine

        return engine.fine_tune
    if recipe.engine == "loop":
        from llm4waam.training import loop as one
    else:
        from llm4waam.training import trainer as one
    return lambda tunings: [one.fine_tune(tuning) for tuning in tunings]


def carry_out(tunings: Sequence[Tuning]) -> list[list[dict]]:
    """What `engine_of` returns, carried out."""
    return engine_of(tunings[0].recipe)(tunings) if tunings else []


def settle(threads: int) -> None:
    """Let torch compute the same on every run, by so many threads."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # Else every new tensor is filled first, an eighth of the time; nothing reads what is not set.
    torch.utils.deterministic.fill_uninitialized_memory = False
