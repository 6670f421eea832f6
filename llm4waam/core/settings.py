"""Typed YAML: models that refuse names they do not know, and one line for the first mistake.

The sections of params.yaml stand in the rooms that use them; a stage reads the sections that it
needs, as fields of a subclass of `Params`. `stages/check_params.py` reads all of them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from llm4waam.core.errors import StudyError
from llm4waam.core.strict_yaml import load

PARAMS_FILE = Path("params.yaml")
# The bounds of numbers that many sections have. They are far from what anybody wants, and keep out
# what ends in a traceback, in a hang or in a study that says nothing.
Seed = Annotated[int, Field(ge=0, le=1_000_000_000)]  # counted on from, below NumPy's 2**32
Count = Annotated[int, Field(gt=0, le=1_000_000)]  # of beads, trees, training beads
Epochs = Annotated[int, Field(gt=0, le=10_000)]
BatchSize = Annotated[int, Field(gt=0, le=65_536)]
Few = Annotated[int, Field(gt=0, le=256)]  # processes, threads, layers, heads
Rate = Annotated[float, Field(gt=0, le=100)]  # of learning
Gain = Annotated[float, Field(gt=0, le=1_000_000)]


def _once(values: Sequence) -> Sequence:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{value!r} stands twice")
    return values


Once = AfterValidator(_once)  # of a list: no value stands twice


def _holds(annotation: object, kind: type) -> bool:
    """Whether a type, or a part of it such as that of a list's values, is `kind`."""
    return annotation is kind or any(_holds(part, kind) for part in get_args(annotation))


class Typed(BaseModel):
    """A frozen model of numbers that are finite, and are not `true` or `false`."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_number_is_true(cls, given: object, about: ValidationInfo) -> object:
        values = given if isinstance(given, list) else [given]
        if any(isinstance(value, bool) for value in values):
            wanted = cls.model_fields[about.field_name].annotation
            if not _holds(wanted, bool) and (_holds(wanted, int) or _holds(wanted, float)):
                raise ValueError("Input should be a number")
        return given


class Section(Typed):
    """A frozen part of a YAML file."""

    model_config = ConfigDict(extra="forbid")


class Params(Typed):
    """Which table and which tasks; a stage adds the sections that it reads, others are passed over.

    DVC writes `-S train.lr=1e-5` as `1e-05`, which PyYAML reads as a string: the typed fields turn
    it back into a number.
    """

    model_config = ConfigDict(extra="ignore")

    dataset: str = Field(pattern=r"^\w[\w.-]*$", max_length=100)
    dataset_format: Literal["csv", "tsv", "xlsx", "xlsm", "json", "jsonl"]
    tasks: Annotated[list[str], Field(min_length=1), Once]

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
    by: str = Field(min_length=1, max_length=100)
    apart: dict = Field(default_factory=dict)

    def runs(self, name: str, study: Mapping) -> dict[str, dict]:
        """What stays together (cell, or the column `by`) -> the parameters of that run.

        `study` is all of params.yaml, `name` that of the table.
        """
        settings = _merged(study, {**self.params, "dataset": name})
        own = _merged({"split": {"by": self.by}}, self.apart)
        return {"cell": settings, self.by: _merged(settings, own)}


def _merged(one: Mapping, other: Mapping) -> dict:
    """`one` with the values of `other`, section by section."""
    found = dict(one)
    for key, value in other.items():
        inside = isinstance(value, Mapping) and isinstance(found.get(key), Mapping)
        found[key] = _merged(found[key], value) if inside else value
    return found


AnySection = TypeVar("AnySection", bound=BaseModel)


def read_params(model: type[AnySection], file: Path = PARAMS_FILE) -> AnySection:
    """Read the sections of `model` from params.yaml; raises StudyError as `read_yaml`."""
    return read_yaml(model, file)


def read_yaml(model: type[AnySection], file: Path) -> AnySection:
    """Read and check a YAML file; raises StudyError that names the place and what was expected."""
    try:
        raw = load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(file, str(error), expected="readable YAML") from None
    except ValueError as error:
        raise StudyError(file, str(error)) from None
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
        said = first["msg"].removeprefix("Value error, ")
        raise StudyError(file, f"{place}: {said}", value=value, expected=expected) from None
