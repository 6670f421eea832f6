"""What each loss is worth, out of fold: a table, a metrics file and a page."""

from collections.abc import Mapping

import pandas as pd

from llm4waam.evaluation.metrics import HEADLINES, mean_metrics, task_metrics
from llm4waam.plotting.style import title
from llm4waam.splits.tasks import Task

KEYS = ["task", "loss_name", "scale"]
SHOWN = {
    "multi_label": ("micro_f1", "macro_f1", "partial_score", "exact_match"),
    "binary": ("accuracy", "macro_f1"),
    "regression": ("r2", "rmse", "mae"),
}


def scores_of(rows: pd.DataFrame, tasks: Mapping[str, Task]) -> pd.DataFrame:
    """Metrics (task, loss_name, scale, metric, value), pooled over folds, mean over repeats.

    `rows` are prediction rows with the columns of KEYS; every threshold is that of its fold.
    """
    found = []
    for (name, loss, scale), group in rows.groupby(KEYS, sort=False):
        task = tasks[name]
        repeats = []
        for _, part in group.groupby("repeat"):
            shape = (part["bead"].nunique(), len(task.outputs))
            columns = ("target", "score", "loss", "threshold")
            target, score, cost, cut = (part[c].to_numpy(float).reshape(shape) for c in columns)
            cuts = None if task.kind == "regression" else cut
            repeats.append(task_metrics(task, target, score, cost, cuts)[0])
        for metric, value in mean_metrics(repeats).items():
            row = {"task": name, "loss_name": loss, "scale": scale}
            found.append({**row, "metric": metric, "value": value})
    table = pd.DataFrame(found)
    kinds = table["task"].map({name: task.kind for name, task in tasks.items()})
    keep = [metric in SHOWN[kind] for metric, kind in zip(table["metric"], kinds, strict=True)]
    return table[keep].assign(kind=kinds[keep]).reset_index(drop=True)


def summarise(table: pd.DataFrame) -> dict:
    """`metrics/losses.json`: task -> loss (and scale) -> headline score."""
    found: dict = {}
    for row in table.to_dict("records"):
        if row["metric"] == HEADLINES[row["kind"]]:
            name = f"{row['loss_name']}_{row['scale']}".rstrip("_")
            value = None if pd.isna(row["value"]) else row["value"]
            found.setdefault(row["task"], {})[name] = value
    return found


def loss_page(table: pd.DataFrame, settings: object, *, simulated: bool) -> str:
    """A Markdown table a task; `settings` are the stage's parameters."""
    kind = "simulated data" if simulated else "measured data"
    parts = [
        f"# Losses, on {kind}",
        f"{title(settings.encoder)}, {settings.epochs} epochs at {settings.learning_rate:g}, out "
        "of fold. One seed: differences of a few hundredths are noise.",
    ]
    for task, rows in table.groupby("task", sort=False):
        wide = rows.pivot_table("value", ["loss_name", "scale"], "metric", sort=False)
        metrics = SHOWN[rows["kind"].iloc[0]]
        lines = [["loss", *map(title, metrics)], ["---", *["---:"] * len(metrics)]]
        for (loss, scale), row in wide.sort_values(metrics[0], ascending=False).iterrows():
            name = f"{loss}, {scale} target" if scale else loss
            cells = [f"{row[m]:.3f}" if abs(row[m]) < 10 else f"{row[m]:,.0f}" for m in metrics]
            lines.append([name, *cells])
        parts.append(f"## {title(task).capitalize()}")
        parts.append("\n".join(f"| {' | '.join(cells)} |" for cells in lines))
    return "\n\n".join(parts) + "\n"
