"""Small encoders with random weights and their tokenizers, until there are pretrained ones."""

import string
from collections.abc import Iterable
from pathlib import Path

from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    BertConfig,
    BertModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    set_seed,
)
from transformers.utils import logging as transformers_logging

transformers_logging.disable_progress_bar()

MAX_TOKENS = 512


def train_tokenizer(
    encoder: str, sentences: Iterable[str], vocabulary: int
) -> PreTrainedTokenizerFast:
    """WordPiece (bert, uncased) or byte-level BPE (roberta); digits are split one by one."""
    digits = pre_tokenizers.Digits(individual_digits=True)
    if encoder == "bert":
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        pad, unknown, start, end, mask = special
        tokenizer = Tokenizer(models.WordPiece(unk_token=unknown))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.BertPreTokenizer(), digits]
        )
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(
            vocab_size=vocabulary,
            special_tokens=special,
            initial_alphabet=list(string.digits + string.ascii_lowercase + string.punctuation),
            show_progress=False,
        )
    else:
        special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        start, pad, end, unknown, mask = special
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [digits, pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
    tokenizer.train_from_iterator(sentences, trainer)
    ends = [(token, tokenizer.token_to_id(token)) for token in (start, end)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=ends
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=MAX_TOKENS,
        pad_token=pad,
        unk_token=unknown,
        cls_token=start,
        sep_token=end,
        bos_token=start,
        eos_token=end,
        mask_token=mask,
        model_input_names=["input_ids", "attention_mask"],
    )


def write_random_encoder(
    encoder: str,
    folder: Path,
    tokenizer: PreTrainedTokenizerFast,
    *,
    layers: int,
    width: int,
    heads: int,
    seed: int,
) -> None:
    """A real BertModel or RobertaModel checkpoint with random weights, as safetensors."""
    shape = {
        "vocab_size": len(tokenizer),
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * width,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    set_seed(seed)
    if encoder == "bert":
        model = BertModel(BertConfig(max_position_embeddings=MAX_TOKENS, **shape))
    else:
        # RoBERTa counts positions from pad_token_id + 1.
        room = MAX_TOKENS + tokenizer.pad_token_id + 1
        config = RobertaConfig(max_position_embeddings=room, type_vocab_size=1, **shape)
        model = RobertaModel(config, add_pooling_layer=False)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
