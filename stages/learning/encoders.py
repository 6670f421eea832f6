"""Encoders and their tokenizers, from a local folder or from the hub."""

from pathlib import Path

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    set_seed,
)
from transformers.utils import logging as transformers_logging

from stages.beads.errors import StudyError

# Every load would say that the head is new, and every save would draw a bar of its own.
transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()

FAMILIES = {"bert": ("bert",), "roberta": ("roberta", "xlm-roberta", "camembert")}


def check_checkpoint(encoder: str, checkpoint: str, revision: str | None) -> None:
    """Raise StudyError unless `checkpoint` is one of the encoder's family and can be had."""
    place = f"encoder.{encoder}.checkpoint"
    if Path(checkpoint).exists() and not (Path(checkpoint) / "config.json").is_file():
        raise StudyError(
            "params.yaml",
            f"{place}: the folder is no checkpoint",
            value=checkpoint,
            expected="config.json, model.safetensors and a tokenizer in it",
        )
    try:
        config = AutoConfig.from_pretrained(checkpoint, revision=revision)
    except (OSError, ValueError) as error:
        raise StudyError(
            "params.yaml",
            f"{place}: cannot be loaded ({str(error).splitlines()[0]})",
            value=checkpoint,
            expected="a local folder, or a hub name with a network or a filled cache",
        ) from None
    if config.model_type not in FAMILIES[encoder]:
        expected = " or ".join(FAMILIES[encoder])
        reason = f"{place}: its model type is {config.model_type}"
        raise StudyError("params.yaml", reason, value=checkpoint, expected=expected)


def load_tokenizer(checkpoint: str, revision: str | None = None) -> PreTrainedTokenizerBase:
    """The checkpoint's own tokenizer."""
    return AutoTokenizer.from_pretrained(checkpoint, revision=revision)


def tokenize(
    tokenizer: PreTrainedTokenizerBase, texts: list[str], max_tokens: int
) -> list[list[int]]:
    """Token ids of every text, cut at `max_tokens`, without padding."""
    return tokenizer(texts, truncation=True, max_length=max_tokens)["input_ids"]


def load_encoder(checkpoint: str, revision: str | None, outputs: int, seed: int) -> PreTrainedModel:
    """The encoder with a new head of `outputs` logits, drawn from `seed`, in float32.

    Both families read the first token through a dense layer with tanh, dropout and a linear
    layer. RoBERTa's dense layer belongs to its new head; BERT's is the pooler, which its
    pretraining fitted to another question, so it is drawn anew: the two heads start alike.
    """
    set_seed(seed)
    try:
        model = AutoModelForSequenceClassification.from_pretrained(
            checkpoint,
            revision=revision,
            num_labels=outputs,
            use_safetensors=True,
            dtype=torch.float32,
        )
    except (OSError, ValueError) as error:
        reason = f"cannot be loaded ({str(error).splitlines()[0]})"
        expected = "weights as model.safetensors"
        raise StudyError("params.yaml", reason, value=checkpoint, expected=expected) from None
    pooler = getattr(model.base_model, "pooler", None)
    if pooler is not None:
        nn.init.normal_(pooler.dense.weight, std=model.config.initializer_range)
        nn.init.zeros_(pooler.dense.bias)
    return model
