"""plots/results: every model of every task as a page, and the rows behind the figures.

Where a table holds predictions it holds those of the first repeat, so that each bead stands once.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from llm4waam.card.card import Card
from llm4waam.core.errors import StudyError
from llm4waam.core.escapes import in_markdown
from llm4waam.core.files import fingerprint
from llm4waam.decisions.decisions import decisions_of, indicators
from llm4waam.evaluation.assessment import (
    FORMULAS,
    Assessment,
    best,
    named,
    ranked,
)
from llm4waam.evaluation.metrics import HEADLINES, ONE_CLASS, class_names, file_key
from llm4waam.evaluation.reliability import reliability_bins
from llm4waam.evaluation.significance import BETTER, WORSE
from llm4waam.plotting.pages import (
    between,
    kind_of_data,
    markdown_table,
    number,
    paired,
)
from llm4waam.plotting.style import title
from llm4waam.reporting.calibrated import Answered, trust
from llm4waam.reporting.incomplete_beads import incomplete_section
from llm4waam.splits.folds import GROUP
from llm4waam.splits.tasks import Task

Study = Mapping[str, Sequence[Assessment]]


def champions(assessments: Sequence[Assessment]) -> list[Assessment]:
    """The best encoder, the best baseline and the closed formulas, each once."""
    chosen = [best(assessments, encoder=True), best(assessments, encoder=False)]
    chosen += [named(assessments, formula) for formula in FORMULAS.values()]
    return list({one.model: one for one in chosen if one}.values())


def compared(assessments: Sequence[Assessment]) -> list[Assessment]:
    """All encoders and the best baseline."""
    encoders = [one for one in assessments if one.is_encoder]
    return [*encoders, *filter(None, [best(assessments, encoder=False)])]


def tables(study: Study, answered: Answered) -> dict[str, pd.DataFrame]:
    """All the tables of this module, by the name of their file.

    `answered` is what `calibrated.as_answered` gives of the encoders, for tasks of two classes.
    """
    return {
        "results": results(study),
        "predicted": predicted(study),
        "per_label_f1": per_label(study),
        "confusion": confusion(study),
        "reliability": reliability(study),
        "came_true": trust(answered),
    }


def predicted(study: Study) -> pd.DataFrame:
    """Regression: task, model, role, bead, target, score, both in the unit of the task."""
    tables = [
        pd.DataFrame(
            {
                "task": task,
                "model": one.model,
                "role": role,
                "bead": part.beads,
                "target": part.target[:, 0],
                "score": part.score[0, :, 0],
            }
        )
        for task, assessments in study.items()
        for one in champions(assessments)
        for role, part in (("oof", one.oof), ("hold_out", one.hold_out))
        if one.task.kind == "regression" and len(part.score)
    ]
    columns = ["task", "model", "role", "bead", "target", "score"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def confusion(study: Study) -> pd.DataFrame:
    """One of two or more classes: task, model, bead, actual and predicted class, out of fold."""
    tables = []
    for task, assessments in study.items():
        for one in champions(assessments):
            if one.task.kind not in ONE_CLASS:
                continue
            classes = np.array(class_names(one.task))
            decided = decisions_of(one.task, one.oof.score[0], one.oof.thresholds[0])
            actual, predicted = (
                classes[indicators(one.task, values).argmax(axis=1)]
                for values in (one.oof.target, decided)
            )
            tables.append(
                pd.DataFrame(
                    {
                        "task": task,
                        "model": one.model,
                        "bead": one.oof.beads,
                        "actual": actual,
                        "predicted": predicted,
                    }
                )
            )
    columns = ["task", "model", "bead", "actual", "predicted"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def reliability(study: Study) -> pd.DataFrame:
    """Classification: task, model, bin, mean_score, share, beads, low, high, out of fold.

    Of the encoders and the best baseline; over the repeats, every statement of each counts.
    """
    tables = [
        reliability_bins(one.oof.score, np.broadcast_to(one.oof.target, one.oof.score.shape))
        .assign(model=one.model)
        .assign(task=task)
        for task, assessments in study.items()
        for one in compared(assessments)
        if one.task.kind != "regression"
    ]
    columns = ["task", "model", "bin", "mean_score", "share", "beads", "low", "high"]
    return (
        pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)
    )


def per_label(study: Study) -> pd.DataFrame:
    """Classification, out of fold: task, label, model, f1, precision, recall, support and
    false_positives, the beads that were given the label and are without it, the mean over repeats.
    """
    rows = [
        {
            "task": task,
            "label": label,
            "model": one.model,
            **one.metrics["per_label"][file_key(label)],
            "false_positives": wrong[place],
        }
        for task, assessments in study.items()
        for one in assessments
        if one.task.kind != "regression"
        for wrong in [_false_positives(one)]
        for place, label in enumerate(class_names(one.task))
    ]
    columns = ["task", "label", "model", "f1", "precision", "recall", "support", "false_positives"]
    return pd.DataFrame(rows, columns=columns)


def _false_positives(one: Assessment) -> np.ndarray:
    """Of each label, the beads that were given it and are without it, the mean over repeats."""
    actual = indicators(one.task, one.oof.target)
    given = [
        indicators(one.task, decisions_of(one.task, score, thresholds))
        for score, thresholds in zip(one.oof.score, one.oof.thresholds, strict=True)
    ]
    return np.mean([(some > actual).sum(axis=0) for some in given], axis=0)


def results(study: Study) -> pd.DataFrame:
    """The headline of every model: task, model, metric, score, low, high, hold_out, knows_more."""
    rows = []
    for task, assessments in study.items():
        for one in assessments:
            metric = HEADLINES[one.task.kind]
            rows.append(
                {
                    "task": task,
                    "model": one.model,
                    "metric": metric,
                    "score": one.score,
                    **one.metrics["oof"]["interval"],
                    "hold_out": one.metrics["hold_out"][metric],
                    "knows_more": int(one.knows_more),
                }
            )
    columns = ["task", "model", "metric", "score", "low", "high", "hold_out", "knows_more"]
    return pd.DataFrame(rows, columns=columns)


def read_history(folder: Path, tasks: Sequence[str], encoders: Sequence[str]) -> pd.DataFrame:
    """Learning curves of the `encoders`: task, model, repeat, fold, epoch, train_loss, val_loss.

    Raises StudyError for a file or a column that is missing.
    """
    tables = []
    for encoder in encoders:
        for task in tasks:
            file = folder / encoder / f"{task}.csv"
            if not file.is_file():
                raise StudyError(file, "there is no such file", expected="learning curves")
            table = pd.read_csv(file)
            for column in ("repeat", "fold", "epoch", "train_loss", "val_loss"):
                if column not in table:
                    raise StudyError(file, "the column is missing", column=column)
            table.insert(0, "model", encoder)
            table.insert(0, "task", task)
            tables.append(table)
    return pd.concat(tables, ignore_index=True)


METRICS = {
    "binary": ("macro_f1", "partial_score", "exact_match", "label_accuracy"),
    "multi_class": ("macro_f1",),
    "multi_label": ("macro_f1", "partial_score", "exact_match", "label_accuracy"),
    "regression": ("rmse", "mae"),
}
KNOWS_MORE = (
    "† is given measured values that the encoders do not see, so it is never the best baseline."
)
FOOTNOTE = (
    "Out of fold: pooled over the folds of a repeat, then the mean over repeats; in brackets the "
    "95 % percentile bootstrap over cells. The best encoder and the best baseline are chosen on "
    "the rows they are reported for, so a difference of two bests is a selection and a little "
    "flattered on both sides. The intervals hold the models fixed: they leave out how far "
    "another training would fall. A model is called better or worse where the p of the paired "
    "difference, adjusted by Holm for all comparisons of metrics/comparisons.json, is below 0.05, "
    "whatever the interval of that one difference says. A dash is a score that is not defined. "
    "Tier is what a model knows beforehand: 0, nothing of physics; 1, formulas of the arc and the "
    "bead; 2, indices of printability."
)

CIRCULAR = "By the law of these indices the simulated labels are made."
OPTIMISTIC = (
    "*optimistic*: the epochs of these models were chosen on the very beads that their scores are "
    "reported for, the published way, so that the scores are too good and no estimate."
)


def results_page(
    study: Study,
    comparisons: Mapping[str, dict],
    card: Card,
    information: str,
    ceilings: Mapping[str, float],
    groups: Mapping[str, Mapping[str, int]],
    incomplete: Mapping[str, Mapping[str, Mapping]],
) -> str:
    """The Markdown page of all tasks.

    `comparisons` are those of metrics/comparisons.json, `information` is the set that the models
    saw, `ceilings` are those of `known_ceilings`, `groups` is what `crossing_groups` found,
    `incomplete` is metrics/incomplete.json.
    """
    kind = kind_of_data(simulated=card.simulated)
    known = information.replace("_", "-")
    parts = [f"# Results on {kind}, {known} information", f"{in_markdown(card.title)}."]
    parts += [
        f"Groups: {found['in_several_folds']} of the {found['groups']} values of {column} stand in "
        "several folds: the scores are of new settings of known groups, not of a new group."
        for column, found in groups.items()
        if found["in_several_folds"]
    ]
    for name, assessments in study.items():
        parts += _section(list(assessments), comparisons[name], information, ceilings)
    tasks = {name: assessments[0].task for name, assessments in study.items()}
    parts += incomplete_section(incomplete, tasks)
    if any(one.is_optimistic for assessments in study.values() for one in assessments):
        parts.append(OPTIMISTIC)
    footnote = f"{FOOTNOTE} {CIRCULAR}" if is_circular(card) else FOOTNOTE
    return "\n\n".join([*parts, footnote]) + "\n"


def is_circular(card: Card) -> bool:
    """Whether tier 2, the card's indices, is the law by which the labels were simulated."""
    return card.simulated and any(field.tier == 2 for field in card.derived.values())


SIMULATOR = Path("metrics/simulator.json")  # of the stage `simulate`
CEILINGS = ("without_note", "with_note")


def known_ceilings(card: Card, raw_file: Path) -> dict[str, float]:
    """Highest expected scores by TASK_CONDITION: the card's, if it does not tell of another table.

    Where the simulator wrote the raw table, its own ceilings of that table count, if it has any.
    """
    if not (SIMULATOR.is_file() and raw_file.is_file()):
        return card.ceiling
    made = json.loads(SIMULATOR.read_text(encoding="utf-8"))
    if made.get("table") != fingerprint(raw_file):
        return card.ceiling
    known = made.get("ceiling", {})
    return {f"quality_{name}": known[name] for name in CEILINGS if name in known}


def _section(
    assessments: list[Assessment],
    pairs: Mapping[str, dict],
    information: str,
    ceilings: Mapping[str, float],
) -> list[str]:
    task, first = assessments[0].task, assessments[0]
    parts = [
        f"## {title(task.name).capitalize()}",
        f"{in_markdown(task.question)} ({_size(first)}.)",
    ]
    parts.append(_table(task, ranked(assessments)))
    if task.kind == "regression":
        parts.append(_formula_sentences(assessments, pairs, information))
    parts.append(_baseline_sentence(assessments, pairs))
    parts += _ceiling(task, ceilings)
    return parts


def _size(one: Assessment) -> str:
    sizes = [(len(part.beads), len(np.unique(part.cells))) for part in (one.oof, one.hold_out)]
    together = "groups" if str(one.oof.cells[0]).startswith(GROUP) else "cells"
    return f"{sizes[0][0]} beads in {sizes[0][1]} {together} out of fold, {sizes[1][0]} in " + (
        f"{sizes[1][1]} hold-out"
    )


def _table(task: Task, assessments: Sequence[Assessment]) -> str:
    metrics = [HEADLINES[task.kind], *METRICS[task.kind]]
    if task.kind == "binary":
        metrics += [f"recall_{file_key(name)}" for name in task.classes]
        # The rest equal the accuracy where every bead has one of two classes.
        metrics = [name for name in metrics if name not in METRICS["binary"][1:]]
    unit = {"rmse": task.unit, "mae": task.unit}
    names = [title(m) + (f", {unit[m]}" if unit.get(m) else "") for m in metrics]
    heads = [
        "model",
        "tier",
        *(f"{n}, {side}" for n in names for side in ("out of fold", "hold-out")),
    ]
    lines = []
    for one in assessments:
        name = title(one.model) + (" †" if one.knows_more else "")
        name = f"**{name}**" if one.is_encoder else name
        cells = [f"{name} *optimistic*" if one.is_optimistic else name, str(one.tier)]
        for place, metric in enumerate(metrics):
            found = one.metrics["oof"]
            ends = (found["interval"][end] for end in ("low", "high")) if place == 0 else [None] * 2
            cells += [between(found[metric], *ends), number(one.metrics["hold_out"][metric])]
        lines.append(cells)
    return markdown_table(pd.DataFrame(lines, columns=heads))


def _formula_sentences(
    assessments: Sequence[Assessment], pairs: Mapping[str, dict], information: str
) -> str:
    encoder, parts = best(assessments, encoder=True), []
    if named(assessments, FORMULAS[information]) is None:
        known = information.replace("_", "-")
        parts.append(f"The card gives no closed formula for this task with {known} information.")
    for formula in filter(None, (named(assessments, name) for name in FORMULAS.values())):
        name = f"the {title(formula.model)} information,"
        if formula.knows_more:
            parts += [f"{_scores(formula, name)}.", KNOWS_MORE]
        else:
            parts.append(_against(encoder, formula, name, pairs))
    return " ".join(parts)


def _baseline_sentence(assessments: Sequence[Assessment], pairs: Mapping[str, dict]) -> str:
    encoder, baseline = best(assessments, encoder=True), best(assessments, encoder=False)
    if baseline is None:
        return "No baseline was run."
    if baseline.model in FORMULAS.values():
        return "No baseline with the same information does better than the closed formula."
    return _against(encoder, baseline, f"the best baseline ({title(baseline.model)})", pairs)


def _scores(one: Assessment, name: str) -> str:
    metric = title(HEADLINES[one.task.kind])
    return f"{name[:1].upper()}{name[1:]} scores {metric} {number(one.score)}"


def _against(
    encoder: Assessment | None, other: Assessment, name: str, pairs: Mapping[str, dict]
) -> str:
    """What the comparison says, in the words of its verdict."""
    start = _scores(other, name)
    if encoder is None or encoder.score is None or other.score is None:
        return f"{start}; there is no encoder's score beside it."
    start += f", the best encoder ({title(encoder.model)}) {number(encoder.score)}"
    pair = next(p for p in pairs.values() if (p["one"], p["other"]) == (encoder.model, other.model))
    if pair["difference"] == 0:
        return f"{start}: a tie."
    told = {BETTER: "the encoder is better", WORSE: "the encoder is worse"}
    said = told.get(pair["verdict"], "which is better cannot be told")
    return f"{start}: {said} ({paired(pair)})."


def _ceiling(task: Task, ceilings: Mapping[str, float]) -> list[str]:
    prefix = f"{task.name}_"
    found = {k: v for k, v in ceilings.items() if k.startswith(prefix)}
    if not found:
        return []
    listed = ", ".join(f"{number(v)} {title(k.removeprefix(prefix))}" for k, v in found.items())
    metric = title(HEADLINES[task.kind])
    return [f"Ceiling of the {metric}, which is known for this table: {listed}."]
