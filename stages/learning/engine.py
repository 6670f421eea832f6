"""What carries a recipe out."""

from collections.abc import Callable, Sequence

import torch

from stages.beads.errors import StudyError
from stages.learning import loop
from stages.learning.course import Tuning
from stages.learning.recipe import Recipe


def engine_of(recipe: Recipe) -> Callable[..., list[dict]]:
    """`fine_tune` of the recipe's engine; raises StudyError for a precision it cannot have."""
    if recipe.precision == "fp16" and recipe.device == "cpu":
        reason = "train.precision: half precision needs a GPU"
        expected = "fp32, bf16 or train.device: cuda"
        raise StudyError("params.yaml", reason, value="fp16", expected=expected)
    if recipe.engine == "loop":
        return loop.fine_tune
    # Only now: each takes time that the loop does not need.
    if recipe.engine == "stacked":
        from stages.learning import stacked

        return stacked.fine_tune
    from stages.learning import trainer

    return trainer.fine_tune


def carry_out(tunings: Sequence[Tuning]) -> list[list[dict]]:
    """Fine-tune every model in place; the histories, as `stages.learning.loop.fine_tune` has them.

    The recipes are alike but for their seeds. Raises StudyError for what their engine cannot do.
    """
    if not tunings:
        return []
    fine_tune = engine_of(tunings[0].recipe)
    if tunings[0].recipe.engine == "stacked":
        return _stacked(tunings)
    return [
        fine_tune(t.model, t.examples, t.recipe, t.objective, t.validation, t.bookmark)
        for t in tunings
    ]


def _stacked(tunings: Sequence[Tuning]) -> list[list[dict]]:
    """All that have as many logits as one model: a powerset has as many as its fold has sets."""
    from stages.learning.stacked import fine_tune_all

    histories: dict[int, list[dict]] = {}
    for logits in dict.fromkeys(tuning.objective.logits for tuning in tunings):
        places = [n for n, tuning in enumerate(tunings) if tuning.objective.logits == logits]
        found = fine_tune_all([tunings[n] for n in places])
        histories |= dict(zip(places, found, strict=True))
    return [histories[n] for n in range(len(tunings))]


def settle(threads: int) -> None:
    """Let torch compute the same on every run, by so many threads."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # Else every new tensor is filled first, an eighth of the time; nothing reads what is not set.
    torch.utils.deterministic.fill_uninitialized_memory = False
