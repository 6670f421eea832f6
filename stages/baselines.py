"""Stage `baselines`: `python -m stages.baselines TASK`."""

import sys
from pathlib import Path

from llm4waam.baselines.features import make_features
from llm4waam.baselines.folds import predict_folds
from llm4waam.baselines.models import affordable, baselines_of
from llm4waam.baselines.settings import Baselines
from llm4waam.card.card import read_card
from llm4waam.core.files import JsonLines, read_table, write_table
from llm4waam.core.settings import Params as StudyParams
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.core.unfinished import Start
from llm4waam.sentences.prompts import TextStyle
from llm4waam.splits.folds import check_folds
from llm4waam.splits.tasks import known_targets, make_task

BEADS, PROMPTS = Path("data/clean/beads.csv"), Path("data/text/prompts.jsonl")
FOLDS = Path("data/split/folds.csv")


class Params(StudyParams):
    """The sections of params.yaml that this stage reads."""

    text: TextStyle
    baselines: Baselines


def main(task_name: str) -> None:
    """Fit every baseline of one task on every fold, then on all training beads."""
    params = read_params(Params)
    start = Start(params)
    card = read_card(params.card_file)
    task = make_task(card, task_name, params.card_file)
    beads, folds = card.read_beads(BEADS), read_table(FOLDS)
    check_folds(folds, beads, card, FOLDS)
    features = make_features(beads, JsonLines(PROMPTS), card, task_name, params.text)
    targets = known_targets(card, task, beads)
    models = baselines_of(task, params.baselines.pretrained)
    models = affordable(models, len(targets), params.baselines)
    predictions = predict_folds(task, features, targets, folds, params.baselines, models)
    start.check()
    write_table(Path("data/predictions/baselines") / f"{task_name}.csv", predictions)


if __name__ == "__main__":
    run_stage(main, *sys.argv[1:])
