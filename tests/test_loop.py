"""The hand-written loop: what it learns, what it repeats, and what it must not touch."""

import hashlib
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForMaskedLM

from stages.beads.errors import StudyError
from stages.learning.batches import Examples, forward, parameter_groups, predict
from stages.learning.encoders import check_checkpoint, load_encoder, load_tokenizer, tokenize
from stages.learning.loop import fine_tune
from stages.learning.losses import make_objective
from stages.learning.recipe import Recipe

TEXTS = ["The travel speed is 4.5 mm/s.", "The material is ER70S-6. What is the result?"] * 8
RECIPE = Recipe(
    engine="loop",
    seed=3,
    epochs=3,
    batch_size=5,
    max_tokens=64,
    weight_decay=0.01,
    warmup=0.1,
    max_grad_norm=1.0,
    learning_rate=1e-2,
    loss="bce",
)


def trained(folder: Path, encoder: str, recipe: Recipe = RECIPE):
    """(model, training losses, logits) of one fine-tuning."""
    checkpoint = str(folder / f"{encoder}-mini")
    tokens = tokenize(load_tokenizer(checkpoint), TEXTS, recipe.max_tokens)
    model = load_encoder(checkpoint, None, 1, recipe.seed)
    targets = torch.tensor([[0.0], [1.0]] * 8)
    objective = make_objective("binary", "bce", targets)
    history = fine_tune(model, Examples(tokens, targets), recipe, objective)
    return model, [row["train_loss"] for row in history], predict(model, tokens, recipe)


def digest(model: torch.nn.Module) -> str:
    parts = [tensor.numpy().tobytes() for tensor in model.state_dict().values()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


@pytest.mark.parametrize("encoder", ["bert", "roberta"])
def test_it_learns_what_can_be_learned(encoders: Path, encoder: str) -> None:
    _, losses, logits = trained(encoders, encoder, RECIPE.model_copy(update={"epochs": 30}))
    assert losses[-1] < 0.3 < losses[0]
    assert ((logits > 0).float().ravel() == torch.tensor([0.0, 1.0] * 8)).all()


def test_one_recipe_ends_in_one_set_of_weights_and_another_seed_does_not(encoders: Path) -> None:
    first = digest(trained(encoders, "bert")[0])
    assert digest(trained(encoders, "bert")[0]) == first
    assert digest(trained(encoders, "bert", RECIPE.model_copy(update={"seed": 4}))[0]) != first


@pytest.mark.parametrize("encoder", ["bert", "roberta"])
def test_padding_changes_no_logit_and_goes_no_further_than_the_longest(
    encoders: Path, encoder: str
) -> None:
    checkpoint = str(encoders / f"{encoder}-mini")
    tokens = tokenize(load_tokenizer(checkpoint), TEXTS[:2], 64)
    model = load_encoder(checkpoint, None, 1, 0).eval()
    seen = []
    model.base_model.embeddings.register_forward_hook(lambda *a: seen.append(a[2].shape[1]))
    with torch.no_grad():
        together = forward(model, tokens, RECIPE)
        alone = torch.cat([forward(model, [one], RECIPE) for one in tokens])
    assert seen[0] == max(map(len, tokens))
    assert torch.allclose(together, alone, atol=1e-6)


def test_biases_and_layer_norm_do_not_decay(encoders: Path) -> None:
    model = load_encoder(str(encoders / "bert-mini"), None, 1, 0)
    decay, spared = parameter_groups(model, RECIPE)
    assert all(parameter.ndim == 2 for parameter in decay["params"])
    assert all(parameter.ndim == 1 for parameter in spared["params"])
    assert len(decay["params"]) + len(spared["params"]) == len(list(model.parameters()))


def test_the_two_heads_start_alike(encoders: Path) -> None:
    """Dense, tanh, dropout, linear over the first token, drawn anew: only the body differs."""
    bert = load_encoder(str(encoders / "bert-mini"), None, 1, 0)
    roberta = load_encoder(str(encoders / "roberta-mini"), None, 1, 0)
    for dense in (bert.bert.pooler.dense, roberta.classifier.dense):
        assert dense.weight.std().item() == pytest.approx(0.02, rel=0.1)
        assert not dense.bias.any()
    other = load_encoder(str(encoders / "bert-mini"), None, 1, 1)
    assert not torch.equal(bert.bert.pooler.dense.weight, other.bert.pooler.dense.weight)


def test_digits_are_split_one_by_one(encoders: Path) -> None:
    for encoder in ("bert", "roberta"):
        tokens = load_tokenizer(str(encoders / f"{encoder}-mini")).tokenize("speed 14.72")
        assert [t.lstrip("Ġ#") for t in tokens][-5:] == ["1", "4", ".", "7", "2"]


def test_what_is_no_checkpoint_is_named(tmp_path: Path, encoders: Path) -> None:
    with pytest.raises(StudyError, match=r"encoder\.bert\.checkpoint: the folder is no checkpoint"):
        check_checkpoint("bert", str(tmp_path), None)
    with pytest.raises(StudyError, match=r"cannot be loaded .*expected a local folder, or a hub"):
        check_checkpoint("bert", "no-such-organisation/no-such-model", None)
    with pytest.raises(StudyError, match="its model type is roberta; expected bert"):
        check_checkpoint("bert", str(encoders / "roberta-mini"), None)
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(StudyError, match="cannot be loaded"):
        check_checkpoint("bert", str(tmp_path), None)


@pytest.mark.parametrize("encoder", ["bert", "roberta"])
def test_a_folder_in_the_layout_of_the_hub_just_works(
    tmp_path: Path, encoders: Path, encoder: str
) -> None:
    """As bert-base-uncased and roberta-base are laid out: weights of a masked language model."""
    source = encoders / f"{encoder}-mini"
    pretrained = AutoModelForMaskedLM.from_config(AutoConfig.from_pretrained(source))
    pretrained.save_pretrained(tmp_path)
    load_tokenizer(str(source)).save_pretrained(tmp_path)
    check_checkpoint(encoder, str(tmp_path), None)
    model = load_encoder(str(tmp_path), None, 3, 0)
    body = {n: p for n, p in pretrained.base_model.named_parameters() if "pooler" not in n}
    for name, parameter in model.base_model.named_parameters():
        if "pooler" not in name:
            assert torch.equal(parameter, body[name]), name
    tokens = tokenize(load_tokenizer(str(tmp_path)), TEXTS, 64)
    assert predict(model, tokens, RECIPE).shape == (len(TEXTS), 3)


def test_pickled_weights_are_refused(tmp_path: Path, encoders: Path) -> None:
    model = load_encoder(str(encoders / "bert-mini"), None, 1, 0)
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(StudyError, match=r"expected weights as model\.safetensors"):
        load_encoder(str(tmp_path), None, 1, 0)
