"""A training that cannot end well ends with one line that says where and why."""

import pytest
import torch
from training_cases import fold_of, task_data

from llm4waam.core.errors import StudyError
from llm4waam.stacked.engine import engine_of
from llm4waam.training.fit import fit_folds

ENGINES = ("stacked", "loop", "trainer")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_loss_that_is_not_finite_is_named_with_its_epoch_and_fold(
    ready, monkeypatch, engine: str
) -> None:
    folder = ready(engine=engine, epochs=3, learning_rate=1.0) if False else ready(engine=engine)
    data = task_data(folder, "quality", engine=engine, epochs=3, batch_size=4, max_grad_norm=None)
    learned, other = fold_of(folder)
    calls = []

    def overflow(group, *_, **__):
        calls.append(group)

    original = torch.optim.AdamW.step

    def step(optimizer, *args, **kwargs):
        calls.append(1)
        result = original(optimizer, *args, **kwargs)
        if len(calls) == -(-len(learned) // 4) + 1:  # the first step of the second epoch
            optimizer.param_groups[0]["params"][0].data.fill_(float("nan"))
        return result

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    with pytest.raises(StudyError) as caught:
        fit_folds(data, [((0, 3), learned, other)], engine_of(data.recipe))
    assert "the loss is not finite at epoch 2 of fold 3 (bert, quality)" in str(caught.value)
    assert "a learning rate below 0.001" in str(caught.value)
