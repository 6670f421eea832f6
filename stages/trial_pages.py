"""Stage `trial-pages` of sweeps/dvc.yaml: the sweeps as tables, figures and pages."""

import logging
from pathlib import Path

import pandas as pd

from llm4waam.ablations import trial_figures, trial_scores
from llm4waam.ablations.settings import Trials
from llm4waam.ablations.trial_page import trial_page
from llm4waam.ablations.trials import tasks_of, trials_of
from llm4waam.card.card import read_card
from llm4waam.core.files import read_table, write_table, write_text
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.evaluation.assessment import ENCODERS
from llm4waam.plotting.style import save
from llm4waam.reporting.sweeps import AXES, HEADINGS, REFERENCES
from llm4waam.sentences.prompts import TextStyle
from llm4waam.splits.tasks import Task, make_task
from llm4waam.training.recipe import TrainingParams

BEADS, PLOTS = Path("data/clean/beads.csv"), Path("plots/trials")
PREDICTIONS, TRIALS = Path("data/predictions"), Path("data/trials")
SOURCES = (*ENCODERS, "baselines")


class Params(TrainingParams):
    """The sections of params.yaml that this stage reads."""

    text: TextStyle
    trials: Trials


def main() -> None:
    """Score every sweep, beside the study itself where the study is one of its variants."""
    params = read_params(Params)
    card, settings = read_card(params.card_file), params.trials
    cells = read_table(BEADS).set_index("bead")["cell"]
    for sweep in HEADINGS:
        wanted = [name for name in params.tasks if name in tasks_of(sweep, settings)]
        tasks = {name: make_task(card, name, params.card_file) for name in wanted}
        titles = dict([REFERENCES[sweep]]) if sweep in REFERENCES else {}
        titles |= {t.key: t.title for t in trials_of(sweep, settings, params.train.epochs)}
        rows = _read(sweep, tasks)
        trials = trial_scores.assess_trials(rows, tasks, cells)
        models = [*ENCODERS, *rows["model"].drop_duplicates()]
        table = trial_scores.trial_scores(trials, tasks, titles, list(dict.fromkeys(models)))
        gaps = pd.DataFrame(columns=trial_scores.GAPS)
        if sweep in REFERENCES:
            gaps = trial_scores.gaps(trials, list(titles)[-1], next(iter(titles)))
            gaps = gaps[gaps["model"].isin(ENCODERS)]
        if sweep == "protocols":
            paid = trial_scores.paid_scores(rows[rows["variant"] != "grouped"], tasks)
            table = pd.concat([table, paid], ignore_index=True)
        shown = trial_figures.shown_models(table, probe=sweep == "protocols")
        write_table(PLOTS / f"{sweep}.csv", table.round(6))
        page = trial_page(sweep, table, shown, gaps, simulated=card.simulated)
        write_text(PLOTS / f"{sweep}.md", page)
        if sweep in AXES:
            figure = trial_figures.curve_figure(table, shown, *AXES[sweep])
        else:
            figure = trial_figures.steps_figure(table, shown)
        save(PLOTS / f"{sweep}.svg", figure, simulated=card.simulated)
    logging.info("see %s", PLOTS)


def _read(sweep: str, tasks: dict[str, Task]) -> pd.DataFrame:
    """Prediction rows of a sweep, the study's own first."""
    found = []
    if sweep in REFERENCES:
        for source in SOURCES:
            for name in tasks:
                rows = read_table(PREDICTIONS / source / f"{name}.csv")
                rows = rows[rows["role"] == "oof"]
                found.append(rows.assign(task=name, variant=REFERENCES[sweep][0]))
    for source in SOURCES:
        file = TRIALS / sweep / f"{source}.csv"
        if file.is_file():
            found.append(read_table(file))
    return pd.concat(found, ignore_index=True)


if __name__ == "__main__":
    run_stage(main)
