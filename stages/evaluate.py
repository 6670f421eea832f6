"""Stage `evaluate`: predictions to metrics, tables and figures."""

import logging
from itertools import product
from pathlib import Path

import pandas as pd

from llm4waam.card.card import read_card
from llm4waam.core.errors import StudyError
from llm4waam.core.files import read_table, write_metrics, write_table, write_text
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.encoders.families import FAMILIES
from llm4waam.evaluation.assessment import Assessment, assess, summarise
from llm4waam.evaluation.incomplete import by_pattern, read_incomplete
from llm4waam.evaluation.read_predictions import read_predictions
from llm4waam.evaluation.significance import compare_all
from llm4waam.plotting.style import save
from llm4waam.reporting import results
from llm4waam.reporting.calibrated import as_answered
from llm4waam.reporting.figures import draw
from llm4waam.reporting.results import known_ceilings, results_page
from llm4waam.sentences.prompts import TextStyle
from llm4waam.splits.folds import crossing_groups
from llm4waam.splits.tasks import Task, known_targets, make_task
from llm4waam.training.recipe import TrainingParams

BEADS, FOLDS = Path("data/clean/beads.csv"), Path("data/split/folds.csv")
PREDICTIONS, HISTORY = Path("data/predictions"), Path("plots/history")
INCOMPLETE = Path("data/incomplete")
METRICS, PLOTS = Path("metrics"), Path("plots/results")


class Params(TrainingParams):
    """The sections of params.yaml that this stage reads."""

    text: TextStyle


def main() -> None:
    """Assess every model of params.yaml; nothing is looked for that it does not name."""
    params = read_params(Params)
    card = read_card(params.card_file)
    beads, folds = card.read_beads(BEADS), read_table(FOLDS)
    study = {}
    for name in params.tasks:
        task = make_task(card, name, params.card_file)
        known = known_targets(card, task, beads)
        truth = pd.DataFrame.from_dict(known, orient="index", columns=task.outputs)
        study[name] = _assess(task, folds, truth, params)
    incomplete: dict[str, dict] = {encoder: {} for encoder in params.trained}
    answered: dict[str, dict] = {}
    known = {"tempered_already": bool(params.train.inner_folds)}
    for encoder, (name, [first, *_]) in product(params.trained, study.items()):
        rows = read_table(PREDICTIONS / encoder / f"{name}.csv")
        told = read_incomplete(INCOMPLETE / encoder / f"{name}.csv")
        incomplete[encoder][name] = by_pattern(first.task, rows, told, beads, **known)
        if first.task.kind == "binary":
            answer = as_answered(first.task, rows, told, **known)
            answered.setdefault(name, {})[encoder] = answer
    history = results.read_history(HISTORY, params.tasks, params.trained)
    # Only now: a fault in the last file must not leave the metrics of the first.
    for name, assessments in study.items():
        _write_metrics(name, assessments)
    comparisons = compare_all(study, folds)
    write_metrics(METRICS / "comparisons.json", comparisons)
    write_metrics(METRICS / "incomplete.json", incomplete)
    write_metrics(METRICS / "summary.json", summarise(study))
    ceilings = known_ceilings(card, params.raw_file)
    page = results_page(
        study,
        comparisons,
        card,
        params.text.information,
        ceilings,
        crossing_groups(folds, beads, card),
        incomplete,
    )
    write_text(PLOTS / "results.md", page)
    tables = results.tables(study, answered)
    for name, table in tables.items():
        write_table(PLOTS / f"{name}.csv", table, rounded=True)
    for name, figure in draw(study, tables, history).items():
        # The one that the READMEs show.
        known = {"simulated": card.simulated, "korean": name == "answer"}
        save(PLOTS / f"{name}.svg", figure, **known)
    logging.info("%d tasks assessed; see %s", len(study), PLOTS / "results.md")


def _assess(
    task: Task, folds: pd.DataFrame, truth: pd.DataFrame, params: Params
) -> list[Assessment]:
    # The published way chooses the epoch on the fold that it reports; baselines choose nothing.
    published, found = params.train.selection == "published", []
    for source in (*params.trained, "baselines"):
        file = PREDICTIONS / source / f"{task.name}.csv"
        scores = read_predictions(file, task, folds, truth)
        if source in FAMILIES and list(scores) != [source]:
            raise StudyError(file, "other models", value=", ".join(scores), expected=source)
        for model, each in scores.items():
            optimistic = published and source in FAMILIES
            known = {"optimistic": optimistic, "tier": params.tier(model, params.text.derived)}
            found.append(assess(task, model, each, params.text.information, **known))
    return found


def _write_metrics(name: str, assessments: list[Assessment]) -> None:
    metrics = {one.model: one.metrics for one in assessments}
    for encoder in FAMILIES:
        left_out = {"left_out": 1}  # by `encoders` of params.yaml
        write_metrics(METRICS / encoder / f"{name}.json", metrics.pop(encoder, left_out))
    write_metrics(METRICS / "baselines" / f"{name}.json", metrics)


if __name__ == "__main__":
    run_stage(main)
