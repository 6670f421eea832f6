"""Encoders to measure with: those of params.yaml, a folder, or the size of the base models."""

import json
from pathlib import Path

from transformers import AutoModel, BertConfig, RobertaConfig, set_seed

from benchmarks.apart import apart
from llm4waam.encoders.load import FAMILIES, load_tokenizer
from llm4waam.encoders.settings import Source
from stages.check_params import AllParams

VOCABULARIES = {"bert": 30_522, "roberta": 50_265}  # of bert-base-uncased and roberta-base
BASE_POSITIONS = 512


def sources(params: AllParams, checkpoint: str | None, folder: Path) -> list[Source]:
    """The encoders of params.yaml, the one in the folder `checkpoint`, or both in base size.

    `base` writes 12 layers x 768 with random weights into `folder`, with the tokenizers of
    params.yaml, so that the sentences have as many tokens as in the study.
    """
    own = [params.encoder.source(encoder) for encoder in FAMILIES]
    if checkpoint is None:
        return own
    if checkpoint == "base":
        for source in own:
            apart(write_base, source, folder / source.encoder)
        return [
            Source(encoder=s.encoder, checkpoint=str(folder / s.encoder), revision=None)
            for s in own
        ]
    kind = json.loads((Path(checkpoint) / "config.json").read_text(encoding="utf-8"))["model_type"]
    encoder = next(name for name, family in FAMILIES.items() if kind in family)
    return [Source(encoder=encoder, checkpoint=checkpoint, revision=None)]


def write_base(source: Source, folder: Path) -> dict[str, int]:
    """Write a checkpoint of base size with the tokenizer of `source`; returns its `weights`."""
    tokenizer = load_tokenizer(source.checkpoint, source.revision)
    shared = {
        "vocab_size": VOCABULARIES[source.encoder],
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    if source.encoder == "bert":
        config = BertConfig(max_position_embeddings=BASE_POSITIONS, **shared)
    else:
        room = BASE_POSITIONS + tokenizer.pad_token_id + 1
        config = RobertaConfig(max_position_embeddings=room, type_vocab_size=1, **shared)
    set_seed(0)
    model = AutoModel.from_config(config, add_pooling_layer=False)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return {"weights": model.num_parameters()}
