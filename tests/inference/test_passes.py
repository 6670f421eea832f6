"""Forward passes side by side, by torch and by ONNX Runtime, there in eight bits too."""

from pathlib import Path

import pytest
import torch

from llm4waam.encoders.model import BeadModel, build_model
from llm4waam.encoders.settings import Source
from llm4waam.encoders.tokens import TokenisedPrompt
from llm4waam.training import passes
from llm4waam.training.graphs import Graph
from llm4waam.training.loop import predict
from llm4waam.training.passes import Passes
from llm4waam.training.recipe import Recipe

RECIPE = Recipe(
    engine="loop", seed=0, epochs=1, batch_size=8, max_tokens=64, weight_decay=0.01,
    warmup=0.1, max_grad_norm=1.0, learning_rate=1e-3, loss="bce",
)  # fmt: skip


def built(encoders: Path, encoder: str = "bert", **settings: object) -> BeadModel:
    checkpoint = str(encoders / f"{encoder}-mini")
    source = Source(encoder=encoder, checkpoint=checkpoint, revision=None)
    model = build_model(source, RECIPE.model_copy(update=settings), 2, 3, 0).eval()
    if model.number_skip is not None:  # as if it had learned something
        torch.nn.init.normal_(model.number_skip.linear.weight, std=0.02)
    return model


@pytest.fixture
def reader(encoders: Path) -> BeadModel:
    return built(encoders)


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
    reader: BeadModel, prompts: list[TokenisedPrompt]
) -> None:
    alone = torch.cat([predict(reader, [prompt], RECIPE) for prompt in prompts])
    found = Passes(reader, prompts, RECIPE).logits()
    assert torch.allclose(found, alone, atol=1e-6)
    backwards = Passes(reader, prompts[::-1], RECIPE).logits()
    assert torch.allclose(backwards, alone.flip(0), atol=1e-6)
    assert not torch.allclose(backwards, alone, atol=1e-6)


def test_the_number_of_cores_changes_no_digit(
    reader: BeadModel, prompts: list[TokenisedPrompt]
) -> None:
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        passes._cores.cache_clear()
        found.append(Passes(reader, prompts, RECIPE).logits())
        assert torch.get_num_threads() == threads
    passes._cores.cache_clear()
    assert torch.equal(*found)


def test_what_goes_wrong_in_a_pass_is_raised(
    reader: BeadModel, prompts: list[TokenisedPrompt]
) -> None:
    begun = Passes(reader, [*prompts, TokenisedPrompt([10**6], [0], [0.0])], RECIPE)
    with pytest.raises(IndexError):
        begun.logits()


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
def test_a_graph_answers_as_its_reader(
    encoders: Path, prompts: list[TokenisedPrompt], encoder: str, settings: dict
) -> None:
    reader = built(encoders, encoder, **settings)
    by_torch = Passes(reader, prompts, RECIPE).logits()
    by_onnx = Passes(Graph(reader), prompts, RECIPE).logits()
    assert float(by_torch.std()) > 1e-3
    torch.testing.assert_close(by_onnx, by_torch, rtol=1e-4, atol=1e-5)
    if settings.get("numbers", "none") != "none":
        others = [TokenisedPrompt(one.ids, one.fields, [9.0] * len(one)) for one in prompts]
        assert not torch.allclose(
            Passes(Graph(reader), others, RECIPE).logits(), by_onnx, atol=1e-3
        )


def test_eight_bits_leave_the_linear_skip_whole(
    encoders: Path, prompts: list[TokenisedPrompt]
) -> None:
    """Its part of the logits is a hundred times what rounding adds to the rest."""
    reader = built(encoders, numbers="skip")
    whole = Passes(reader, prompts, RECIPE).logits()
    rough = Passes(Graph(reader, eight_bits=True), prompts, RECIPE).logits()
    assert float(whole.std()) > 0.5
    assert torch.allclose(rough, whole, rtol=0, atol=0.01)


def test_eight_bits_are_near_and_the_reader_stays_whole(
    reader: BeadModel, prompts: list[TokenisedPrompt]
) -> None:
    before = {name: weight.clone() for name, weight in reader.state_dict().items()}
    whole = Passes(reader, prompts, RECIPE).logits()
    rough = Passes(Graph(reader, eight_bits=True), prompts, RECIPE).logits()
    assert not torch.equal(rough, whole)
    assert torch.allclose(rough, whole, atol=0.1 * float(whole.std()) + 0.01)
    assert torch.equal(Passes(reader, prompts, RECIPE).logits(), whole)
    assert all(torch.equal(weight, before[name]) for name, weight in reader.state_dict().items())
