"""From a checkpoint to a model: what is drawn anew, what learns, and at which rate."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import AutoConfig, AutoModel, DistilBertConfig, set_seed

from llm4waam.core.errors import StudyError
from llm4waam.encoders.load import load_tokenizer
from llm4waam.encoders.model import (
    BeadModel,
    build_model,
    field_names,
    known_scales,
    layers_of,
    without_additions,
)
from llm4waam.encoders.number_embedding import FieldScale, NumberEmbedding
from llm4waam.encoders.settings import Source
from llm4waam.encoders.tokens import TokenisedPrompt, tokenise
from llm4waam.pretraining.pretrain import PretrainingModel
from llm4waam.pretraining.tiers import write_checkpoint
from llm4waam.stacked.engine import engine_of
from llm4waam.training.data import Examples
from llm4waam.training.loop import FineTuning, parameter_groups, predict
from llm4waam.training.losses import make_objective
from llm4waam.training.recipe import Recipe

RECIPE = Recipe(
    engine="loop",
    seed=3,
    epochs=2,
    batch_size=4,
    max_tokens=32,
    weight_decay=0.01,
    warmup=0.1,
    max_grad_norm=1.0,
    learning_rate=1e-2,
    loss="bce",
)
FIELDS = ["speed", "voltage"]
LAYERS = 3


@pytest.fixture(scope="module")
def folder(encoders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of three layers: bert, roberta, and a distilbert with BERT's tokenizer."""
    folder = tmp_path_factory.mktemp("three-layers")
    configs = {
        name: AutoConfig.from_pretrained(encoders / f"{name}-mini", num_hidden_layers=LAYERS)
        for name in ("bert", "roberta")
    }
    shape = {"vocab_size": configs["bert"].vocab_size, "dim": 32, "hidden_dim": 64}
    configs["distilbert"] = DistilBertConfig(n_layers=LAYERS, n_heads=2, **shape)
    for name, config in configs.items():
        family = "roberta" if name == "roberta" else "bert"
        shutil.copytree(encoders / f"{family}-mini", folder / name)
        set_seed(7)
        model = AutoModel.from_config(config)
        # Far from what is drawn at the start, as pretrained weights are.
        for weight in model.parameters():
            torch.nn.init.normal_(weight, mean=0.01, std=0.1)
        model.save_pretrained(folder / name)
    return folder


def source(folder: Path, name: str) -> Source:
    return Source(
        encoder="roberta" if name == "roberta" else "bert",
        checkpoint=str(folder / name),
        revision=None,
    )


def build(folder: Path, name: str = "bert", **changes: object) -> BeadModel:
    recipe = RECIPE.model_copy(update=changes)
    return build_model(source(folder, name), recipe, len(FIELDS), 1, recipe.seed)


def stored(folder: Path, name: str = "bert") -> dict[str, torch.Tensor]:
    state = AutoModel.from_pretrained(folder / name).state_dict()
    return {name: weight for name, weight in state.items() if not name.startswith("pooler")}


def changed(model: BeadModel, before: dict[str, torch.Tensor]) -> set[str]:
    """The weights of the encoder that are not bit for bit those of `before`."""
    after = model.encoder.state_dict()
    assert after.keys() == before.keys()
    return {name for name in before if not torch.equal(after[name], before[name])}


def prompts_of(folder: Path, name: str = "bert") -> list[TokenisedPrompt]:
    rows = [
        {"text": f"speed {n / 4:.2f} mm/s", "values": [["speed", 6, 10, n / 4]]} for n in range(8)
    ]
    return tokenise(load_tokenizer(str(folder / name)), rows, FIELDS, 32)


def train(
    model: BeadModel, folder: Path, name: str = "bert", engine: str = "loop", **changes: object
) -> None:
    prompts = prompts_of(folder, name)
    targets = torch.tensor([[float(n % 2)] for n in range(len(prompts))])
    objective = make_objective("binary", "bce", targets)
    examples = Examples([[prompt] for prompt in prompts], targets)
    recipe = RECIPE.model_copy(update={"engine": engine, **changes})
    engine_of(recipe)([FineTuning(model, examples, recipe, objective)])


# What is drawn anew.


def test_random_weights_forget_everything(folder: Path) -> None:
    model = build(folder, random_weights=True)
    assert changed(model, stored(folder)) == set(stored(folder))
    assert model.encoder.embeddings.word_embeddings.weight.std().item() == pytest.approx(
        0.02, rel=0.1
    )


def test_more_layers_than_there_are_is_one_line(folder: Path) -> None:
    build(folder, frozen_layers=LAYERS)
    message = r"4: train\.frozen_layers: the encoder has fewer; expected 0 to 3"
    with pytest.raises(StudyError, match=message) as caught:
        build(folder, frozen_layers=LAYERS + 1)
    assert "\n" not in str(caught.value)


# What learns.


@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert"])
@pytest.mark.parametrize("engine", ["loop", "trainer"])
def test_frozen_layers_and_the_embeddings_stay_as_they_are(
    folder: Path, name: str, engine: str
) -> None:
    model, before = build(folder, name, frozen_layers=2), stored(folder, name)
    train(model, folder, name, engine, frozen_layers=2)
    stack = "transformer.layer.2." if name == "distilbert" else "encoder.layer.2."
    # The bias of keys shifts all attention alike and learns nothing.
    moved = {n for n in before if n.startswith(stack)}
    assert changed(model, before) - moved == set()
    assert {n for n in moved - changed(model, before) if "key" not in n and "k_lin" not in n} == (
        set()
    )
    free = {id(p) for p in layers_of(model.encoder)[2].parameters()}
    for parameter in model.encoder.parameters():
        assert parameter.requires_grad is (id(parameter) in free)
        assert (parameter.grad is None) or id(parameter) in free


def test_without_frozen_layers_everything_learns(folder: Path) -> None:
    model, before = build(folder), stored(folder)
    train(model, folder)
    unmoved = set(before) - changed(model, before)
    assert all("key.bias" in n or "position_ids" in n or "token_type_ids" in n for n in unmoved)


@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert"])
@pytest.mark.parametrize("engine", ["loop", "trainer"])
def test_low_rank_additions_learn_alone_and_leave_a_stock_encoder(
    folder: Path, tmp_path: Path, name: str, engine: str
) -> None:
    model, before = build(folder, name, lora_rank=2), stored(folder, name)
    inside = {n for n, p in model.encoder.named_parameters() if p.requires_grad}
    assert len(inside) == LAYERS * 2 * 2
    assert all("lora_" in n for n in inside)
    learns = sum(p.numel() for p in model.encoder.parameters() if p.requires_grad)
    assert learns == LAYERS * 2 * 2 * (2 * 32)
    assert all(p.requires_grad for n, p in model.named_parameters() if n[:7] != "encoder")
    train(model, folder, name, engine, lora_rank=2)
    prompts = prompts_of(folder, name)
    told = predict(model, prompts, RECIPE)
    plain = without_additions(model.encoder)
    assert plain is model.encoder
    assert torch.allclose(predict(model, prompts, RECIPE), told, rtol=0, atol=1e-5)
    projections = ("q_lin", "v_lin") if name == "distilbert" else ("query", "value")
    expected = {n for n in before if n.endswith("weight") and any(p in n for p in projections)}
    assert changed(model, before) == expected
    plain.save_pretrained(tmp_path)
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"config.json", "model.safetensors"}
    loaded = AutoModel.from_pretrained(tmp_path)
    for part, weight in plain.state_dict().items():
        assert torch.equal(loaded.state_dict()[part], weight)
    ids = torch.tensor([prompts[0].ids])
    with torch.no_grad():
        ours, theirs = (m.eval()(input_ids=ids).last_hidden_state for m in (plain, loaded))
    assert torch.equal(ours, theirs)


def test_additions_start_at_nothing(folder: Path) -> None:
    prompts = prompts_of(folder)
    plain, added = build(folder), build(folder, lora_rank=2)
    added.load_state_dict(
        {n: p for n, p in plain.state_dict().items() if n[:7] != "encoder"}, strict=False
    )
    assert torch.equal(predict(plain, prompts, RECIPE), predict(added, prompts, RECIPE))


def test_an_encoder_without_additions_is_left_as_it_is(folder: Path) -> None:
    model = build(folder)
    assert without_additions(model.encoder) is model.encoder
    assert changed(model, stored(folder)) == set()


# The rates.


def depth_of(name: str) -> int:
    """How many layers below the head a weight of the three-layer models lies."""
    if not name.startswith("encoder."):
        return 0
    if ".layer." in name:
        return LAYERS - int(name.split(".layer.")[1].split(".")[0])
    assert name.startswith("encoder.embeddings.")
    return LAYERS + 1


def is_spared(name: str) -> bool:
    return name.endswith("bias") or "LayerNorm" in name or "layer_norm" in name


@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"layer_decay": 0.5},
        {"layer_decay": 0.5, "frozen_layers": 1},
        {"layer_decay": 0.5, "lora_rank": 2},
        {"numbers": False, "layer_decay": 0.5},
    ],
    ids=str,
)
def test_every_weight_that_learns_has_one_rate_and_one_decay(
    folder: Path, name: str, changes: dict
) -> None:
    recipe = RECIPE.model_copy(update=changes)
    model = build(folder, name, **changes)
    groups = parameter_groups(model, recipe)
    owner = {id(p): group for group in groups for p in group["params"]}
    learns = {n: p for n, p in model.named_parameters() if p.requires_grad}
    assert len(owner) == sum(len(group["params"]) for group in groups) == len(learns)
    for part, parameter in learns.items():
        group = owner[id(parameter)]
        assert group["lr"] == pytest.approx(1e-2 * recipe.layer_decay ** depth_of(part)), part
        spared = is_spared(part)
        assert group["weight_decay"] == (0 if spared else 0.01), part
    if not changes:
        assert [group["weight_decay"] for group in groups] == [0.01, 0]
        assert {p.ndim for p in groups[0]["params"]} == {2}
        assert {p.ndim for p in groups[1]["params"]} == {1}


def test_lower_layers_move_less_under_layer_decay(folder: Path) -> None:
    model, before = build(folder), stored(folder)
    train(model, folder, layer_decay=0.01)
    after = model.encoder.state_dict()
    steps = [
        (after[part] - before[part]).abs().max().item()
        for n in range(LAYERS)
        for part in [f"encoder.layer.{n}.output.dense.weight"]
    ]
    assert steps[0] < steps[1] / 10 < steps[2] / 100


# Checkpoints with a number channel.


@pytest.fixture(scope="module")
def pretrained(encoders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `bert`, as pretraining leaves it: its channel knows the voltage and a gap."""

    school = SimpleNamespace(
        tokenizer=load_tokenizer(str(encoders / "bert-mini")),
        names=["voltage", "gap"],
        scales={"voltage": FieldScale(log=True, mean=3.0, sd=0.25, floor=5.0)},
    )
    place = tmp_path_factory.mktemp("pretrained")
    set_seed(11)
    config = AutoConfig.from_pretrained(encoders / "bert-mini")
    write_checkpoint(
        place / "bert", "bert", PretrainingModel(config, 2, 1), school, tier=1, sentences=9
    )
    return place


def test_rows_of_known_fields_come_from_the_checkpoint_and_the_others_are_new(
    pretrained: Path,
) -> None:
    names = field_names(source(pretrained, "bert"), RECIPE, FIELDS)
    assert names == ["voltage", "gap", "speed"]
    set_seed(11)
    config = AutoConfig.from_pretrained(pretrained / "bert")
    learned = PretrainingModel(config, 2, 1).number_embedding
    built, other = (build_model(source(pretrained, "bert"), RECIPE, 3, 1, s) for s in (3, 4))
    for part in ("linear", "square"):
        ours, theirs = getattr(built.number_embedding, part).weight, getattr(learned, part).weight
        assert ours.shape == (4, 32)
        assert torch.equal(ours[:3], theirs)
        new = ours[3]
        assert new.requires_grad
        assert 0.01 < new.std() < 0.04
        assert torch.equal(getattr(other.number_embedding, part).weight[:3], theirs)
        assert not torch.equal(getattr(other.number_embedding, part).weight[3], new)
    assert isinstance(built.number_embedding, NumberEmbedding)
    deaf = RECIPE.model_copy(update={"numbers": False})
    assert build_model(source(pretrained, "bert"), deaf, 3, 1, 0).number_embedding is None


def test_the_checkpoint_s_scales_stand_and_others_have_none(
    pretrained: Path, encoders: Path
) -> None:
    scales = known_scales(source(pretrained, "bert"), RECIPE)
    assert scales == {"voltage": FieldScale(log=True, mean=3.0, sd=0.25, floor=5.0)}
    plain = source(encoders, "bert-mini")
    assert known_scales(plain, RECIPE) == {}
    assert field_names(plain, RECIPE, FIELDS) == FIELDS


def test_who_forgets_all_pretraining_forgets_the_channel_too(pretrained: Path) -> None:
    forgetful = RECIPE.model_copy(update={"random_weights": True})
    place = source(pretrained, "bert")
    assert known_scales(place, forgetful) == {}
    assert field_names(place, forgetful, FIELDS) == FIELDS
    kept, drawn = (
        build_model(place, recipe, 2, 1, 0).number_embedding for recipe in (RECIPE, forgetful)
    )
    assert not torch.equal(kept.linear.weight, drawn.linear.weight)
