"""Encoders and their tokenizers, from a local folder or from the hub."""

import os
from inspect import signature
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import (
    MODEL_MAPPING,
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from llm4waam.core.errors import StudyError
from llm4waam.encoders.families import FAMILIES

# Every load would report the heads that are left out, and every save would draw a bar of its own.
transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()
# Else transformers asks a service on the network to convert pickles, and takes what it made in
# place of the revision that was named.
os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "1"

SAFE = ("model.safetensors", "model.safetensors.index.json")
PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")
SAFETENSORS = (
    "model.safetensors (no pickle is read): set encoder.{}.revision to one that has it, such as "
    "refs/pr/N of the hub's conversion bot, or convert pytorch_model.bin once with "
    "save_pretrained where that file is trusted"
)
FEWEST_POSITIONS = 8  # as train.max_tokens
TOKENIZER = "tokenizer.json, or vocab.txt (BERT), or vocab.json and merges.txt (RoBERTa)"


def check_checkpoint(encoder: str, checkpoint: str, revision: str | None) -> int:
    """How many tokens of a prompt the checkpoint takes: it has a position for each, and no more.

    Raises StudyError unless it is one of the encoder's family and can be had. Weights are looked
    for in a folder, but read only by `load_trunk`.
    """
    place, folder = f"encoder.{encoder}.checkpoint", Path(checkpoint)
    if folder.exists() and not (folder / "config.json").is_file():
        expected = "config.json, model.safetensors and a tokenizer in it"
        raise _error(checkpoint, f"{place}: the folder is no checkpoint", expected)
    config = _load_config(checkpoint, revision, place)
    known = FAMILIES[encoder].model_types
    if config.model_type not in known:
        reason = f"{place}: its model type is {config.model_type}"
        raise _error(checkpoint, reason, " or ".join(known))
    files = {file.name for file in folder.iterdir()} if folder.is_dir() else set()
    if files.intersection(PICKLED) and not files.intersection(SAFE):
        reason = f"{place}: its weights are pickled"
        raise _error(checkpoint, reason, SAFETENSORS.format(encoder))
    tokenizer = load_tokenizer(checkpoint, revision)
    tokens = max(len(tokenizer), 1 + max(tokenizer.get_vocab().values()))
    if tokens > config.vocab_size:
        reason = f"{place}: its tokenizer has {tokens} tokens"
        raise _error(checkpoint, reason, f"{config.vocab_size}, as config.json says")
    first = config.pad_token_id + 1 if FAMILIES[encoder].starts_after_padding else 0
    positions = config.max_position_embeddings - first
    if positions < FEWEST_POSITIONS:
        reason = f"{place}: its config.json has positions for {positions} tokens"
        raise _error(checkpoint, reason, f"at least {FEWEST_POSITIONS}")
    return positions


def load_tokenizer(checkpoint: str, revision: str | None = None) -> PreTrainedTokenizerBase:
    """The checkpoint's own tokenizer, which tells the place of every token in its text.

    Raises StudyError where there is none, or none that can tell places.
    """
    options = {"revision": revision, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(checkpoint, **options)
    except Exception as error:  # tokenizers raises no other kind
        reason = f"its tokenizer cannot be loaded ({_first_line(error)})"
        raise _error(checkpoint, reason, _how_to_get(checkpoint, revision, TOKENIZER)) from None
    # Where there are no files transformers makes up a tokenizer that knows special tokens only.
    if len(tokenizer) <= len(set(tokenizer.all_special_ids)):
        raise _error(checkpoint, "has no tokenizer", TOKENIZER)
    # Whether HF_HUB_OFFLINE was set is told there, and would be saved with the model.
    tokenizer.init_kwargs.pop("local_files_only", None)
    if not tokenizer.is_fast:
        raise _error(checkpoint, "its tokenizer tells no places", "a fast one (tokenizer.json)")
    return tokenizer


def load_trunk(
    checkpoint: str, revision: str | None, random_weights: bool, seed: int
) -> PreTrainedModel:
    """The bare encoder, without head or pooler, in float32 and in evaluation mode.

    Called as ``trunk(inputs_embeds=(prompts, tokens, width), attention_mask=(prompts, tokens))``,
    padded on the right, its `last_hidden_state` is (prompts, tokens, width). With `random_weights`
    only the configuration is read, and weights are drawn from `seed`; nothing else is ever drawn.
    Raises StudyError where weights cannot be had, are pickled, or lack a part of the encoder.
    """
    config = _load_config(checkpoint, revision, "encoder.NAME.checkpoint")
    options = {"dtype": torch.float32, "trust_remote_code": False}
    if "add_pooling_layer" in signature(MODEL_MAPPING[type(config)]).parameters:
        options["add_pooling_layer"] = False
    if random_weights:
        torch.manual_seed(seed)
        return AutoModel.from_config(config, **options).eval()
    try:
        trunk, report = AutoModel.from_pretrained(
            checkpoint,
            config=config,
            revision=revision,
            use_safetensors=True,
            output_loading_info=True,
            **options,
        )
    except OSError as error:
        reason = f"its weights cannot be loaded ({_first_line(error)})"
        expected = _how_to_get(checkpoint, revision, SAFETENSORS.format("NAME"))
        raise _error(checkpoint, reason, expected) from None
    except (RuntimeError, SafetensorError, ValueError) as error:
        reason = f"its weights are damaged or of another size ({_first_line(error)})"
        expected = "whole files (no pointers of Git LFS) that fit config.json"
        raise _error(checkpoint, reason, expected) from None
    for name, weight in trunk.named_parameters():
        if not torch.isfinite(weight).all():
            expected = "numbers: these weights are of a training that went wrong"
            raise _error(checkpoint, f"its weights are not finite ({name})", expected)
    missing = sorted(report["missing_keys"])
    if missing:
        reason = f"lacks {len(missing)} weights of the encoder, such as {missing[0]}"
        expected = "all weights of the encoder: none is drawn unless train.random_weights is true"
        raise _error(checkpoint, reason, expected)
    return trunk.eval()


def _load_config(checkpoint: str, revision: str | None, place: str) -> PreTrainedConfig:
    try:
        return AutoConfig.from_pretrained(checkpoint, revision=revision, trust_remote_code=False)
    except Exception as error:  # a wrong type of a field is none of the usual ones
        reason = f"{place}: cannot be loaded ({_first_line(error)})"
        expected = _how_to_get(checkpoint, revision, "a config.json that names its model_type")
        raise _error(checkpoint, reason, expected) from None


def _how_to_get(checkpoint: str, revision: str | None, local: str) -> str:
    """What a folder should hold, or how a hub name is had with and without a network."""
    if Path(checkpoint).exists():
        return local
    download = f"hf download {checkpoint}" + (f" --revision {revision}" if revision else "")
    return (
        "a local folder, or a hub name with a network and without HF_HUB_OFFLINE, or one in the "
        f"cache (`{download}` on a machine with a network, copy ~/.cache/huggingface, then set "
        f"HF_HUB_OFFLINE=1); it holds {local}"
    )


def _error(checkpoint: str, reason: str, expected: str) -> StudyError:
    return StudyError("params.yaml", reason, value=checkpoint, expected=expected)


def _first_line(error: Exception) -> str:
    # What follows "and thus" is advice to read pickles.
    return (str(error) or type(error).__name__).splitlines()[0].split(" and thus ")[0]
