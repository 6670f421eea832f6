"""The rows behind the figures, as tables for `dvc plots` and for anyone's own figure.

Where a table holds predictions it holds those of the first repeat, so that each bead stands once.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stages.beads.errors import StudyError
from stages.evidence.assessment import ENCODERS, FORMULAS, Assessment, best, named
from stages.evidence.reliability import reliability_bins
from stages.learning.decisions import decide, exclusive_index
from stages.learning.metrics import HEADLINES, class_names, file_key

Study = Mapping[str, Sequence[Assessment]]


def champions(assessments: Sequence[Assessment]) -> list[Assessment]:
    """The best encoder, the best baseline and the closed formulas, each once."""
    chosen = [best(assessments, encoder=True), best(assessments, encoder=False)]
    chosen += [named(assessments, formula) for formula in FORMULAS.values()]
    return list({one.model: one for one in chosen if one}.values())


def compared(assessments: Sequence[Assessment]) -> list[Assessment]:
    """Both encoders and the best baseline."""
    encoders = [one for one in assessments if one.is_encoder]
    return [*encoders, *filter(None, [best(assessments, encoder=False)])]


def tables(study: Study) -> dict[str, pd.DataFrame]:
    """All the tables of this module, by the name of their file."""
    return {
        "results": results(study),
        "predicted": predicted(study),
        "per_label_f1": per_label(study),
        "confusion": confusion(study),
        "reliability": reliability(study),
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
    """Binary: task, model, bead, actual and predicted class, out of fold."""
    tables = []
    for task, assessments in study.items():
        for one in champions(assessments):
            if one.task.kind != "binary":
                continue
            scores, classes = one.oof.score[0], np.array(one.task.classes)
            decided = decide(scores, one.oof.thresholds[0], exclusive_index(one.task))
            tables.append(
                pd.DataFrame(
                    {
                        "task": task,
                        "model": one.model,
                        "bead": one.oof.beads,
                        "actual": classes[one.oof.target[:, 0].astype(int)],
                        "predicted": classes[decided[:, 0].astype(int)],
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
    """Classification: task, label, model, f1, precision, recall, support, out of fold."""
    rows = [
        {
            "task": task,
            "label": label,
            "model": one.model,
            **one.metrics["per_label"][file_key(label)],
        }
        for task, assessments in study.items()
        for one in assessments
        for label in class_names(one.task)
    ]
    columns = ["task", "label", "model", "f1", "precision", "recall", "support"]
    return pd.DataFrame(rows, columns=columns)


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


def read_history(folder: Path, tasks: Sequence[str]) -> pd.DataFrame:
    """Learning curves of all encoders: task, model, repeat, fold, epoch, train_loss, val_loss.

    Raises StudyError for a file or a column that is missing.
    """
    tables = []
    for encoder in ENCODERS:
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
