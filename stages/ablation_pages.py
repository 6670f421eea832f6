"""Stage `page` of ablations/dvc.yaml: `python -m stages.ablation_pages KIND`."""

import logging
import sys
from pathlib import Path

import pandas as pd

from llm4waam.ablations import choice, nested, parity, redrawn_splits
from llm4waam.ablations.figures import ablation_figure
from llm4waam.ablations.note import (
    ceiling_section,
    check_card,
    note_ceiling,
    population_beads,
)
from llm4waam.ablations.page import REFERENCES, ablation_page
from llm4waam.ablations.scores import (
    HARDER,
    assess_variations,
    differences,
    paid_scores,
    pairs_against,
    score_table,
)
from llm4waam.ablations.variations import SETTINGS, Ablations, Variation, variations_of
from llm4waam.card.card import Card, read_card
from llm4waam.core.errors import require_file
from llm4waam.core.files import read_table, write_metrics, write_table, write_text
from llm4waam.core.made_from import BEADS, FOLDS, KEY, STUDY, made_from
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.encoders.families import FAMILIES
from llm4waam.evaluation.assessment import FORMULAS
from llm4waam.plotting.pages import of_table
from llm4waam.plotting.style import empty_figure, save
from llm4waam.reporting.certainty_figures import interval_figure, temperature_figure
from llm4waam.reporting.report_tables import shown_models
from llm4waam.reporting.results import is_circular
from llm4waam.sentences.prompts import TextStyle
from llm4waam.splits.tasks import Task, make_task
from llm4waam.training.recipe import TrainingParams

PREDICTIONS, ROWS = Path("data/predictions"), Path("data/ablations")
PLOTS, METRICS = Path("plots/ablations"), Path("metrics/ablations")
WORDS = "tfidf_logistic"


class Params(TrainingParams):
    """The sections of params.yaml that this stage reads."""

    text: TextStyle
    ablations: Ablations


def main(kind: str) -> None:
    """Score a kind, beside the study itself where the study is one of its variations."""
    params = read_params(Params)
    card = read_card(params.card_file)
    tasks = {name: make_task(card, name, params.card_file) for name in params.tasks}
    rows = pd.concat([_rows(kind, source) for source in _sources()])
    variations = variations_of(kind, params.ablations, tasks, card.named("group"))
    if kind == "choice":
        _choice(rows, variations, tasks, params, simulated=card.simulated)
    elif kind == "nested":
        _nested(rows, tasks, simulated=card.simulated)
    elif kind == "splits":
        _splits(rows, tasks, simulated=card.simulated)
    elif kind == "parity":
        _parity(rows, simulated=card.simulated)
    else:
        settings, beads, limits = params.ablations.note, card.read_beads(BEADS), None
        if kind == "note":
            check_card(card, params.card_file)
            beads, limits = population_beads(settings, card), note_ceiling(settings)
        _scores(kind, rows, variations, tasks, beads, limits, card)
    logging.info("see %s", PLOTS / kind / f"{kind}.md")


def _sources() -> tuple[str, ...]:
    return (*FAMILIES, "baselines")


def _rows(kind: str, source: str) -> pd.DataFrame:
    file = ROWS / kind / f"{source}.csv"
    require_file(file, f"the outcome of {source} in the matrix of ablations/dvc.yaml")
    return read_table(file)


def _scores(
    kind: str,
    rows: pd.DataFrame,
    variations: list[Variation],
    tasks: dict[str, Task],
    beads: pd.DataFrame,
    limits: dict[str, float] | None,
    card: Card,
) -> None:
    """Tables, page and figure; `limits` is the ceiling of the kind `note`."""
    if kind in REFERENCES:
        key, title = REFERENCES[kind]
        variations = [Variation(key, title, variations[0].tasks), *variations]
        rows = pd.concat([_own(variations[0].tasks).assign(variation=key), rows])
    cells = beads.set_index("bead")["cell"]
    found = assess_variations(rows, tasks, cells)
    table = score_table(found, variations, tasks)
    gaps = pd.DataFrame()
    if kind in (*REFERENCES, *HARDER, "ladder", "note"):
        gaps = differences(found, pairs_against(kind, found, table, variations))
    if kind == "protocols":
        paid = paid_scores(rows[rows["variation"] != variations[0].key], tasks)
        table = pd.concat([table, paid], ignore_index=True)
    shown = shown_models(table, probe=kind == "protocols")
    if kind == "ladder":  # its baselines stand below the table, and as lines in the figure
        shown = {task: list(FAMILIES) for task in shown}
    if kind == "note":  # what reads notes without a language model
        shown = {task: [*models, WORDS] for task, models in shown.items()}
    known = {"simulated": card.simulated, "circular": is_circular(card)}
    page = ablation_page(kind, table, shown, gaps, **known)
    metrics: dict = {}
    for row in table[table["model"].isin(FAMILIES)].to_dict("records"):
        place = metrics.setdefault(row["task"], {}).setdefault(row["model"], {})
        key = row["variation"].replace(".", "_")
        place.setdefault(key, {})[row["metric"]] = row["score"]
    if limits:
        page += f"\n{ceiling_section(limits)}"
        metrics["ceiling"] = limits
    write_table(PLOTS / kind / f"{kind}.csv", table, rounded=True)
    if kind in HARDER:
        write_table(PLOTS / kind / f"{kind}_differences.csv", gaps, rounded=True)
    _write_page(kind, page)
    figure = ablation_figure(kind, table, shown)
    save(PLOTS / kind / f"{kind}.svg", figure, simulated=card.simulated)
    _write_metrics(kind, metrics)


def _own(names: tuple[str, ...], roles: tuple[str, ...] = ("oof",)) -> pd.DataFrame:
    """The study's own rows, those out of fold unless other `roles` are asked for."""
    return pd.concat(
        rows[rows["role"].isin(roles)].assign(task=name)
        for source in _sources()
        for name in names
        for rows in [read_table(PREDICTIONS / source / f"{name}.csv")]
    )


def _choice(
    rows: pd.DataFrame,
    variations: list[Variation],
    tasks: dict[str, Task],
    params: Params,
    *,
    simulated: bool,
) -> None:
    folds = read_table(FOLDS)
    first = folds[(folds["role"] == "train") & (folds["repeat"] == 0)]
    own = rows["bead"].map(first.set_index("bead")["fold"])
    count = int(first["fold"].max()) + 1
    scores = choice.inner_scores(rows.assign(own=own), variations, tasks, count)
    study = choice.of_the_study(variations, params.recipe, count)
    candidates = choice.choose(scores, variations, study)
    write_table(PLOTS / "choice/choice.csv", scores, rounded=True)
    write_table(PLOTS / "choice/candidates.csv", candidates, rounded=True)
    page = choice.choice_page(scores, candidates, simulated=simulated)
    _write_page("choice", page)
    save(PLOTS / "choice/choice.svg", choice.choice_figure(candidates), simulated=simulated)
    _write_metrics("choice", choice.summarise_choice(candidates))


def _nested(rows: pd.DataFrame, tasks: dict[str, Task], *, simulated: bool) -> None:
    folds = read_table(FOLDS)
    tasks = {name: task for name, task in tasks.items() if name in set(rows["task"])}
    calibration = nested.calibration_table(rows, _own(tuple(tasks)), tasks, folds)
    widths, beads = nested.interval_table(rows, tasks, folds)
    write_table(PLOTS / "nested/calibration.csv", calibration, rounded=True)
    write_table(PLOTS / "nested/intervals.csv", widths, rounded=True)
    page = nested.nested_page(calibration, widths, simulated=simulated)
    _write_page("nested", page)
    made = {"calibration": empty_figure("there is no classification task")}
    made["intervals"] = empty_figure("there is no regression task")
    if len(calibration):
        made["calibration"] = temperature_figure(calibration)
    if len(beads):
        shown = (*FAMILIES, "gradient_boosting", FORMULAS["pre_weld"])
        units = {name: task.unit for name, task in tasks.items()}
        made["intervals"] = interval_figure(beads[beads["model"].isin(shown)], units)
    for name, figure in made.items():
        save(PLOTS / "nested" / f"{name}.svg", figure, simulated=simulated)
    metrics: dict = {}
    for row in widths.to_dict("records"):
        found = {name: row[name] for name in ("coverage", "mean_width")}
        metrics.setdefault(row["task"], {})[row["model"]] = found
    _write_metrics("nested", metrics)


def _splits(rows: pd.DataFrame, tasks: dict[str, Task], *, simulated: bool) -> None:
    tasks = {name: task for name, task in tasks.items() if name in set(rows["task"])}
    cells = read_table(BEADS).set_index("bead")["cell"]
    own = _own(tuple(tasks), roles=("oof", "hold_out"))
    draws = redrawn_splits.draw_scores(rows, own, tasks, cells)
    spread = redrawn_splits.spread_of_draws(draws)
    page = redrawn_splits.splits_page(draws, spread, simulated=simulated)
    write_table(PLOTS / "splits/splits.csv", draws, rounded=True)
    write_table(PLOTS / "splits/spread.csv", spread, rounded=True)
    _write_page("splits", page)
    figure = redrawn_splits.splits_figure(draws, spread)
    save(PLOTS / "splits/splits.svg", figure, simulated=simulated)
    _write_metrics("splits", redrawn_splits.summarise_draws(spread))


def _parity(table: pd.DataFrame, *, simulated: bool) -> None:
    write_table(PLOTS / "parity/parity.csv", table, rounded=True)
    _write_page("parity", parity.parity_page(table, simulated=simulated))
    save(PLOTS / "parity/parity.svg", parity.parity_figure(table), simulated=simulated)
    _write_metrics("parity", parity.summarise(table))


def _write_page(kind: str, page: str) -> None:
    file = read_params(Params).card_file
    write_text(PLOTS / kind / f"{kind}.md", of_table(page, read_card(file).title, file))


def _write_metrics(kind: str, metrics: dict) -> None:
    """With what they were made from: the rows of the kind depend on the same files and settings."""
    mark = made_from(STUDY, SETTINGS[kind])
    write_metrics(METRICS / f"{kind}.json", {**metrics, KEY: mark})


if __name__ == "__main__":
    run_stage(main, *sys.argv[1:])
