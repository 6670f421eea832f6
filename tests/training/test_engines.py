"""The loop and Trainer end in the same weights, bit for bit; each habit alone breaks that."""

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from training_cases import RECIPE, ROWS, TASKS, choices_of, digest, job_of, source_of
from transformers import AutoConfig, AutoModel, set_seed

from llm4waam.ablations.published_loop import Habits
from llm4waam.ablations.published_loop import fine_tune as published
from llm4waam.core.errors import StudyError
from llm4waam.encoders.model import BeadModel, build_model
from llm4waam.stacked.engine import engine_of
from llm4waam.training import loop, trainer
from llm4waam.training.data import Examples
from llm4waam.training.loop import FineTuning, Validation, predict
from llm4waam.training.losses import make_objective
from llm4waam.training.recipe import Recipe

ENGINES = {"loop": loop.fine_tune, "trainer": trainer.fine_tune}


class Watch:
    """The digest of all weights after every optimizer step, whichever engine makes it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[str] = []
        self.model: BeadModel | None = None
        original = torch.optim.AdamW.step

        def step(optimizer, *args, **kwargs):
            result = original(optimizer, *args, **kwargs)
            self.steps.append(digest(self.model))
            return result

        monkeypatch.setattr(torch.optim.AdamW, "step", step)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


@pytest.fixture(scope="module")
def deep(encoders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bert-mini of two layers."""
    folder = tmp_path_factory.mktemp("deep")
    shutil.copytree(encoders / "bert-mini", folder / "bert-mini")
    config = AutoConfig.from_pretrained(encoders / "bert-mini", num_hidden_layers=2)
    set_seed(2)
    AutoModel.from_config(config).save_pretrained(folder / "bert-mini")
    return folder


def run(
    engine: str, job: FineTuning, watch: Watch | None = None
) -> tuple[list[str], torch.Tensor, list[dict]]:
    """(digests of the weights, logits, history) of one fine-tuning."""
    if watch:
        watch.steps, watch.model = [], job.model
    history = ENGINES[engine](job)
    steps = list(watch.steps) if watch else [digest(job.model)]
    return steps, predict(job.model, job.examples.first(), job.recipe), history


def both_engines(watch: Watch, recipe: Recipe, job) -> dict:
    """What both engines do at every step of a fine-tuning; the first row of the history."""
    by_hand, by_trainer = (run(name, job(), watch) for name in ENGINES)
    assert len(set(by_hand[0])) == len(by_hand[0]) == 3 * (2 if recipe.accumulation == 4 else 5)
    assert by_hand[0] == by_trainer[0]
    assert torch.equal(by_hand[1], by_trainer[1])
    assert by_hand[2] == by_trainer[2]
    return by_hand[2][0]


@pytest.mark.parametrize("accumulation", [1, 4])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("encoder", ["bert", "roberta"])
def test_both_engines_are_equal_after_every_step(
    encoders: Path, watch: Watch, encoder: str, task: str, accumulation: int
) -> None:
    recipe = RECIPE.model_copy(update={"accumulation": accumulation})
    looks = task in ("binary", "regression")
    job = partial(job_of, encoders, encoder, task, recipe, evaluate=looks)
    assert ("val_loss" in both_engines(watch, recipe, job)) is looks


@pytest.mark.parametrize("task", ["multi_label", "regression"])
@pytest.mark.parametrize("encoder", ["bert", "roberta"])
def test_both_engines_are_equal_with_a_linear_skip(
    encoders: Path, watch: Watch, encoder: str, task: str
) -> None:
    recipe = RECIPE.model_copy(update={"numbers": "both"})
    job = partial(job_of, encoders, encoder, task, recipe, evaluate=True)
    both_engines(watch, recipe, job)


# Changes of the recipe, and whether rows have several prompts.
CASES = {
    "prompts drawn, accumulated": ({"accumulation": 4}, True),
    "numbers off": ({"numbers": "none"}, False),
    "linear skip": ({"numbers": "skip"}, True),
    "skip, layer_decay": ({"numbers": "both", "layer_decay": 0.7}, True),
    "skip, frozen_layers": ({"numbers": "skip", "frozen_layers": 1}, False),
    "skip, lora_rank": ({"numbers": "both", "lora_rank": 2}, False),
    "first token": ({"pooling": "first"}, False),
    "layer_decay": ({"layer_decay": 0.7}, True),
    "frozen_layers": ({"frozen_layers": 1}, False),
    "lora_rank": ({"lora_rank": 2}, False),
    "constant rate": ({"schedule": "constant"}, False),
    "no warm-up, no decay": ({"warmup": 0.0, "weight_decay": 0.0}, False),
    "bf16": ({"precision": "bf16"}, False),
    "gradients not clipped": ({"max_grad_norm": None}, False),
}


@pytest.mark.parametrize("name", CASES)
def test_both_engines_are_equal_whatever_the_recipe(deep: Path, watch: Watch, name: str) -> None:
    changes, several = CASES[name]
    recipe = RECIPE.model_copy(update=changes)
    both_engines(
        watch,
        recipe,
        partial(job_of, deep, "bert", "binary", recipe, evaluate=True, several=several),
    )


DIFFERENT = {
    "constant rate": {"schedule": "constant"},
    "no warm-up": {"warmup": 0.0},
    "no weight decay": {"weight_decay": 0.0},
    "gradients not clipped": {"max_grad_norm": None},
    "another seed": {"seed": 6},
    "numbers off": {"numbers": "none"},
    "linear skip": {"numbers": "both"},
    "another pooling": {"pooling": "first"},
    "layer_decay": {"layer_decay": 0.7},
    "frozen layers": {"frozen_layers": 1},
    "all weights random": {"random_weights": True},
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_each_choice_alone_changes_the_weights(encoders: Path, name: str) -> None:
    recipe = RECIPE.model_copy(update=DIFFERENT[name])
    ours, other = (
        run("loop", job_of(encoders, "bert", "multi_label", one, evaluate=True))
        for one in (RECIPE, recipe)
    )
    assert ours[0] != other[0]
    assert not torch.equal(ours[1], other[1])


HABITS = {
    "pads_to_max_tokens": True,
    "global_order": True,
    "seeds_after_building": False,
    "keeps_generator": False,
    "clips_at": None,
    "spares_biases": False,
    "fused": False,
}
OURS = Habits(False, False, True, True, RECIPE.max_grad_norm, True, True)


@pytest.mark.parametrize("habit", [None, *HABITS])
def test_each_habit_of_a_published_loop_alone_changes_the_weights(
    encoders: Path, habit: str | None
) -> None:
    one, other = (job_of(encoders, "bert", "binary", RECIPE, evaluate=True) for _ in range(2))
    published(one, Habits(**(vars(OURS) | ({habit: HABITS[habit]} if habit else {}))))
    assert (digest(one.model) != run("loop", other)[0][0]) is (habit is not None)


def fitted(encoders: Path, engine: str = "loop", **how: object) -> list[str]:
    """The digest of the weights after a fine-tuning, without validation unless it is given."""
    recipe = RECIPE.model_copy(update=how.pop("recipe", {}))
    return run(engine, job_of(encoders, "bert", "binary", recipe, **{"evaluate": False} | how))[0]


def test_the_weights_depend_on_the_draw_of_the_prompts_and_not_on_what_must_not_matter(
    encoders: Path,
) -> None:
    first = fitted(encoders, several=True)
    assert fitted(encoders, several=True) == first
    assert fitted(encoders, several=True, draw=1) != first
    plain = fitted(encoders)
    # Looking at the validation changes nothing.
    assert fitted(encoders, evaluate=True) == plain
    # Nor does clipping that never bites.
    high, none = (fitted(encoders, recipe={"max_grad_norm": limit}) for limit in (1e9, None))
    assert high == none
    # Nor what was drawn before: dropout starts from the seed in both engines.
    set_seed(99)
    torch.rand(7)
    assert fitted(encoders, "trainer") == plain


def test_every_row_has_a_draw_of_its_own_in_every_epoch(encoders: Path) -> None:
    """Any two epochs agree at about half of the rows, and no row follows another."""
    prompts = choices_of(str(encoders / "bert-mini"), True)[0]
    examples = Examples([prompts] * 200, torch.zeros(200, 1), seed=43)
    drawn = np.array(
        [[prompts.index(examples.prompt(row, n)) for row in range(200)] for n in range(1, 41)]
    )
    agree = [(one == other).mean() for n, one in enumerate(drawn) for other in drawn[:n]]
    assert min(agree) > 0.3
    assert max(agree) < 0.7
    assert len({tuple(row) for row in drawn.T}) == 200


def test_both_engines_keep_the_best_epoch_and_stop_at_patience(encoders: Path) -> None:
    """The metrics say what each epoch is worth: the second is best, then it gets worse."""
    recipe = RECIPE.model_copy(update={"epochs": 6, "selection": "inner", "patience": 2})
    found = []
    for engine in ENGINES.values():
        values = iter([0.5, 0.3, 0.4, 0.35, 0.1, 0.05])
        source = source_of(encoders, "bert")
        choices = choices_of(source.checkpoint, False)
        targets = torch.tensor([[float(n % 2)] for n in range(ROWS)])
        objective = make_objective("binary", "bce", targets)
        model = build_model(source, recipe, 1, 1, recipe.seed)
        held, seen = Examples(choices[:5], targets[:5]), []

        def metrics(logits, values=values, seen=seen):
            seen.append(logits)
            return {"val_loss": next(values)}

        examples, validation = Examples(choices, targets), Validation(held, metrics)
        history = engine(FineTuning(model, examples, recipe, objective, validation))
        assert [row["val_loss"] for row in history] == [0.5, 0.3, 0.4, 0.35]
        assert torch.equal(predict(model, held.first(), recipe), seen[1])
        found.append(digest(model))
    assert found[0] == found[1]


def test_the_cpu_refuses_half_precision() -> None:
    with pytest.raises(StudyError, match=r"half precision needs a GPU"):
        engine_of(RECIPE.model_copy(update={"precision": "fp16"}))
