"""Stage `nested-pages` of sweeps/dvc.yaml: temperatures and 90 % intervals, out of fold."""

import logging
from pathlib import Path

import pandas as pd

from llm4waam.ablations.nested import calibration_table, interval_table
from llm4waam.ablations.nested_page import calibration_page, interval_page
from llm4waam.ablations.settings import Trials
from llm4waam.card.card import read_card
from llm4waam.core.files import read_table, write_table, write_text
from llm4waam.core.settings import Params as StudyParams
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.evaluation.assessment import ENCODERS, FORMULAS
from llm4waam.plotting.style import empty_figure, save
from llm4waam.reporting.figures import interval_figure, temperature_figure
from llm4waam.splits.tasks import make_task

FOLDS, PLOTS = Path("data/split/folds.csv"), Path("plots/trials")
PREDICTIONS, NESTED = Path("data/predictions"), Path("data/trials/nested")
SOURCES = (*ENCODERS, "baselines")
SHOWN = (*ENCODERS, "gradient_boosting", FORMULAS["pre_weld"])


class Params(StudyParams):
    """The sections of params.yaml that this stage reads."""

    trials: Trials


def main() -> None:
    """Temper the study's own probabilities, and put an interval around every prediction."""
    params = read_params(Params)
    card, folds = read_card(params.card_file), read_table(FOLDS)
    names = [name for name in params.tasks if name in params.trials.tasks]
    tasks = {name: make_task(card, name, params.card_file) for name in names}
    nested = pd.concat([read_table(NESTED / f"{source}.csv") for source in SOURCES])
    own = pd.concat(
        read_table(PREDICTIONS / source / f"{name}.csv").assign(task=name)
        for source in SOURCES
        for name in names
    )
    calibration = calibration_table(nested, own[own["role"] == "oof"], tasks, folds)
    widths, beads = interval_table(nested, tasks, folds)
    write_table(PLOTS / "calibration.csv", calibration.round(6))
    write_table(PLOTS / "intervals.csv", widths.round(6))
    known = {"simulated": card.simulated}
    write_text(PLOTS / "calibration.md", calibration_page(calibration, **known))
    write_text(PLOTS / "intervals.md", interval_page(widths, **known))
    units = {name: task.unit for name, task in tasks.items()}
    made = {"calibration": empty_figure("there is no classification task")}
    made["intervals"] = empty_figure("there is no regression task")
    if len(calibration):
        made["calibration"] = temperature_figure(calibration)
    if len(beads):
        made["intervals"] = interval_figure(beads[beads["model"].isin(SHOWN)], units)
    for name, figure in made.items():
        save(PLOTS / f"{name}.svg", figure, **known)
    logging.info("see %s", PLOTS)


if __name__ == "__main__":
    run_stage(main)
