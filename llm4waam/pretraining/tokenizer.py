"""Small encoders before they have learned anything: tokenizers and configurations."""

import string

import transformers
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedConfig, PreTrainedTokenizerFast

from llm4waam.encoders.families import FAMILIES

MAX_TOKENS = 512


def train_tokenizer(encoder: str, sentences: list[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """WordPiece (uncased) or byte-level BPE, as the family says; digits are split one by one."""
    if FAMILIES[encoder].tokenizer == "wordpiece":
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        pad, unknown, start, end, mask = special
        tokenizer = _word_pieces(sentences, vocabulary, special, unknown)
    else:
        special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        start, pad, end, unknown, mask = special
        tokenizer = _byte_pairs(sentences, vocabulary, special)
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


def _word_pieces(
    sentences: list[str], vocabulary: int, special: list[str], unknown: str
) -> Tokenizer:
    trained = Tokenizer(models.WordPiece(unk_token=unknown))
    trained.normalizer = normalizers.BertNormalizer(lowercase=True)
    splitter = pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer(), _digits()])
    trained.pre_tokenizer = splitter
    seen = {c for text in sentences for c in trained.normalizer.normalize_str(text)}
    letters = sorted(seen - set(" ") | set(string.printable.lower()) - set(string.whitespace))
    # The trainer numbers "##c" pieces in the order of a hash map, and numbers decide ties: named
    # beforehand, as special tokens, they have the same numbers in every run.
    inner = [f"##{letter}" for letter in letters]
    trained.train_from_iterator(
        sentences,
        trainers.WordPieceTrainer(
            vocab_size=vocabulary,
            special_tokens=[*special, *inner],
            initial_alphabet=letters,
            show_progress=False,
        ),
    )
    # Built anew, so that the pieces are no special tokens of the tokenizer that is used.
    tokenizer = Tokenizer(models.WordPiece(trained.get_vocab(), unk_token=unknown))
    tokenizer.add_special_tokens(special)
    tokenizer.normalizer, tokenizer.pre_tokenizer = trained.normalizer, splitter
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def _byte_pairs(sentences: list[str], vocabulary: int, special: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [_digits(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        sentences,
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return tokenizer


def _digits() -> pre_tokenizers.Digits:
    return pre_tokenizers.Digits(individual_digits=True)


def small_config(
    encoder: str, tokenizer: PreTrainedTokenizerFast, *, layers: int, width: int, heads: int
) -> PreTrainedConfig:
    """A small encoder of a family, for the tokenizer.

    Dropout of attention weights is off: it costs a fifth of the time on a processor.
    """
    family = FAMILIES[encoder]
    shape = {
        "vocab_size": len(tokenizer),
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * width,
        "attention_probs_dropout_prob": 0.0,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    shape = {family.other_names.get(name, name): value for name, value in shape.items()}
    skipped = tokenizer.pad_token_id + 1 if family.starts_after_padding else 0
    config = getattr(transformers, family.config)
    return config(max_position_embeddings=MAX_TOKENS + skipped, **shape, **family.options)
