"""params.yaml as typed, frozen models; nothing else reads that file.

`-S lr=1e-5` makes DVC write `1e-05`, which PyYAML reads as a string: the models turn it back into
a float. An unknown name, a wrong type or a value out of range is one line that names the place.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from llm4waam.core.errors import StudyError
from llm4waam.core.settings import Section, read_yaml
from llm4waam.decisions.prior_knowledge import baseline_tier, encoder_tier
from llm4waam.sentences.prompts import TextStyle
from llm4waam.training.recipe import Recipe, Source, Training
from llm4waam.training.settings import (
    Advice,
    Baselines,
    Ladder,
    Losses,
    Parity,
    Positive,
    Pretrain,
    TableModels,
    Trials,
)

PARAMS_FILE = Path("params.yaml")


class Simulate(Section):
    """`beads: 140` with `design: study` is the embedded table; `population` takes any number."""

    seed: int
    design: Literal["study", "population"]
    beads: int = Positive


class Split(Section):
    """Folds over the training beads, and the fixed hold-out."""

    seed: int
    folds: int = Field(ge=2)
    repeats: int = Field(ge=1)
    hold_out: float = Field(ge=0, lt=0.5)


class Encoder(Section):
    """A checkpoint (local folder or hub name) and the rate it is fine-tuned with."""

    checkpoint: str = Field(min_length=1)
    revision: str | None
    learning_rate: float = Positive


class Encoders(Section):
    bert: Encoder
    roberta: Encoder


class Train(Training):
    """What every fine-tuning shares, and how the folds share the cores."""

    workers: int = Positive
    threads: int = Positive


class Task(Section):
    """The loss of one task, by the table of `llm4waam.training.losses`, and a target's scale."""

    loss: str
    scale: Literal["raw", "standardised", "log"] | None = None


class Params(Section):
    """All of params.yaml."""

    dataset: str = Field(pattern=r"^\w[\w.-]*$")
    dataset_format: Literal["csv", "json"]
    tasks: list[str] = Field(min_length=1)
    simulate: Simulate
    text: TextStyle
    split: Split
    pretrain: Pretrain
    encoder: Encoders
    train: Train
    task: dict[str, Task]
    baselines: Baselines
    tables: TableModels
    parity: Parity
    losses: Losses
    ladder: Ladder
    trials: Trials
    advice: Advice

    @property
    def raw_file(self) -> Path:
        """The raw table."""
        return Path("data/raw") / f"{self.dataset}.{self.dataset_format}"

    @property
    def card_file(self) -> Path:
        """The card beside the raw table."""
        return Path("data/raw") / f"{self.dataset}.yaml"

    def source(self, encoder: str) -> Source:
        """Where an encoder comes from."""
        found = getattr(self.encoder, encoder)
        return Source(encoder=encoder, checkpoint=found.checkpoint, revision=found.revision)

    def tier(self, model: str) -> int:
        """What a model knows beforehand, by `llm4waam.decisions.prior_knowledge`."""
        if model not in Encoders.model_fields:
            return baseline_tier(model, self.text.derived)
        forgets, derived = self.train.random_weights, self.text.derived
        checkpoint = self.source(model).checkpoint
        return encoder_tier(checkpoint, random_weights=forgets, derived=derived)

    def recipe(self, encoder: str, task: str) -> Recipe:
        """The recipe of one encoder and task; raises StudyError for a task without parameters."""
        if task not in self.task:
            expected = f"task.{task}.loss (with dvc exp run: -S +task.{task}.loss=...)"
            raise StudyError(
                PARAMS_FILE, "the task has no parameters", value=task, expected=expected
            )
        shared = self.train.model_dump(include=set(Training.model_fields))
        rate = getattr(self.encoder, encoder).learning_rate
        return Recipe(**shared, **self.task[task].model_dump(), learning_rate=rate)


def read_params(file: Path = PARAMS_FILE) -> Params:
    """Read and check the parameters; raises StudyError with the name and what was expected."""
    return read_yaml(Params, file)
