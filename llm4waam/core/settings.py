"""Typed YAML: models that refuse names they do not know, and one line for the first mistake.

The sections of params.yaml stand in the rooms that use them; a stage reads the sections that it
needs, as fields of a subclass of `Params`. `stages/check_params.py` reads all of them.
"""

from pathlib import Path
from typing import Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from llm4waam.core.errors import StudyError

PARAMS_FILE = Path("params.yaml")
Positive = Field(gt=0)
Seed = Field(ge=0)  # NumPy takes no other


class Section(BaseModel):
    """A frozen part of a YAML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Params(BaseModel):
    """Which table and which tasks; a stage adds the sections that it reads, others are passed over.

    DVC writes `-S train.lr=1e-5` as `1e-05`, which PyYAML reads as a string: the typed fields turn
    it back into a number.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    dataset: str = Field(pattern=r"^\w[\w.-]*$")
    dataset_format: Literal["csv", "tsv", "xlsx", "xlsm", "json", "jsonl"]
    tasks: list[str] = Field(min_length=1)

    @property
    def raw_file(self) -> Path:
        """The raw table."""
        return Path("data/raw") / f"{self.dataset}.{self.dataset_format}"

    @property
    def card_file(self) -> Path:
        """The card beside the raw table."""
        return Path("data/raw") / f"{self.dataset}.yaml"


class OtherTable(Section):
    """One entry of the section `other_tables` of params.yaml.

    `params` differ from the rest of params.yaml. The table is run by cells, and by the column `by`,
    whose values then stay together in one fold; `apart` are parameters of that run alone, such as
    fewer folds where there are few groups.
    """

    params: dict
    by: str
    apart: dict = Field(default_factory=dict)


AnySection = TypeVar("AnySection", bound=BaseModel)


def read_params(model: type[AnySection], file: Path = PARAMS_FILE) -> AnySection:
    """Read the sections of `model` from params.yaml; raises StudyError as `read_yaml`."""
    return read_yaml(model, file)


def read_yaml(model: type[AnySection], file: Path) -> AnySection:
    """Read and check a YAML file; raises StudyError that names the place and what was expected."""
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StudyError(file, str(error), expected="readable YAML") from None
    return checked(model, raw, file)


def checked(model: type[AnySection], raw: object, file: Path) -> AnySection:
    """What was read from `file` as `model`; raises StudyError as `read_yaml`."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        # Of a mapping whose key is wrong, pydantic names the key and then "[key]".
        place = ".".join(str(part) for part in first["loc"] if part != "[key]") or "the whole file"
        value = None if first["type"] == "missing" else first["input"]
        expected = None
        if first["type"] == "string_type" and not isinstance(value, (dict, list)):
            expected = "quotes around it: YAML takes 1 for a number, yes and no for true and false"
        raise StudyError(file, f"{place}: {first['msg']}", value=value, expected=expected) from None
