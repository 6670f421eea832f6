"""Typed YAML: models that refuse names they do not know, and one line for the first mistake."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from llm4waam.core.errors import StudyError


class Section(BaseModel):
    """A frozen part of a YAML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


AnySection = TypeVar("AnySection", bound=Section)


def read_yaml(model: type[AnySection], file: Path) -> AnySection:
    """Read and check a YAML file; raises StudyError that names the place and what was expected."""
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StudyError(file, str(error), expected="readable YAML") from None
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole file"
        value = None if first["type"] == "missing" else first["input"]
        raise StudyError(file, f"{place}: {first['msg']}", value=value) from None
