"""All folds at once: every fold ends where the loop alone would have left it."""

import copy
from pathlib import Path

import pytest
import torch
from test_engines import RECIPE, TASKS, choices_of
from torch import nn

from llm4waam.core.errors import StudyError
from llm4waam.encoders.model import build_reader
from llm4waam.encoders.settings import Source
from llm4waam.stacked import engine
from llm4waam.stacked.layers import KINDS
from llm4waam.stacked.stack import Stack
from llm4waam.training import loop
from llm4waam.training.batches import Examples, predict
from llm4waam.training.bookmark import Bookmark
from llm4waam.training.course import Tuning, Validation
from llm4waam.training.engine import carry_out
from llm4waam.training.losses import make_objective
from llm4waam.training.recipe import Recipe
from llm4waam.training.workers import STACKED_ON_A_CPU, shares

ROWS = (19, 9, 14)  # of each fold: other steps, other last batches


def tunings_of(
    encoders: Path, recipe: Recipe, encoder: str = "bert", task: str = "binary", look: bool = True
) -> list[Tuning]:
    """Three folds of unequal length, each with weights, rows and a seed of its own."""
    loss, outputs = TASKS[task]
    kind = task if task in ("multi_label", "regression") else "binary"
    checkpoint = str(encoders / f"{encoder}-mini")
    source = Source(encoder=encoder, checkpoint=checkpoint, revision=None)
    choices, found = choices_of(checkpoint, True), []
    for number, count in enumerate(ROWS):
        own = recipe.model_copy(update={"seed": recipe.seed + number})
        targets = torch.randn(
            len(choices), outputs, generator=torch.Generator().manual_seed(number)
        )
        targets = targets if kind == "regression" else (targets > 0).float()
        objective = make_objective(kind, loss, targets)
        model = build_reader(source, own, 1, objective.logits, plain=kind == "regression")
        examples = Examples(choices[:count], targets[:count], number)
        held = Examples([[prompts[0]] for prompts in choices[count - 9 :]], targets[count - 9 :])

        def judge(logits: torch.Tensor, held=held, objective=objective) -> dict[str, float]:
            return {"val_loss": objective.loss(logits, held.targets).mean().item()}

        validation = Validation(held, judge) if look else None
        found.append(Tuning(model, examples, own, objective, validation))
    return found


def without_dropout(tunings: list[Tuning]) -> list[Tuning]:
    for tuning in tunings:
        for module in tuning.model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
    return tunings


def by_loop(tunings: list[Tuning]) -> list[list[dict]]:
    return [loop.fine_tune(tuning) for tuning in tunings]


def assert_equal(ours: list[Tuning], theirs: list[Tuning], tolerance: float = 1e-5) -> None:
    for one, other in zip(ours, theirs, strict=True):
        wanted = other.model.state_dict()
        assert one.model.state_dict().keys() == wanted.keys()
        for name, weight in one.model.state_dict().items():
            torch.testing.assert_close(weight, wanted[name], rtol=0, atol=tolerance, msg=name)


def distance(ours: list[Tuning], theirs: list[Tuning]) -> float:
    return max(
        (one - other).abs().max().item()
        for a, b in zip(ours, theirs, strict=True)
        for one, other in zip(a.model.parameters(), b.model.parameters(), strict=True)
    )


@pytest.mark.parametrize("even", [False, True], ids=["packed", "even"])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("encoder", ["bert", "roberta"])
def test_without_dropout_every_fold_ends_in_the_loop_s_weights(
    encoders: Path, monkeypatch: pytest.MonkeyPatch, encoder: str, task: str, even: bool
) -> None:
    """`even` is the layout of a GPU."""
    build = Stack.__init__

    def laid(stack: Stack, readers: list, compiler: None) -> None:
        build(stack, readers, compiler)
        stack.even = even

    monkeypatch.setattr(Stack, "__init__", laid)
    ours, theirs = (without_dropout(tunings_of(encoders, RECIPE, encoder, task)) for _ in range(2))
    before = copy.deepcopy([tuning.model for tuning in ours])
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


CRAFTS = {
    "accumulated": {"accumulation": 3},
    "numbers off": {"numbers": False},
    "first token": {"pooling": "first"},
    "layer_decay": {"layer_decay": 0.7},
    "frozen_layers": {"frozen_layers": 1},
    "low-rank additions": {"lora_rank": 2},
    "random weights": {"random_weights": True},
    "decay of all weights": {"decay_all": True},
    "last batch dropped": {"drop_last": True},
    "not clipped": {"max_grad_norm": None},
    "schedule by epoch": {"schedule_by": "epoch"},
    "epoch chosen": {"selection": "inner", "patience": 1, "epochs": 6},
}


@pytest.mark.parametrize("name", CRAFTS)
def test_every_craft_means_the_same_in_a_stack(encoders: Path, name: str) -> None:
    recipe = RECIPE.model_copy(update=CRAFTS[name])
    ours, theirs = (without_dropout(tunings_of(encoders, recipe)) for _ in range(2))
    histories, expected = engine.fine_tune(ours), by_loop(theirs)
    assert [len(history) for history in histories] == [len(history) for history in expected]
    assert_equal(ours, theirs)


def test_folds_stop_early_each_by_itself(encoders: Path) -> None:
    """A rate that is too high: some folds stop while others go on."""
    recipe = RECIPE.model_copy(
        update={"selection": "inner", "patience": 2, "epochs": 12, "learning_rate": 0.01}
    )
    ours, theirs = (without_dropout(tunings_of(encoders, recipe)) for _ in range(2))
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
    ours, theirs = (without_dropout(tunings_of(encoders, RECIPE)) for _ in range(2))
    models = [tuning.model for tuning in ours]
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
    together, alone, other = (tunings_of(encoders, RECIPE) for _ in range(3))
    engine.fine_tune(together)
    for tuning in alone:
        engine.fine_tune([tuning])
    assert_equal(together, alone)
    dry = without_dropout(tunings_of(encoders, RECIPE))
    engine.fine_tune(dry)
    assert distance(together, dry) > 1e-3
    seeds = [t.recipe.model_copy(update={"seed": t.recipe.seed + 50}) for t in other]
    engine.fine_tune(
        [
            Tuning(t.model, t.examples, recipe, t.objective, t.validation)
            for t, recipe in zip(other, seeds, strict=True)
        ]
    )
    assert distance(together, other) > 1e-3


def test_dropout_keeps_as_many_states_as_it_should_and_their_mean(encoders: Path) -> None:
    stack = Stack([tuning.model for tuning in tunings_of(encoders, RECIPE)])
    stack.train()
    stack.lanes.enter([0, 2], [5, 6])
    dropout = next(m for m in stack.modules() if isinstance(m, KINDS[nn.Dropout]))
    seen = dropout(torch.ones(2, 400, 500))
    assert (seen == 0).float().mean().item() == pytest.approx(dropout.p, abs=2e-3)
    assert seen.mean().item() == pytest.approx(1, abs=2e-3)
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(seen, dropout(torch.ones(2, 400, 500)))


def test_the_readers_stay_whole_and_judge_as_the_stack_does(encoders: Path) -> None:
    tunings = tunings_of(encoders, RECIPE, "roberta", "multi_label")
    stack = Stack([tuning.model for tuning in tunings])
    asked = {n: tunings[n].validation.examples.first() for n in (0, 2)}
    found = engine.predict(stack, asked, RECIPE)
    for number, logits in found.items():
        alone = predict(tunings[number].model, asked[number], RECIPE)
        torch.testing.assert_close(logits, alone, rtol=0, atol=1e-6)
    assert list(found) == [0, 2]


def test_a_stack_goes_on_where_its_folds_stood(encoders: Path, tmp_path: Path) -> None:
    """Killed between two bookmarks, its folds stand at different epochs: rounding alone differs."""

    class Killed(Exception):
        pass

    def marked(kill: bool) -> list[Tuning]:
        found = []
        for number, tuning in enumerate(tunings_of(encoders, RECIPE)):
            bookmark = Bookmark(tmp_path / str(number))
            if kill and number == 1:
                put = bookmark.put

                def put_once(*told: object, put=put) -> None:
                    if told[-1][-1]["epoch"] == 2:
                        raise Killed
                    put(*told)

                bookmark.put = put_once
            parts = (tuning.model, tuning.examples, tuning.recipe, tuning.objective)
            found.append(Tuning(*parts, tuning.validation, bookmark))
        return found

    undisturbed = tunings_of(encoders, RECIPE)
    expected = engine.fine_tune(undisturbed)
    with pytest.raises(Killed):
        engine.fine_tune(marked(True))
    again = marked(False)
    histories = engine.fine_tune(again)
    for history, wanted in zip(histories, expected, strict=True):
        for row, other in zip(history, wanted, strict=True):
            assert row == pytest.approx(other, abs=1e-5)
    assert_equal(again, undisturbed)


def test_a_compiled_stack_ends_in_the_loop_s_weights(encoders: Path) -> None:
    """aot_eager traces and differentiates as inductor does, and writes no machine code."""
    compiled = RECIPE.model_copy(update={"engine": "stacked", "compiler": "aot_eager"})
    ours, theirs = (without_dropout(tunings_of(encoders, recipe)) for recipe in (compiled, RECIPE))
    graphs = torch._dynamo.utils.counters["stats"]
    before = graphs["unique_graphs"]
    carry_out(ours)
    by_loop(theirs)
    assert graphs["unique_graphs"] == before + 1
    assert_equal(ours, theirs)


@pytest.mark.parametrize(
    "habit", [{"order": "global"}, {"reseed": False}, {"padding": "max_tokens"}]
)
def test_habits_that_tie_folds_together_are_refused(encoders: Path, habit: dict) -> None:
    tunings = tunings_of(encoders, RECIPE.model_copy(update=habit))
    with pytest.raises(StudyError, match=f"{next(iter(habit))}: stacked does not do this"):
        engine.fine_tune(tunings)


def test_a_module_without_a_twin_is_refused(encoders: Path) -> None:
    readers = [tuning.model for tuning in tunings_of(encoders, RECIPE)]
    for reader in readers:
        reader.encoder.strange = nn.Conv1d(2, 2, 1)
    with pytest.raises(StudyError, match=r"no stacked twin of Conv1d"):
        Stack(readers)


def test_folds_of_other_numbers_of_logits_are_stacked_with_their_like(encoders: Path) -> None:
    """A powerset has as many logits as its fold has label sets."""

    def mixed() -> list[Tuning]:
        recipe = RECIPE.model_copy(update={"engine": "stacked"})
        one, two = (tunings_of(encoders, recipe, task=task) for task in ("binary", "two logits"))
        return without_dropout([one[0], two[1], one[2], two[0]])

    ours, theirs = mixed(), mixed()
    histories, expected = carry_out(ours), by_loop(theirs)
    assert_equal(ours, theirs)
    for history, wanted in zip(histories, expected, strict=True):
        assert history[-1]["train_loss"] == pytest.approx(wanted[-1]["train_loss"], abs=1e-5)
    with pytest.raises(RuntimeError):
        Stack([tuning.model for tuning in mixed()])


def test_a_processor_s_stack_stays_small_and_a_gpu_takes_all_folds() -> None:
    places, stacking = list(range(20)), RECIPE.model_copy(update={"engine": "stacked"})
    assert [len(part) for part in shares(places[:6], stacking, 2)] == [3, 3]
    assert max(len(part) for part in shares(places, stacking, 2)) == STACKED_ON_A_CPU
    assert shares(places, stacking.model_copy(update={"device": "cuda"}), 1) == [places]
    assert shares(places, RECIPE, 2) == [[place] for place in places]
