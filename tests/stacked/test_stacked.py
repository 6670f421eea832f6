"""All folds at once: every fold ends where the loop alone would have left it."""

import copy
from pathlib import Path

import pytest
import torch
from torch import nn
from training_cases import RECIPE, TASKS, choices_of, kind_of, source_of

from llm4waam.core.errors import StudyError
from llm4waam.encoders.model import build_model
from llm4waam.stacked import engine
from llm4waam.stacked.layers import KINDS
from llm4waam.stacked.stack import Stack
from llm4waam.training import loop
from llm4waam.training.data import Examples
from llm4waam.training.loop import FineTuning, Validation, predict
from llm4waam.training.losses import make_objective
from llm4waam.training.recipe import Recipe

ROWS = (19, 9, 14)  # of each fold: other steps, other last batches


def jobs_of(
    encoders: Path, recipe: Recipe, encoder: str = "bert", task: str = "binary", look: bool = True
) -> list[FineTuning]:
    """Three folds of unequal length, each with weights, rows and a seed of its own."""
    loss, outputs = TASKS[task]
    kind, source = kind_of(task), source_of(encoders, encoder)
    choices, found = choices_of(source.checkpoint, True), []
    for number, count in enumerate(ROWS):
        own = recipe.model_copy(update={"seed": recipe.seed + number})
        targets = torch.randn(
            len(choices), outputs, generator=torch.Generator().manual_seed(number)
        )
        targets = targets if kind == "regression" else (targets > 0).float()
        objective = make_objective(kind, loss, targets)
        model = build_model(source, own, 1, objective.logits, own.seed, plain=kind == "regression")
        examples = Examples(choices[:count], targets[:count], number)
        held = Examples([[prompts[0]] for prompts in choices[count - 9 :]], targets[count - 9 :])

        def metrics(logits: torch.Tensor, held=held, objective=objective) -> dict[str, float]:
            return {"val_loss": objective.loss(logits, held.targets).mean().item()}

        validation = Validation(held, metrics) if look else None
        found.append(FineTuning(model, examples, own, objective, validation))
    return found


def without_dropout(jobs: list[FineTuning]) -> list[FineTuning]:
    for job in jobs:
        for module in job.model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
    return jobs


def by_loop(jobs: list[FineTuning]) -> list[list[dict]]:
    return [loop.fine_tune(job) for job in jobs]


def assert_equal(ours: list[FineTuning], theirs: list[FineTuning], tolerance: float = 1e-5) -> None:
    for one, other in zip(ours, theirs, strict=True):
        wanted = other.model.state_dict()
        assert one.model.state_dict().keys() == wanted.keys()
        for name, weight in one.model.state_dict().items():
            torch.testing.assert_close(weight, wanted[name], rtol=0, atol=tolerance, msg=name)


def distance(ours: list[FineTuning], theirs: list[FineTuning]) -> float:
    return max(
        (one - other).abs().max().item()
        for a, b in zip(ours, theirs, strict=True)
        for one, other in zip(a.model.parameters(), b.model.parameters(), strict=True)
    )


@pytest.mark.parametrize("even", [False, True], ids=["packed", "even"])
@pytest.mark.parametrize(
    ("task", "numbers"),
    [*((task, "tokens") for task in TASKS), ("multi_label", "both"), ("regression", "skip")],
)
@pytest.mark.parametrize("encoder", ["bert", "roberta"])
def test_without_dropout_every_fold_ends_in_the_loop_s_weights(
    encoders: Path,
    monkeypatch: pytest.MonkeyPatch,
    encoder: str,
    task: str,
    numbers: str,
    even: bool,
) -> None:
    """`even` is the layout of a GPU."""
    recipe = RECIPE.model_copy(update={"numbers": numbers})
    build = Stack.__init__

    def laid(stack: Stack, models: list) -> None:
        build(stack, models)
        stack.even = even

    monkeypatch.setattr(Stack, "__init__", laid)
    ours, theirs = (without_dropout(jobs_of(encoders, recipe, encoder, task)) for _ in range(2))
    before = copy.deepcopy([job.model for job in ours])
    histories, expected = engine.fine_tune(ours), by_loop(theirs)
    assert_equal(ours, theirs)
    moved = [
        max((p - q).abs().max() for p, q in zip(m.parameters(), t.model.parameters(), strict=True))
        for m, t in zip(before, ours, strict=True)
    ]
    assert min(moved) > 1e-3
    for history, wanted in zip(histories, expected, strict=True):
        assert [row["epoch"] for row in history] == [1, 2, 3]
        for row, other in zip(history, wanted, strict=True):
            assert row == pytest.approx(other, abs=1e-5)


RECIPES = {
    "accumulated": {"accumulation": 3},
    "numbers off": {"numbers": "none"},
    "linear skip": {"numbers": "skip"},
    "skip, accumulated": {"numbers": "both", "accumulation": 3},
    "skip, epoch chosen": {"numbers": "both", "selection": "inner", "patience": 1, "epochs": 6},
    "first token": {"pooling": "first"},
    "layer_decay": {"layer_decay": 0.7},
    "frozen_layers": {"frozen_layers": 1},
    "low-rank additions": {"lora_rank": 2},
    "random weights": {"random_weights": True},
    "not clipped": {"max_grad_norm": None},
    "epoch chosen": {"selection": "inner", "patience": 1, "epochs": 6},
}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_means_the_same_in_a_stack(encoders: Path, name: str) -> None:
    recipe = RECIPE.model_copy(update=RECIPES[name])
    ours, theirs = (without_dropout(jobs_of(encoders, recipe)) for _ in range(2))
    histories, expected = engine.fine_tune(ours), by_loop(theirs)
    assert [len(history) for history in histories] == [len(history) for history in expected]
    assert_equal(ours, theirs)


def test_folds_stop_early_each_by_itself(encoders: Path) -> None:
    """A rate that is too high: some folds stop while others go on."""
    recipe = RECIPE.model_copy(
        update={"selection": "inner", "patience": 2, "epochs": 12, "learning_rate": 0.01}
    )
    ours, theirs = (without_dropout(jobs_of(encoders, recipe)) for _ in range(2))
    histories, expected = engine.fine_tune(ours), by_loop(theirs)
    lengths = [len(history) for history in histories]
    assert lengths == [len(history) for history in expected]
    assert len(set(lengths)) > 1
    for history, wanted in zip(histories, expected, strict=True):
        assert [row["val_loss"] for row in history] == pytest.approx(
            [row["val_loss"] for row in wanted], rel=1e-3
        )


def test_one_clip_for_all_folds_would_be_seen(
    encoders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted mistake: one gradient norm over the whole stack."""
    ours, theirs = (without_dropout(jobs_of(encoders, RECIPE)) for _ in range(2))
    models = [job.model for job in ours]
    clip = torch.nn.utils.clip_grad_norm_

    def clip_all(_: object, limit: float) -> None:
        clip([p for model in models for p in model.parameters()], limit)

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", clip_all)
    engine.fine_tune(ours)
    monkeypatch.undo()
    by_loop(theirs)
    assert distance(ours, theirs) > 1e-4


def test_dropout_of_a_fold_is_its_own(encoders: Path) -> None:
    """Alone or among others it draws the same, and another seed draws other numbers."""
    together, alone, other = (jobs_of(encoders, RECIPE) for _ in range(3))
    engine.fine_tune(together)
    for job in alone:
        engine.fine_tune([job])
    assert_equal(together, alone)
    dry = without_dropout(jobs_of(encoders, RECIPE))
    engine.fine_tune(dry)
    assert distance(together, dry) > 1e-3
    seeds = [t.recipe.model_copy(update={"seed": t.recipe.seed + 50}) for t in other]
    engine.fine_tune(
        [
            FineTuning(t.model, t.examples, recipe, t.objective, t.validation)
            for t, recipe in zip(other, seeds, strict=True)
        ]
    )
    assert distance(together, other) > 1e-3


def test_dropout_keeps_as_many_states_as_it_should_and_their_mean(encoders: Path) -> None:
    stack = Stack([job.model for job in jobs_of(encoders, RECIPE)])
    stack.train()
    stack.lanes.enter([0, 2], [5, 6])
    dropout = next(m for m in stack.modules() if isinstance(m, KINDS[nn.Dropout]))
    seen = dropout(torch.ones(2, 400, 500))
    assert (seen == 0).float().mean().item() == pytest.approx(dropout.p, abs=2e-3)
    assert seen.mean().item() == pytest.approx(1, abs=2e-3)
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(seen, dropout(torch.ones(2, 400, 500)))


@pytest.mark.parametrize("numbers", ["tokens", "both"])
def test_the_models_stay_whole_and_predict_as_the_stack_does(encoders: Path, numbers: str) -> None:
    recipe = RECIPE.model_copy(update={"numbers": numbers})
    jobs = jobs_of(encoders, recipe, "roberta", "multi_label")
    for job in jobs if numbers == "both" else ():
        nn.init.normal_(job.model.number_skip.linear.weight)  # of every fold its own
    stack = Stack([job.model for job in jobs])
    asked = {n: jobs[n].validation.examples.first() for n in (0, 2)}
    found = engine.predict(stack, asked, RECIPE)
    for number, logits in found.items():
        alone = predict(jobs[number].model, asked[number], RECIPE)
        torch.testing.assert_close(logits, alone, rtol=1e-6, atol=1e-6)
    assert list(found) == [0, 2]


def test_a_module_without_a_twin_is_refused(encoders: Path) -> None:
    models = [job.model for job in jobs_of(encoders, RECIPE)]
    for model in models:
        model.encoder.strange = nn.Conv1d(2, 2, 1)
    with pytest.raises(StudyError, match=r"no stacked twin of Conv1d"):
        Stack(models)


@pytest.mark.parametrize("numbers", ["tokens", "skip"])
def test_folds_of_other_numbers_of_logits_are_stacked_with_their_like(
    encoders: Path, numbers: str
) -> None:
    """A powerset has as many logits as its fold has label sets."""

    def mixed() -> list[FineTuning]:
        recipe = RECIPE.model_copy(update={"engine": "stacked", "numbers": numbers})
        one, two = (jobs_of(encoders, recipe, task=task) for task in ("binary", "two logits"))
        return without_dropout([one[0], two[1], one[2], two[0]])

    ours, theirs = mixed(), mixed()
    histories, expected = engine.fine_tune(ours), by_loop(theirs)
    assert_equal(ours, theirs)
    for history, wanted in zip(histories, expected, strict=True):
        assert history[-1]["train_loss"] == pytest.approx(wanted[-1]["train_loss"], abs=1e-5)
    with pytest.raises(RuntimeError):
        Stack([job.model for job in mixed()])
