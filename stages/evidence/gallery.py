"""All the figures of a study, by the name of their file."""

import pandas as pd
from matplotlib.figure import Figure

from stages.evidence import calibration_figures, figures, prediction_figures
from stages.evidence.plots import Study, compared
from stages.evidence.style import empty_figure
from stages.learning.tasks import Task


def draw(study: Study, tables: dict[str, pd.DataFrame], history: pd.DataFrame) -> dict[str, Figure]:
    """Name -> figure, from the tables of `stages.evidence.plots`.

    Every name is there for every card: a pipeline expects the files.
    """
    tasks = {name: assessments[0].task for name, assessments in study.items()}
    made = {
        "results": figures.results_figure(tables["results"]),
        "learning_curves": figures.curves_figure(history),
    }
    shown = {
        name: [one.model for one in compared(assessments)]
        for name, assessments in study.items()
        if tasks[name].kind != "regression"
    }
    made["per_label_f1"] = (
        figures.label_figure(tables["per_label_f1"], shown)
        if shown
        else empty_figure("there is no classification task")
    )
    made["reliability"] = (
        calibration_figures.reliability_figure(tables["reliability"])
        if shown
        else empty_figure("there is no classification task")
    )
    classes = {name: task.classes for name, task in _of(tasks, "binary").items()}
    made["confusion"] = (
        prediction_figures.confusion_figure(tables["confusion"], classes)
        if classes
        else empty_figure("there is no binary task")
    )
    scales = {name: (task.unit, task.transform) for name, task in _of(tasks, "regression").items()}
    made["predicted"] = (
        prediction_figures.predicted_figure(tables["predicted"], scales)
        if scales
        else empty_figure("there is no regression task")
    )
    return made


def _of(tasks: dict[str, Task], kind: str) -> dict[str, Task]:
    return {name: task for name, task in tasks.items() if task.kind == kind}
