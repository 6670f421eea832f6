"""From a checkpoint to a model: what is drawn anew, what learns, and at which rate."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from training_cases import RECIPE, job_of, source_of
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
from llm4waam.encoders.number_scales import FieldScale
from llm4waam.pretraining.pretrain import PretrainingModel
from llm4waam.pretraining.tiers import write_checkpoint
from llm4waam.stacked.engine import engine_of
from llm4waam.training.loop import FineTuning, parameter_groups, predict

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
        shutil.copytree(encoders / f"{family}-mini", folder / f"{name}-mini")
        set_seed(7)
        model = AutoModel.from_config(config)
        # Far from what is drawn at the start, as pretrained weights are.
        for weight in model.parameters():
            torch.nn.init.normal_(weight, mean=0.01, std=0.1)
        model.save_pretrained(folder / f"{name}-mini")
    return folder


def job(folder: Path, name: str = "bert", **changes: object) -> FineTuning:
    return job_of(folder, name, "binary", RECIPE.model_copy(update=changes), evaluate=False)


def stored(folder: Path, name: str = "bert") -> dict[str, torch.Tensor]:
    state = AutoModel.from_pretrained(folder / f"{name}-mini").state_dict()
    return {name: weight for name, weight in state.items() if not name.startswith("pooler")}


def changed(model: BeadModel, before: dict[str, torch.Tensor]) -> set[str]:
    """The weights of the encoder that are not bit for bit those of `before`."""
    after = model.encoder.state_dict()
    assert after.keys() == before.keys()
    return {name for name in before if not torch.equal(after[name], before[name])}


def trained(
    folder: Path, name: str = "bert", engine: str = "loop", **changes: object
) -> FineTuning:
    fine_tuning = job(folder, name, engine=engine, **changes)
    engine_of(fine_tuning.recipe)([fine_tuning])
    return fine_tuning


def test_random_weights_forget_everything(folder: Path) -> None:
    model = job(folder, random_weights=True).model
    assert changed(model, stored(folder)) == set(stored(folder))
    words = model.encoder.embeddings.word_embeddings.weight
    assert words.std().item() == pytest.approx(0.02, rel=0.1)


def test_more_layers_than_there_are_is_one_line(folder: Path) -> None:
    job(folder, frozen_layers=LAYERS)
    message = r"4: train\.frozen_layers: the encoder has fewer; expected 0 to 3"
    with pytest.raises(StudyError, match=message) as caught:
        job(folder, frozen_layers=LAYERS + 1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert"])
@pytest.mark.parametrize("engine", ["loop", "trainer"])
def test_frozen_layers_and_the_embeddings_stay_as_they_are(
    folder: Path, name: str, engine: str
) -> None:
    model, before = trained(folder, name, engine, frozen_layers=2).model, stored(folder, name)
    moved, top = changed(model, before), {n for n in before if ".layer.2." in n}
    assert moved <= top
    # The bias of keys shifts all attention alike and learns nothing.
    assert all("key" in n or "k_lin" in n for n in top - moved)
    free = {id(p) for p in layers_of(model.encoder)[2].parameters()}
    for parameter in model.encoder.parameters():
        assert parameter.requires_grad is (id(parameter) in free)
        assert (parameter.grad is None) or id(parameter) in free


def test_without_frozen_layers_everything_learns(folder: Path) -> None:
    before = stored(folder)
    unmoved = set(before) - changed(trained(folder).model, before)
    assert all("key.bias" in n or "position_ids" in n or "token_type_ids" in n for n in unmoved)


@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert"])
@pytest.mark.parametrize("engine", ["loop", "trainer"])
def test_low_rank_additions_learn_alone_and_leave_a_stock_encoder(
    folder: Path, tmp_path: Path, name: str, engine: str
) -> None:
    model, before = job(folder, name, lora_rank=2).model, stored(folder, name)
    inside = {n: p for n, p in model.encoder.named_parameters() if p.requires_grad}
    assert len(inside) == LAYERS * 2 * 2
    assert all("lora_" in n for n in inside)
    assert sum(p.numel() for p in inside.values()) == LAYERS * 2 * 2 * (2 * 32)
    assert all(p.requires_grad for n, p in model.named_parameters() if n[:7] != "encoder")
    done = trained(folder, name, engine, lora_rank=2)
    model, prompts = done.model, done.examples.first()
    with_additions = predict(model, prompts, RECIPE)
    plain = without_additions(model.encoder)
    assert plain is model.encoder
    assert torch.allclose(predict(model, prompts, RECIPE), with_additions, rtol=0, atol=1e-5)
    projections = ("q_lin", "v_lin") if name == "distilbert" else ("query", "value")
    expected = {n for n in before if n.endswith("weight") and any(p in n for p in projections)}
    assert changed(model, before) == expected
    plain.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "model.safetensors"}
    loaded = AutoModel.from_pretrained(tmp_path).state_dict()
    assert all(torch.equal(loaded[part], weight) for part, weight in plain.state_dict().items())


def test_additions_start_at_nothing_and_where_there_are_none_nothing_is_merged(
    folder: Path,
) -> None:
    prompts = job(folder).examples.first()
    plain, added = job(folder).model, job(folder, lora_rank=2).model
    added.load_state_dict(
        {n: p for n, p in plain.state_dict().items() if n[:7] != "encoder"}, strict=False
    )
    assert torch.equal(predict(plain, prompts, RECIPE), predict(added, prompts, RECIPE))
    assert without_additions(plain.encoder) is plain.encoder
    assert changed(plain, stored(folder)) == set()


def depth_of(name: str) -> int:
    """How many layers below the head a weight of the three-layer models lies."""
    if not name.startswith("encoder."):
        return 0
    if ".layer." in name:
        return LAYERS - int(name.split(".layer.")[1].split(".")[0])
    assert name.startswith("encoder.embeddings.")
    return LAYERS + 1


@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"layer_decay": 0.5, "frozen_layers": 1},
        {"layer_decay": 0.5, "lora_rank": 2},
        {"numbers": "none", "layer_decay": 0.5},
        {"numbers": "both", "layer_decay": 0.5},
    ],
    ids=str,
)
def test_every_weight_that_learns_has_one_rate_and_one_decay(
    folder: Path, name: str, changes: dict
) -> None:
    one = job(folder, name, **changes)
    model, recipe = one.model, one.recipe
    groups = parameter_groups(model, recipe)
    owner = {id(p): group for group in groups for p in group["params"]}
    learns = {n: p for n, p in model.named_parameters() if p.requires_grad}
    assert len(owner) == sum(len(group["params"]) for group in groups) == len(learns)
    for part, parameter in learns.items():
        group = owner[id(parameter)]
        assert group["lr"] == pytest.approx(3e-3 * recipe.layer_decay ** depth_of(part)), part
        spared = part.endswith("bias") or "LayerNorm" in part or "layer_norm" in part
        assert group["weight_decay"] == (0 if spared else 0.01), part
    if not changes:
        assert [group["weight_decay"] for group in groups] == [0.01, 0]
        assert [{p.ndim for p in group["params"]} for group in groups] == [{2}, {1}]


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
        place / "bert-mini", "bert", PretrainingModel(config, 2, 1), school, tier=1, sentences=9
    )
    return place


def test_rows_of_known_fields_come_from_the_checkpoint_and_the_others_are_new(
    pretrained: Path, encoders: Path
) -> None:
    place, plain = source_of(pretrained, "bert"), source_of(encoders, "bert")
    assert field_names(place, RECIPE, FIELDS) == ["voltage", "gap", "speed"]
    assert field_names(plain, RECIPE, FIELDS) == FIELDS
    scales = {"voltage": FieldScale(log=True, mean=3.0, sd=0.25, floor=5.0)}
    assert (known_scales(place, RECIPE), known_scales(plain, RECIPE)) == (scales, {})
    set_seed(11)
    config = AutoConfig.from_pretrained(pretrained / "bert-mini")
    learned = PretrainingModel(config, 2, 1).number_embedding
    built, other = (build_model(place, RECIPE, 3, 1, s).number_embedding for s in (3, 4))
    for part in ("linear", "square"):
        ours, another, theirs = (getattr(e, part).weight for e in (built, other, learned))
        assert ours.shape == (4, 32)
        assert torch.equal(ours[:3], theirs)
        assert torch.equal(another[:3], theirs)
        assert ours.requires_grad
        assert 0.01 < ours[3].std() < 0.04
        assert not torch.equal(another[3], ours[3])
    deaf = RECIPE.model_copy(update={"numbers": "none"})
    assert build_model(place, deaf, 3, 1, 0).number_embedding is None
    # Who forgets all pretraining forgets the channel too.
    forgetful = RECIPE.model_copy(update={"random_weights": True})
    assert known_scales(place, forgetful) == {}
    assert field_names(place, forgetful, FIELDS) == FIELDS
    drawn = build_model(place, forgetful, 2, 1, 0).number_embedding
    assert not torch.equal(built.linear.weight[:3], drawn.linear.weight)
