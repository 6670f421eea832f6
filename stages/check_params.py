"""Stage `check-params`: every section and name of params.yaml, so that a slip is always told."""

import json
import logging
from collections.abc import Collection, Iterator
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

from llm4waam.ablations.variations import Ablations
from llm4waam.advice.settings import Advice
from llm4waam.baselines.settings import Baselines
from llm4waam.card.card import read_card
from llm4waam.core.errors import StudyError
from llm4waam.core.files import write_text
from llm4waam.core.settings import PARAMS_FILE, OtherTable, checked, read_params
from llm4waam.core.stage import run_stage
from llm4waam.pretraining.corpus import Pretrain
from llm4waam.sentences.prompts import TextStyle
from llm4waam.simulator.population import METRICS_FILE, RAW_FILE, Simulate
from llm4waam.splits.folds import Split
from llm4waam.splits.tasks import make_task
from llm4waam.training.check_recipe import check_recipe
from llm4waam.training.losses import check_loss
from llm4waam.training.recipe import TrainingParams

CHECKED = Path("data/params_checked.txt")


class AllParams(TrainingParams):
    """All of params.yaml; a section that is not named here is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    simulate: Simulate
    text: TextStyle
    split: Split
    pretrain: Pretrain
    baselines: Baselines
    ablations: Ablations
    advice: Advice
    other_tables: dict[str, OtherTable] = Field(default_factory=dict)


def main() -> None:
    """Read all sections, and look up the names of tasks, losses and metrics.

    The stages read only the sections that they need.
    """
    params = read_params(AllParams)
    card = read_card(params.card_file)
    for name in params.tasks:
        task = make_task(card, name, params.card_file)
        check_recipe(task, params.recipe("bert", name))  # the rate alone is the encoder's
    for line in _passed_over(params.ablations, {*params.target, *card.tasks}, "ablations"):
        logging.warning("warning: %s", line)
    for loss in params.ablations.choice.losses:
        check_loss("ablations.choice.losses", "multi_label", loss)
    study = yaml.safe_load(PARAMS_FILE.read_text(encoding="utf-8"))
    for name, table in params.other_tables.items():
        for run in table.runs(name, study).values():
            read = checked(AllParams, run, Path(f"{PARAMS_FILE}, other_tables.{name}"))
            for task in read.tasks:
                read.recipe("bert", task)
    _check_table(params)
    write_text(CHECKED, "Every section and name of params.yaml is as expected.\n")


def _check_table(params: AllParams) -> None:
    """Raise StudyError where `simulate` asks for another table than the one that is there.

    The stage `simulate` is frozen, so that what was edited in its table is not lost; a setting of
    it would have no effect and nobody would be told.
    """
    if params.raw_file != RAW_FILE or not METRICS_FILE.is_file():
        return
    made = json.loads(METRICS_FILE.read_text(encoding="utf-8"))
    for name, value in params.simulate.model_dump().items():
        if made[name] != value:
            reason = f"{params.raw_file} was made with {made[name]}"
            raise StudyError(
                PARAMS_FILE,
                reason,
                column=f"simulate.{name}",
                value=value,
                expected="make table, which makes that table anew, before the next run",
            )


def _passed_over(section: BaseModel, known: Collection[str], place: str) -> Iterator[str]:
    """Where a section of ablations names a task that no card and no `target` knows.

    Ablations pass over the tasks that the study has not; of another table these may be all.
    """
    for key, value in section:
        where = f"{place}.{key}"
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, BaseModel):
                yield from _passed_over(part, known, where)
            elif key.endswith("tasks") and part not in known:
                yield f"{where}: {part!r} is no task of the card, and is passed over"


if __name__ == "__main__":
    run_stage(main)
