"""Small fine-tunings that the tests of models and engines share."""

import hashlib
from pathlib import Path

import numpy as np
import torch

from llm4waam.card.card import read_card
from llm4waam.core.files import JsonLines, read_table
from llm4waam.core.settings import read_params
from llm4waam.decisions.predictions import members
from llm4waam.encoders.load import load_tokenizer
from llm4waam.encoders.model import BeadModel, build_model
from llm4waam.encoders.number_scales import NumberScales, fit_scales
from llm4waam.encoders.settings import Source
from llm4waam.encoders.tokens import Prompts, TokenisedPrompt, Tokens, tokenise
from llm4waam.splits.tasks import make_task
from llm4waam.stacked.engine import engine_of
from llm4waam.training.data import Examples, TaskData, make_task_data
from llm4waam.training.fit import FittedFold, fit_folds
from llm4waam.training.loop import FineTuning, Validation
from llm4waam.training.losses import make_objective
from llm4waam.training.recipe import Recipe
from stages.check_params import AllParams

ROWS, HELD = 19, 7
TASKS = {  # loss, outputs
    "multi_label": ("bce", 3),
    "binary": ("bce", 1),
    "two logits": ("cross_entropy", 1),
    "regression": ("mse", 1),
}
RECIPE = Recipe(
    engine="loop",
    seed=5,
    epochs=3,
    batch_size=4,
    max_tokens=48,
    weight_decay=0.01,
    warmup=0.1,
    max_grad_norm=0.1,
    learning_rate=3e-3,
    loss="bce",
)


def digest(model: torch.nn.Module) -> str:
    """A hash of all weights."""
    parts = [tensor.numpy().tobytes() for tensor in model.state_dict().values()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def kind_of(task: str) -> str:
    """The kind of a task of TASKS."""
    return task if task in ("multi_label", "regression") else "binary"


def source_of(encoders: Path, encoder: str) -> Source:
    """A tiny checkpoint."""
    return Source(encoder=encoder, checkpoint=str(encoders / f"{encoder}-mini"), revision=None)


def row_of(number: int, template: int) -> dict:
    """A sentence that tells one number, its length by row and template."""
    text = ("The travel speed is ", "Speed ", "With a travel speed of ")[template]
    value = [["speed", len(text), len(text) + 4, 1 + number / 4]]
    text += f"{1 + number / 4:.2f} mm/s. {'Which result? ' * (number % 4)}"
    return {"text": text, "values": value}


def prompts_of(prompts: list[TokenisedPrompt], fields: int) -> Prompts:
    """Prompts as `tokenise` gives them, of so many fields."""
    values = np.full((len(prompts), 1 + fields), np.nan)
    for row, prompt in zip(values, prompts, strict=True):
        row[prompt.fields] = prompt.numbers
    tokens = Tokens(
        np.concatenate([prompt.ids for prompt in prompts]),
        np.concatenate([prompt.fields for prompt in prompts]),
        values.T.copy(),
        np.arange(1 + fields),
        np.cumsum([0, *map(len, prompts)]),
        np.array([prompt.cut for prompt in prompts]),
    )
    return Prompts(tokens, np.arange(len(prompts)))


def choices_of(checkpoint: str, several: bool) -> list[list[TokenisedPrompt]]:
    """The prompts of every row, with z-scores: one, or two and three in turn."""
    counts = [2 + number % 2 if several else 1 for number in range(ROWS)]
    rows = [row_of(number, n) for number, count in enumerate(counts) for n in range(count)]
    tokenizer = load_tokenizer(checkpoint).backend_tokenizer
    prompts = tokenise(tokenizer, rows, ["speed"], RECIPE.max_tokens)
    read = iter(NumberScales(["speed"], fit_scales(prompts, ["speed"])).apply(prompts))
    return [[next(read) for _ in range(count)] for count in counts]


def job_of(
    encoders: Path,
    encoder: str,
    task: str,
    recipe: Recipe,
    *,
    evaluate: bool,
    several: bool = False,
    draw: int = 0,
) -> FineTuning:
    """One fine-tuning of ROWS rows, of which the first HELD are looked at after every epoch."""
    loss, outputs = TASKS[task]
    source = source_of(encoders, encoder)
    choices = choices_of(source.checkpoint, several)
    targets = torch.randn(ROWS, outputs, generator=torch.Generator().manual_seed(1))
    targets = targets if task == "regression" else (targets > 0).float()
    objective = make_objective(kind_of(task), loss, targets)
    model: BeadModel = build_model(source, recipe, 1, objective.logits, recipe.seed)
    held = Examples([[prompts[0]] for prompts in choices[:HELD]], targets[:HELD])
    validation = Validation(
        held, lambda logits: {"val_loss": objective.loss(logits, held.targets).mean().item()}
    )
    examples = Examples(choices, targets, draw)
    return FineTuning(model, examples, recipe, objective, validation if evaluate else None)


def task_data(folder: Path, task: str, encoder: str = "bert", **changes: object) -> TaskData:
    """What the folds of a task learn from in a folder that is ready, with changes of the recipe."""
    params = read_params(AllParams, folder / "params.yaml")
    card = read_card(folder / params.card_file)
    return make_task_data(
        params.encoder.source(encoder),
        make_task(card, task, params.card_file),
        params.recipe(encoder, task).model_copy(update=changes),
        card,
        read_table(folder / "data/clean/beads.csv"),
        list(JsonLines(folder / "data/text/prompts.jsonl")),
    )[0]


def fold_of(folder: Path) -> tuple[list[str], list[str]]:
    """The training and the test beads of the first fold."""
    return members(read_table(folder / "data/split/folds.csv"), 0, 0)


def fit_fold(data: TaskData, train: list[str], test: list[str]) -> FittedFold:
    """One fold fitted."""
    return fit_folds(data, [((0, 0), train, test)], engine_of(data.recipe))[0]
