"""The loop and Trainer end in the same weights, bit for bit; each habit alone breaks that."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel, TrainerCallback, set_seed

from llm4waam.core.errors import StudyError
from llm4waam.encoders.load import load_tokenizer
from llm4waam.encoders.model import Reader, build_reader
from llm4waam.encoders.number_embedding import fit_scales, standardise
from llm4waam.encoders.settings import Source
from llm4waam.encoders.tokens import Prompt, read_prompts
from llm4waam.splits.tasks import Task
from llm4waam.training import trainer
from llm4waam.training.batches import Examples, predict
from llm4waam.training.course import Tuning, Validation
from llm4waam.training.engine import carry_out, engine_of
from llm4waam.training.joint import Side, join
from llm4waam.training.losses import make_objective
from llm4waam.training.recipe import Recipe

ROWS, HELD = 19, 7
TASKS = {
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
SIDE = Task("side", "regression", ("x",), None, ("no", "yes"), "none", None, "?")


def digest(model: Reader) -> str:
    parts = [tensor.numpy().tobytes() for tensor in model.state_dict().values()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


class Watch:
    """The digest of all weights after every optimizer step, whichever engine makes it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[str] = []
        self.model: Reader | None = None
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


def row_of(number: int, template: int) -> dict:
    """A sentence that tells one number, its length by row and template."""
    text = ("The travel speed is ", "Speed ", "With a travel speed of ")[template]
    value = [["speed", len(text), len(text) + 4, 1 + number / 4]]
    text += f"{1 + number / 4:.2f} mm/s. {'Which result? ' * (number % 4)}"
    return {"text": text, "values": value}


def choices_of(checkpoint: str, several: bool) -> list[list[Prompt]]:
    """The prompts of every row, with z-scores: one, or two and three in turn."""
    counts = [2 + number % 2 if several else 1 for number in range(ROWS)]
    rows = [row_of(number, n) for number, count in enumerate(counts) for n in range(count)]
    prompts = read_prompts(load_tokenizer(checkpoint), rows, ["speed"], RECIPE.max_tokens)
    scales = fit_scales(prompts, ["speed"])
    read = iter([standardise(prompt, scales, ["speed"]) for prompt in prompts])
    return [[next(read) for _ in range(count)] for count in counts]


def run(
    engine: str,
    encoders: Path,
    encoder: str,
    task: str,
    recipe: Recipe,
    look: bool,
    watch: Watch = None,
    several: bool = False,
    draw: int = 0,
) -> tuple[list[str], torch.Tensor, list[dict]]:
    """(steps, logits, history) of one fine-tuning."""
    loss, outputs = TASKS[task]
    checkpoint = str(encoders / f"{encoder}-mini")
    choices = choices_of(checkpoint, several)
    generator = torch.Generator().manual_seed(1)
    targets = torch.randn(ROWS, outputs, generator=generator)
    kind = task if task in ("multi_label", "regression") else "binary"
    if kind != "regression":
        targets = (targets > 0).float()
    sides = []
    if recipe.joint:
        # Every third row does not know its side.
        known = {str(n): np.array([n / 10]) for n in range(ROWS) if n % 3}
        side = Side(SIDE, known, "mse", None)
        sides.append((side, side.values([str(n) for n in range(ROWS)])))
    objective = join(make_objective(kind, loss, targets), outputs, sides)
    source = Source(encoder=encoder, checkpoint=checkpoint, revision=None)
    model = build_reader(source, recipe, 1, objective.logits)
    if watch:
        watch.steps, watch.model = [], model
    asked = [prompts[0] for prompts in choices]
    held = Examples([[prompt] for prompt in asked[:HELD]], targets[:HELD])
    validation = Validation(
        held, lambda logits: {"val_loss": objective.loss(logits, held.targets).mean().item()}
    )
    learned = [targets, *(torch.tensor(values, dtype=torch.float32) for _, values in sides)]
    examples = Examples(choices, torch.hstack(learned), draw)
    recipe = recipe.model_copy(update={"engine": engine})
    tuning = Tuning(model, examples, recipe, objective, validation if look else None)
    [history] = carry_out([tuning])
    steps = list(watch.steps) if watch else [digest(model)]
    return steps, predict(model, asked, recipe), history


@pytest.mark.parametrize("accumulation", [1, 4])
@pytest.mark.parametrize("evaluate", [False, True])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("encoder", ["bert", "roberta"])
def test_both_engines_are_equal_after_every_step(
    encoders: Path, watch: Watch, encoder: str, task: str, evaluate: bool, accumulation: int
) -> None:
    recipe = RECIPE.model_copy(update={"accumulation": accumulation})
    by_hand = run("loop", encoders, encoder, task, recipe, evaluate, watch)
    by_trainer = run("trainer", encoders, encoder, task, recipe, evaluate, watch)
    assert len(by_hand[0]) == 3 * (2 if accumulation == 4 else 5)
    assert len(set(by_hand[0])) == len(by_hand[0])
    assert by_hand[0] == by_trainer[0]
    assert torch.equal(by_hand[1], by_trainer[1])
    assert by_hand[2] == by_trainer[2]
    assert ("val_loss" in by_hand[2][0]) is evaluate


# changes of the recipe, whether rows have several prompts, whether there is a look
CASES = {
    "prompts drawn": ({}, True, False),
    "prompts drawn, accumulated, looked at": ({"accumulation": 4}, True, True),
    "numbers off": ({"numbers": False}, False, True),
    "first token": ({"pooling": "first"}, False, True),
    "layer_decay": ({"layer_decay": 0.7}, False, True),
    "layer_decay, plain AdamW": ({"layer_decay": 0.7, "fused": False}, True, False),
    "frozen_layers": ({"frozen_layers": 1}, False, True),
    "new_layers": ({"new_layers": 1}, False, False),
    "lora_rank": ({"lora_rank": 2}, False, True),
    "joint": ({"joint": True}, False, True),
    "joint, accumulated": ({"joint": True, "accumulation": 4}, True, True),
}


@pytest.mark.parametrize("name", CASES)
def test_both_engines_are_equal_in_every_craft(deep: Path, watch: Watch, name: str) -> None:
    changes, several, look = CASES[name]
    recipe = RECIPE.model_copy(update=changes)
    task = "multi_label" if recipe.joint else "binary"
    by_hand, by_trainer = (
        run(engine, deep, "bert", task, recipe, look, watch, several)
        for engine in ("loop", "trainer")
    )
    assert len(set(by_hand[0])) == 3 * (2 if recipe.accumulation == 4 else 5)
    assert by_hand[0] == by_trainer[0]
    assert torch.equal(by_hand[1], by_trainer[1])
    assert by_hand[2] == by_trainer[2]


DIFFERENT = {
    "data order": {"order": "global"},
    "no seed after the model is built": {"reseed": False},
    "padded to the maximum": {"padding": "max_tokens"},
    "train() never called": {"train_mode": False},
    "constant rate": {"schedule": "constant"},
    "no warm-up": {"warmup": 0.0},
    "schedule stepped per epoch": {"schedule_by": "epoch"},
    "last batch dropped": {"drop_last": True},
    "another epsilon": {"adam_eps": 1e-6},
    "decay of biases and LayerNorm": {"decay_all": True},
    "no weight decay": {"weight_decay": 0.0},
    "bf16": {"precision": "bf16"},
    "gradients not clipped": {"max_grad_norm": None},
    "random numbers not kept": {"keep_rng": False},
    "another kernel of AdamW": {"fused": False},
    "another seed": {"seed": 6},
    "numbers off": {"numbers": False},
    "another pooling": {"pooling": "first"},
    "layer_decay": {"layer_decay": 0.7},
    "frozen layers": {"frozen_layers": 1},
    "new layers": {"new_layers": 1},
    "all weights random": {"random_weights": True},
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_each_habit_alone_changes_the_weights(encoders: Path, name: str) -> None:
    recipe = RECIPE.model_copy(update=DIFFERENT[name])
    ours = run("loop", encoders, "bert", "multi_label", RECIPE, True)
    other = run("loop", encoders, "bert", "multi_label", recipe, True)
    assert ours[0] != other[0]
    assert not torch.equal(ours[1], other[1])


def test_another_draw_of_the_prompts_changes_the_weights(encoders: Path) -> None:
    first, again, other = (
        run("loop", encoders, "bert", "binary", RECIPE, False, several=True, draw=draw)
        for draw in (0, 0, 1)
    )
    assert first[0] == again[0]
    assert first[0] != other[0]


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


def test_looking_at_the_validation_changes_nothing(encoders: Path) -> None:
    looked = run("loop", encoders, "bert", "binary", RECIPE, True)
    assert looked[0] == run("loop", encoders, "bert", "binary", RECIPE, False)[0]


def test_clipping_that_never_bites_changes_nothing(encoders: Path) -> None:
    high = RECIPE.model_copy(update={"max_grad_norm": 1e9})
    none = RECIPE.model_copy(update={"max_grad_norm": None})
    same = run("loop", encoders, "bert", "binary", high, False)
    assert same[0] == run("loop", encoders, "bert", "binary", none, False)[0]


SHARED = [
    {"schedule": "constant"},
    {"warmup": 0.0},
    {"fused": False},
    {"precision": "bf16"},
    {"max_grad_norm": None},
    {"padding": "max_tokens"},
    {"weight_decay": 0.0},
    {"adam_eps": 1e-6},
]


@pytest.mark.parametrize("change", SHARED)
def test_habits_that_trainer_shares_stay_equal(encoders: Path, change: dict) -> None:
    recipe = RECIPE.model_copy(update=change)
    by_hand = run("loop", encoders, "roberta", "binary", recipe, True)
    by_trainer = run("trainer", encoders, "roberta", "binary", recipe, True)
    assert by_hand[0] == by_trainer[0]
    assert by_hand[2] == by_trainer[2]


def test_both_engines_keep_the_best_epoch_and_stop_at_patience(encoders: Path) -> None:
    """The judge says what each epoch is worth: the second is best, then it gets worse."""
    recipe = RECIPE.model_copy(update={"epochs": 6, "selection": "inner", "patience": 2})
    found = []
    for engine in ("loop", "trainer"):
        values = iter([0.5, 0.3, 0.4, 0.35, 0.1, 0.05])
        checkpoint = str(encoders / "bert-mini")
        choices = choices_of(checkpoint, False)
        targets = torch.tensor([[float(n % 2)] for n in range(ROWS)])
        objective = make_objective("binary", "bce", targets)
        source = Source(encoder="bert", checkpoint=checkpoint, revision=None)
        model = build_reader(source, recipe, 1, 1)
        held = Examples(choices[:5], targets[:5])
        seen = []

        def judge(logits, values=values, seen=seen):
            seen.append(logits)
            return {"val_loss": next(values)}

        validation = Validation(held, judge)
        asked = recipe.model_copy(update={"engine": engine})
        tuning = Tuning(model, Examples(choices, targets), asked, objective, validation)
        [history] = carry_out([tuning])
        assert [row["val_loss"] for row in history] == [0.5, 0.3, 0.4, 0.35]
        assert torch.equal(predict(model, held.first(), recipe), seen[1])
        found.append(digest(model))
    assert found[0] == found[1]


def test_trainer_refuses_what_it_does_not_do_and_the_cpu_half_precision(encoders: Path) -> None:
    recipe = RECIPE.model_copy(update={"engine": "trainer", "order": "global"})
    with pytest.raises(StudyError, match=r"train\.order: Trainer does not do this"):
        run("trainer", encoders, "bert", "binary", recipe, False)
    with pytest.raises(StudyError, match=r"half precision needs a GPU"):
        engine_of(RECIPE.model_copy(update={"precision": "fp16"}))


def test_seeds_are_set_by_trainer_s_own_constructor(encoders: Path) -> None:
    """Whatever was drawn before, the two engines start dropout from the seed."""
    set_seed(99)
    torch.rand(7)
    first = run("trainer", encoders, "bert", "binary", RECIPE, False)
    assert first[0] == run("loop", encoders, "bert", "binary", RECIPE, False)[0]
    assert issubclass(trainer.EpochLoss, TrainerCallback)
