"""The random checkpoints and their tokenizers come out the same in every run."""

from pathlib import Path

import pytest
from transformers import AutoModel

from stages.learning.initial import train_tokenizer, write_random_encoder

SENTENCES = [
    f"The travel speed is {n / 7:.3f} mm/s. 송급기 소리 {words}, contact tip to work distance."
    for n in range(40)
    for words in ("rusty plate", "feeder clicks", "gas cup dirty", "worn tip?")
]


@pytest.mark.parametrize("encoder", ["bert", "roberta"])
def test_a_tokenizer_comes_out_the_same_every_time(encoder: str) -> None:
    first, *others = [train_tokenizer(encoder, SENTENCES, 500).get_vocab() for _ in range(4)]
    assert all(other == first for other in others)
    others = ["quite different words stand in these sentences"] * 5
    assert train_tokenizer(encoder, others, 500).get_vocab() != first


@pytest.mark.parametrize("encoder", ["bert", "roberta"])
def test_sentences_come_back_and_their_pieces_are_no_special_tokens(encoder: str) -> None:
    tokenizer = train_tokenizer(encoder, SENTENCES, 500)
    ids = tokenizer(SENTENCES[0])["input_ids"]
    assert ids[0] == tokenizer.cls_token_id
    assert ids[-1] == tokenizer.sep_token_id
    assert tokenizer.unk_token_id not in ids
    assert len(tokenizer.all_special_tokens) == 5
    said = tokenizer.decode(ids, skip_special_tokens=True).replace(" ", "")
    assert "travelspeed" in said.lower()


@pytest.mark.parametrize("encoder", ["bert", "roberta"])
def test_a_checkpoint_comes_out_the_same_every_time(encoder: str, tmp_path: Path) -> None:
    tokenizer = train_tokenizer(encoder, SENTENCES, 500)
    shape = {"layers": 1, "width": 16, "heads": 2}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_random_encoder(encoder, tmp_path / name, tokenizer, **shape, seed=seed)
    files = {path.name for path in (tmp_path / "a").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= files
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file
    weights = [(tmp_path / n / "model.safetensors").read_bytes() for n in ("a", "c")]
    assert weights[0] != weights[1]
    assert AutoModel.from_pretrained(tmp_path / "a").config.model_type == encoder
