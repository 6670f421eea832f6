"""What carries a recipe out."""

from collections.abc import Callable

from stages.beads.errors import StudyError
from stages.learning import loop
from stages.learning.recipe import Recipe


def engine_of(recipe: Recipe) -> Callable[..., list[dict]]:
    """`fine_tune` of the recipe's engine; raises StudyError for a precision it cannot have."""
    if recipe.precision == "fp16" and recipe.device == "cpu":
        reason = "train.precision: half precision needs a GPU"
        expected = "fp32, bf16 or train.device: cuda"
        raise StudyError("params.yaml", reason, value="fp16", expected=expected)
    if recipe.engine == "loop":
        return loop.fine_tune
    # Only now: it takes seconds that the loop does not need.
    from stages.learning import trainer

    return trainer.fine_tune
