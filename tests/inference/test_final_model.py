"""A final model that is read back from its folder answers as the one that was saved."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from llm4waam.card.card import read_card
from llm4waam.core.errors import StudyError
from llm4waam.core.files import read_jsonl, read_table
from llm4waam.core.settings import read_params
from llm4waam.inference.model import load_final
from llm4waam.splits.tasks import Task, make_task
from stages import train
from stages.check_params import AllParams


def task_of(name: str) -> Task:
    file = read_params(AllParams).card_file
    return make_task(read_card(file), name, file)


@pytest.mark.parametrize(
    ("numbers", "task", "loss", "engine"),
    [
        ("skip", "defects", "powerset", "loop"),
        ("both", "defects", "bce", "stacked"),
        ("both", "heat_input", "mse", "loop"),
    ],
)
def test_a_linear_skip_is_saved_and_read_back(
    ready, params: dict, numbers: str, task: str, loss: str, engine: str
) -> None:
    params["target"][task]["loss"] = loss
    changes = {"numbers": numbers, "engine": engine, "seeds": 2, "gain": 20.0}
    folder = ready(epochs=2, batch_size=4, **changes)
    train.main("bert", task)
    final = load_final(Path("data/models/bert") / task, task_of(task))
    weights = [model.number_skip.linear.weight for model in final.models]
    assert [model.number_skip.gain for model in final.models] == [20, 20]
    assert min(weight.abs().max().item() for weight in weights) > 1e-4
    assert not torch.equal(*weights)
    assert (final.models[0].number_embedding is not None) is (numbers == "both")
    rows = read_table(folder / f"data/predictions/bert/{task}.csv")
    rows = rows[rows["fold"] == -1]
    texts = read_jsonl(folder / "data/text/prompts.jsonl")
    asked = [text for text in texts if text["bead"] in set(rows["bead"])]
    beads = list(dict.fromkeys(text["bead"] for text in asked if text["task"] in (None, task)))
    expected = rows.pivot(index="bead", columns="label", values="score").loc[beads]
    expected = expected[list(final.task.outputs)].to_numpy()
    assert np.allclose(final.score(asked), expected, rtol=1e-5, atol=1e-6)
    assert np.allclose(final.as_graphs().score(asked), expected, rtol=1e-4, atol=1e-5)


def test_a_classical_head_reads_the_numbers_itself_and_keeps_no_skip(ready) -> None:
    found = []
    for numbers in ("none", "skip"):
        folder = ready(head="linear", numbers=numbers)
        train.main("bert", "quality")
        found.append((folder / "data/predictions/bert/quality.csv").read_bytes())
    assert found[0] == found[1]
    assert set(load_file("data/models/bert/quality/seed-1/head.safetensors")) == {
        *("states", "values")
    }


def test_a_recipe_of_other_words_is_one_line(ready) -> None:
    ready()
    train.main("bert", "quality")
    file = Path("data/models/bert/quality/recipe.json")
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | {"numbers": True}), "utf-8")
    with pytest.raises(StudyError, match=r"True: numbers: .*'tokens'") as caught:
        load_final(file.parent, task_of("quality"))
    assert "\n" not in str(caught.value)
