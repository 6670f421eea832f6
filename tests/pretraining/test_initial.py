"""Tokenizers come out the same in every run, and a small configuration fits its tokenizer."""

import pytest
import torch
from transformers import AutoModel

from llm4waam.pretraining.tokenizer import MAX_TOKENS, small_config, train_tokenizer

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
def test_sentences_come_back_and_the_configuration_fits_the_longest(encoder: str) -> None:
    tokenizer = train_tokenizer(encoder, SENTENCES, 500)
    ids = tokenizer(SENTENCES[0])["input_ids"]
    assert (ids[0], ids[-1]) == (tokenizer.cls_token_id, tokenizer.sep_token_id)
    assert tokenizer.unk_token_id not in ids
    assert len(tokenizer.all_special_tokens) == 5  # no piece of a word is a special token
    read = tokenizer.decode(ids, skip_special_tokens=True).replace(" ", "")
    assert "travelspeed" in read.lower()
    config = small_config(encoder, tokenizer, layers=1, width=16, heads=2)
    longest = tokenizer(" ".join(SENTENCES), truncation=True, return_tensors="pt")
    assert longest["input_ids"].shape == (1, MAX_TOKENS)
    states = AutoModel.from_config(config).eval()(**longest).last_hidden_state
    assert states.shape == (1, MAX_TOKENS, 16)
    assert torch.isfinite(states).all()
