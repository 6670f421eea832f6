"""A final model that is read back from its folder answers as the one that was saved."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file

from llm4waam.card.card import read_card
from llm4waam.core.errors import StudyError
from llm4waam.core.files import JsonLines, read_table
from llm4waam.core.manifest import write_manifest
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
    final = load_final(Path("data/models/bert") / task, "bert", task_of(task))
    heads = [load_file(f"data/models/bert/{task}/seed-{n}/head.safetensors") for n in (1, 2)]
    weights = [head["number_skip.linear.weight"] for head in heads]
    assert min(weight.abs().max().item() for weight in weights) > 1e-4
    assert not torch.equal(*weights)
    assert ("number_embedding.linear.weight" in heads[0]) is (numbers == "both")
    assert len(final.graphs) == 2
    rows = read_table(folder / f"data/predictions/bert/{task}.csv")
    rows = rows[rows["fold"] == -1]
    texts = list(JsonLines(folder / "data/text/prompts.jsonl"))
    known = set(rows["bead"])
    asked = [text for text in texts if text["bead"] in known and not text["without"]]
    beads = list(dict.fromkeys(text["bead"] for text in asked if text["task"] in (None, task)))
    expected = rows.pivot(index="bead", columns="label", values="score").loc[beads]
    expected = expected[list(final.task.outputs)].to_numpy()
    assert np.allclose(final.score(asked), expected, rtol=1e-5, atol=1e-5)


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


def test_what_another_commit_saved_is_one_line(ready) -> None:
    ready()
    train.main("bert", "quality")
    file = Path("data/models/bert/quality/fitted.json")
    saved = json.loads(file.read_text("utf-8"))
    for other, said in (({"max_tokens": "many"}, r"many.*max_tokens"), ({"sums": 1}, "sums")):
        file.write_text(json.dumps(saved | other), "utf-8")
        write_manifest(file.parent, "bert", "quality", {})
        with pytest.raises(StudyError, match=said) as caught:
            load_final(file.parent, "bert", task_of("quality"))
        assert "\n" not in str(caught.value)


def test_weights_that_are_no_numbers_and_foreign_graphs_are_named(ready) -> None:
    """NaN weights once made `predict` answer "defect" with an empty probability."""
    folder = ready()
    for task in ("quality", "defects"):
        train.main("bert", task)
    model, rows = (
        Path("data/models/bert/quality"),
        list(JsonLines(folder / "data/text/prompts.jsonl")),
    )
    graph, whole = model / "seed-1/model.onnx", (model / "seed-1/model.onnx").read_bytes()

    def refused(said: str) -> None:
        write_manifest(model, "bert", "quality", {})
        with pytest.raises(StudyError, match=said) as caught:
            load_final(model, "bert", task_of("quality")).score(rows)
        assert "\n" not in str(caught.value)

    spoiled = onnx.load_from_string(whole)
    weight = max(spoiled.graph.initializer, key=lambda one: len(one.raw_data))
    weight.raw_data = np.full(len(weight.raw_data) // 4, np.nan, np.float32).tobytes()
    graph.write_bytes(spoiled.SerializeToString())
    refused("the answers of this model are not finite: its weights are not")
    graph.write_bytes(Path("data/models/bert/defects/seed-1/model.onnx").read_bytes())
    refused(r"the model has \d answers; expected 1, as the card says, by dvc repro")
    graph.write_bytes(whole[:1000])
    refused(r"model\.onnx: cannot be read \(")
    graph.write_bytes(whole)
    tokens, text = model / "tokenizer.json", (model / "tokenizer.json").read_text("utf-8")
    read = json.loads(text)
    read["model"]["vocab"] |= {n: 10**6 + i for n, i in list(read["model"]["vocab"].items())[9:]}
    tokens.write_text(json.dumps(read), "utf-8")
    refused("tokenizer, fitted.json and graph do not fit")
    tokens.write_text(text, "utf-8")
    file = model / "fitted.json"
    saved = json.loads(file.read_text("utf-8"))
    for other, said in (
        ({"decision": None}, "the model is of another kind of task; expected binary"),
        ({"decision": {**saved["decision"], "temperature": 0}}, "temperature are no numbers"),
        ({"decision": {**saved["decision"], "thresholds": {"Cheese": 1}}}, "of other labels"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"link": "chain"}, "link"),
    ):
        file.write_text(json.dumps(saved | other), "utf-8")
        refused(said)


def test_a_model_without_a_graph_is_one_line(ready) -> None:
    ready(head="linear")
    train.main("bert", "quality")
    with pytest.raises(StudyError, match=r"no graph.*train\.head: neural") as caught:
        load_final(Path("data/models/bert/quality"), "bert", task_of("quality"))
    assert "\n" not in str(caught.value)
