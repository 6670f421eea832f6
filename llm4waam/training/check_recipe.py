"""Whether a task can have the loss and the metric that its recipe names, before anything is run.

Apart from `fit`, so that looking at names does not import transformers.
"""

from llm4waam.splits.tasks import Task
from llm4waam.training.early_stopping import check_selection
from llm4waam.training.losses import check_loss
from llm4waam.training.recipe import Recipe


def check_recipe(task: Task, recipe: Recipe) -> None:
    """Raise StudyError for a loss, or a metric to choose the epoch, that the task cannot have."""
    check_loss(f"target.{task.name}.loss", task.kind, recipe.loss)
    check_selection(task, recipe.select_by, used=recipe.selection != "none")
