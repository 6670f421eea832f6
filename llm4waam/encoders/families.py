"""The families of encoders that the study knows: everything that differs from one to another.

Whoever names the encoders reads FAMILIES at that moment. So one entry here, and a stage in
dvc.yaml, is all that another family takes (docs/using.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Literal

from llm4waam.core.errors import StudyError


@dataclass(frozen=True)
class Family:
    """One family of encoders.

    `title` is its name as a reader sees it, `architecture` the class of transformers that its
    model cards name. `model_types` are the `model_type`s that a checkpoint of it may have.
    `checkpoint` and `learning_rate` hold where params.yaml does not name the family.

    The other fields are those of the compact encoder that pretraining makes from nothing: the kind
    of `tokenizer`, the class of its `config`, and its `options` beyond the sizes. `other_names` are
    those of the sizes that the class does not call as BertConfig does. `starts_after_padding`:
    positions are counted from the number of the padding token + 1, and not from 0.
    """

    title: str
    architecture: str
    model_types: tuple[str, ...]
    checkpoint: str
    tokenizer: Literal["wordpiece", "byte_bpe"]
    config: str
    options: Mapping[str, object] = field(default_factory=dict)
    other_names: Mapping[str, str] = field(default_factory=dict)
    starts_after_padding: bool = False
    learning_rate: float = 0.001


FAMILIES = {
    "bert": Family(
        title="BERT",
        architecture="BertModel",
        model_types=("bert", "distilbert"),
        checkpoint="data/encoders/bert-mini-tier1",
        tokenizer="wordpiece",
        config="BertConfig",
    ),
    "roberta": Family(
        title="RoBERTa",
        architecture="RobertaModel",
        model_types=("roberta", "xlm-roberta", "camembert"),
        checkpoint="data/encoders/roberta-mini-tier1",
        tokenizer="byte_bpe",
        config="RobertaConfig",
        options={"type_vocab_size": 1},
        starts_after_padding=True,
    ),
}


def known_families() -> str:
    """The names of all families, for an error."""
    return " or ".join(FAMILIES)


def check_family(name: str, place: str | Path) -> None:
    """Raise StudyError for an encoder that is none of FAMILIES; `place` is where it was named."""
    if name not in FAMILIES:
        raise StudyError(place, "there is no such encoder", value=name, expected=known_families())


def family_pairs() -> dict[str, tuple[str, str]]:
    """Every two families that are compared, by the name of the comparison: "bert_vs_roberta"."""
    return {"_vs_".join(pair): pair for pair in combinations(FAMILIES, 2)}
