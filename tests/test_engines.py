"""The loop and Trainer end in the same weights, bit for bit; each habit alone breaks that."""

import hashlib
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel, TrainerCallback, set_seed

from stages.beads.errors import StudyError
from stages.learning import loop, trainer
from stages.learning.batches import Examples, predict
from stages.learning.encoders import load_encoder, load_tokenizer, tokenize
from stages.learning.engine import engine_of
from stages.learning.losses import make_objective
from stages.learning.recipe import Recipe
from stages.learning.validation import Validation

TEXTS = [f"The travel speed is {n / 2} mm/s. {'Which result? ' * (n % 4)}" for n in range(19)]
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


def digest(model: PreTrainedModel) -> str:
    parts = [tensor.numpy().tobytes() for tensor in model.state_dict().values()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


class Watch:
    """The digest of all weights after every optimizer step, whichever engine makes it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[str] = []
        self.model: PreTrainedModel | None = None
        original = torch.optim.AdamW.step

        def step(optimizer, *args, **kwargs):
            result = original(optimizer, *args, **kwargs)
            self.steps.append(digest(self.model))
            return result

        monkeypatch.setattr(torch.optim.AdamW, "step", step)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


def run(
    engine, encoders: Path, encoder: str, task: str, recipe: Recipe, look: bool, watch: Watch = None
) -> tuple[list[str], torch.Tensor, list[dict]]:
    """(steps, logits, history) of one fine-tuning."""
    loss, outputs = TASKS[task]
    checkpoint = str(encoders / f"{encoder}-mini")
    tokens = tokenize(load_tokenizer(checkpoint), TEXTS, recipe.max_tokens)
    generator = torch.Generator().manual_seed(1)
    targets = torch.randn(len(tokens), outputs, generator=generator)
    kind = task if task in ("multi_label", "regression") else "binary"
    if kind != "regression":
        targets = (targets > 0).float()
    objective = make_objective(kind, loss, targets)
    model = load_encoder(checkpoint, None, objective.logits, recipe.seed)
    if watch:
        watch.steps, watch.model = [], model
    held = Examples(tokens[:7], targets[:7])
    validation = Validation(
        held, lambda logits: {"val_loss": objective.loss(logits, held.targets).mean().item()}
    )
    examples = Examples(tokens, targets)
    history = engine(model, examples, recipe, objective, validation if look else None)
    steps = list(watch.steps) if watch else [digest(model)]
    return steps, predict(model, tokens, recipe), history


@pytest.mark.parametrize("accumulation", [1, 4])
@pytest.mark.parametrize("evaluate", [False, True])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("encoder", ["bert", "roberta"])
def test_both_engines_are_equal_after_every_step(
    encoders: Path, watch: Watch, encoder: str, task: str, evaluate: bool, accumulation: int
) -> None:
    recipe = RECIPE.model_copy(update={"accumulation": accumulation})
    by_hand = run(loop.fine_tune, encoders, encoder, task, recipe, evaluate, watch)
    by_trainer = run(trainer.fine_tune, encoders, encoder, task, recipe, evaluate, watch)
    assert len(by_hand[0]) == 3 * (2 if accumulation == 4 else 5)
    assert len(set(by_hand[0])) == len(by_hand[0])
    assert by_hand[0] == by_trainer[0]
    assert torch.equal(by_hand[1], by_trainer[1])
    assert by_hand[2] == by_trainer[2]
    assert ("val_loss" in by_hand[2][0]) is evaluate


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
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_each_habit_alone_changes_the_weights(encoders: Path, name: str) -> None:
    recipe = RECIPE.model_copy(update=DIFFERENT[name])
    ours = run(loop.fine_tune, encoders, "bert", "multi_label", RECIPE, True)
    other = run(loop.fine_tune, encoders, "bert", "multi_label", recipe, True)
    assert ours[0] != other[0]


def test_looking_at_the_validation_changes_nothing(encoders: Path) -> None:
    looked = run(loop.fine_tune, encoders, "bert", "binary", RECIPE, True)
    assert looked[0] == run(loop.fine_tune, encoders, "bert", "binary", RECIPE, False)[0]


def test_clipping_that_never_bites_changes_nothing(encoders: Path) -> None:
    high = RECIPE.model_copy(update={"max_grad_norm": 1e9})
    none = RECIPE.model_copy(update={"max_grad_norm": None})
    same = run(loop.fine_tune, encoders, "bert", "binary", high, False)
    assert same[0] == run(loop.fine_tune, encoders, "bert", "binary", none, False)[0]


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
    by_hand = run(loop.fine_tune, encoders, "roberta", "binary", recipe, True)
    by_trainer = run(trainer.fine_tune, encoders, "roberta", "binary", recipe, True)
    assert by_hand[0] == by_trainer[0]
    assert by_hand[2] == by_trainer[2]


def test_both_engines_keep_the_best_epoch_and_stop_at_patience(encoders: Path) -> None:
    """The judge says what each epoch is worth: the second is best, then it gets worse."""
    recipe = RECIPE.model_copy(update={"epochs": 6, "selection": "inner", "patience": 2})
    found = []
    for engine in (loop.fine_tune, trainer.fine_tune):
        values = iter([0.5, 0.3, 0.4, 0.35, 0.1, 0.05])
        checkpoint = str(encoders / "bert-mini")
        tokens = tokenize(load_tokenizer(checkpoint), TEXTS, 48)
        targets = torch.tensor([[float(n % 2)] for n in range(len(tokens))])
        objective = make_objective("binary", "bce", targets)
        model = load_encoder(checkpoint, None, 1, 5)
        seen = []

        def judge(logits, values=values, seen=seen):
            seen.append(logits)
            return {"val_loss": next(values)}

        validation = Validation(Examples(tokens[:5], targets[:5]), judge)
        history = engine(model, Examples(tokens, targets), recipe, objective, validation)
        assert [row["val_loss"] for row in history] == [0.5, 0.3, 0.4, 0.35]
        assert torch.equal(predict(model, tokens[:5], recipe), seen[1])
        found.append(digest(model))
    assert found[0] == found[1]


def test_trainer_refuses_what_it_does_not_do_and_the_cpu_half_precision(encoders: Path) -> None:
    recipe = RECIPE.model_copy(update={"engine": "trainer", "order": "global"})
    with pytest.raises(StudyError, match=r"train\.order: Trainer does not do this"):
        run(engine_of(recipe), encoders, "bert", "binary", recipe, False)
    with pytest.raises(StudyError, match=r"half precision needs a GPU"):
        engine_of(RECIPE.model_copy(update={"precision": "fp16"}))


def test_seeds_are_set_by_trainer_s_own_constructor(encoders: Path) -> None:
    """Whatever was drawn before, the two engines start dropout from the seed."""
    set_seed(99)
    torch.rand(7)
    first = run(trainer.fine_tune, encoders, "bert", "binary", RECIPE, False)
    assert first[0] == run(loop.fine_tune, encoders, "bert", "binary", RECIPE, False)[0]
    assert issubclass(trainer.EpochLoss, TrainerCallback)
