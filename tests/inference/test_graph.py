"""A graph answers as the model that it was exported from."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT
from training_cases import RECIPE

from llm4waam.encoders.model import BeadModel, build_model
from llm4waam.encoders.settings import Source
from llm4waam.encoders.tokens import TokenisedPrompt
from llm4waam.inference import graph
from llm4waam.inference.graph import BATCH, Graph
from llm4waam.training.export import export
from llm4waam.training.loop import predict


def built(encoders: Path, encoder: str = "bert", **settings: object) -> BeadModel:
    checkpoint = str(encoders / f"{encoder}-mini")
    source = Source(encoder=encoder, checkpoint=checkpoint, revision=None)
    model = build_model(source, RECIPE.model_copy(update=settings), 2, 3, 0).eval()
    if model.number_skip is not None:  # as if it had learned something
        torch.nn.init.normal_(model.number_skip.linear.weight, std=0.02)
    return model


def graph_of(model: BeadModel, folder: Path) -> Graph:
    export(model, folder / "model.onnx")
    return Graph((folder / "model.onnx").read_bytes(), model.encoder.config.pad_token_id)


@pytest.fixture
def prompts() -> list[TokenisedPrompt]:
    """Of many lengths, in no order."""
    lengths = [5 + 7 * n % 40 for n in range(50)]
    return [
        TokenisedPrompt(
            [4 + (n + k) % 90 for k in range(size)], [k % 3 for k in range(size)], [n / 9] * size
        )
        for n, size in enumerate(lengths)
    ]


def test_logits_come_in_the_order_of_the_prompts(
    encoders: Path, prompts: list[TokenisedPrompt], tmp_path: Path
) -> None:
    one = graph_of(built(encoders), tmp_path)
    alone = np.concatenate([one.begin([prompt])() for prompt in prompts])
    assert len(prompts) > 2 * BATCH
    assert np.allclose(one.begin(prompts)(), alone, atol=1e-6)
    backwards = one.begin(prompts[::-1])()
    assert np.allclose(backwards, alone[::-1], atol=1e-6)
    assert not np.allclose(backwards, alone, atol=1e-6)


def test_the_number_of_cores_changes_no_digit(
    encoders: Path,
    prompts: list[TokenisedPrompt],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, found = graph_of(built(encoders), tmp_path), []
    for cores in (1, 3):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        graph._cores.cache_clear()
        found.append(one.begin(prompts)())
    graph._cores.cache_clear()
    assert np.array_equal(*found)


def test_what_goes_wrong_in_a_pass_is_raised(
    encoders: Path, prompts: list[TokenisedPrompt], tmp_path: Path
) -> None:
    begun = graph_of(built(encoders), tmp_path).begin(
        [*prompts, TokenisedPrompt([10**6], [0], [0.0])]
    )
    with pytest.raises(Exception, match="indices"):
        begun()


@pytest.mark.parametrize(
    ("encoder", "settings"),
    [
        ("roberta", {}),
        ("bert", {"numbers": "tokens"}),
        ("bert", {"numbers": "skip"}),
        ("roberta", {"numbers": "both"}),
        ("bert", {"numbers": "none"}),
        ("bert", {"pooling": "first"}),
    ],
)
def test_a_graph_answers_as_its_model(
    encoders: Path, prompts: list[TokenisedPrompt], encoder: str, settings: dict, tmp_path: Path
) -> None:
    model = built(encoders, encoder, **settings)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    one, by_torch = graph_of(model, tmp_path), predict(model, prompts, RECIPE).numpy()
    assert float(by_torch.std()) > 1e-3
    assert np.allclose(one.begin(prompts)(), by_torch, rtol=1e-5, atol=1e-5)
    if settings.get("numbers", "none") != "none":
        others = [TokenisedPrompt(p.ids, p.fields, [9.0] * len(p)) for p in prompts]
        assert not np.allclose(one.begin(others)(), by_torch, atol=1e-3)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def test_the_same_model_is_the_same_graph_and_names_no_place(
    encoders: Path, tmp_path: Path
) -> None:
    files = [tmp_path / name for name in ("one.onnx", "other.onnx")]
    for file in files:
        export(built(encoders), file)
    one, other = (file.read_bytes() for file in files)
    assert one == other
    assert b"site-packages" not in one
    assert str(tmp_path).encode() not in one


def test_weights_that_are_drawn_anew_know_nothing_of_the_old(
    encoders: Path, prompts: list[TokenisedPrompt], tmp_path: Path
) -> None:
    one = graph_of(built(encoders, numbers="both"), tmp_path)
    drawn, again, other = (one.redrawn(np.random.default_rng(s), 0.02) for s in (1, 1, 2))
    found = drawn.begin(prompts)()
    assert np.isfinite(found).all()
    assert np.array_equal(found, again.begin(prompts)())
    assert not np.allclose(found, other.begin(prompts)(), atol=1e-3)
    assert not np.allclose(found, one.begin(prompts)(), atol=1e-3)


def test_nothing_is_reported_of_how_a_graph_is_used(tmp_path: Path) -> None:
    """ONNX Runtime keeps a number of its session and of the machine where it reports.

    It also reports nothing where variables such as `CI` are set: the environment has none.
    """
    places = {name: str(tmp_path) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
    free = {"PATH": os.environ["PATH"]} | places

    def left_by(code: str) -> list[str]:
        subprocess.run([sys.executable, "-c", code], env=free, cwd=ROOT, check=True)
        return [one.name for one in tmp_path.iterdir()]

    assert left_by("import llm4waam.inference.graph") == []
    assert left_by("import onnxruntime") != []  # as it is without the project
