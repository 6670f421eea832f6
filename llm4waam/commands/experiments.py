"""`llm4waam experiments`: the experiments of this commit as one table that fits a terminal."""

import json
from dataclasses import dataclass
from typing import Any

from llm4waam.commands.ask_dvc import ask_dvc
from llm4waam.commands.columns import in_columns, last_width, wrap
from llm4waam.core.dotted import dotted

NAME_WIDTH, SCORE_WIDTH = 20, 7  # of the first column at most, and of each score
SHOWN = 5  # tasks for which there is room
FIRST, NONE = "experiment", "-"
NO_EXPERIMENTS = (
    "There are no experiments of this commit. To make one: dvc exp run -S train.epochs=5 -n five\n"
    "Those of other commits: dvc exp list --all-commits\n"
)
# States that DVC gives to experiments of its queue; the others have ended well.
UNFINISHED = {"queued", "running", "failed"}


@dataclass(frozen=True)
class Row:
    """The workspace, a commit or an experiment.

    `state` is "" where the run has ended well, `params` are by dotted name, `summary` is
    metrics/summary.json, `error` is what DVC could not read.
    """

    name: str
    state: str
    params: dict[str, Any]
    summary: dict[str, dict]
    error: str = ""


def experiments_table() -> str:
    """The table, or one line that says how to make an experiment."""
    return render(json.loads(ask_dvc("exp", "show", "--json")))


def render(shown: list[dict]) -> str:
    """The table of what `dvc exp show --json` printed, at most 100 columns wide.

    An experiment names the parameters in which it differs from the commit; the workspace as well;
    the commit names those in which any other row differs from it.
    """
    rows = rows_of(shown)
    if len(rows) <= len(shown):
        return NO_EXPERIMENTS
    _, commit, *_ = rows
    changes = {id(row): _changes(row.params, commit.params) for row in rows}
    differing = sorted({name for names in changes.values() for name in names})
    changes[id(commit)] = differing
    tasks = list(dict.fromkeys(task for row in rows for task in row.params.get("tasks", [])))
    with_room = tasks[:SHOWN]
    names = [f"{row.name} ({row.state})" if row.state else row.name for row in rows]
    longest = max(map(len, [FIRST, *names]))
    widths = [min(NAME_WIDTH, longest), *[SCORE_WIDTH] * len(with_room), SCORE_WIDTH]
    sides = ["left", *["right"] * (len(widths) - 1), "left"]
    header = [FIRST, *(task.replace("_", " ") for task in with_room), "mean lead"]
    table = [[*header, "parameters that differ"]]
    for name, row in zip(names, rows, strict=True):
        scores = [row.summary.get(task, {}).get("encoder_score") for task in with_room]
        table.append(
            [
                name,
                *map(_score, [*scores, _mean_lead(row)]),
                "\n".join(_assignment(row, one) for one in changes[id(row)]),
            ]
        )
    legend = "\n".join(wrap("\n".join(_legend(rows, tasks[SHOWN:]))))
    return f"{in_columns(table, [*widths, last_width(widths)], sides)}\n{legend}\n"


def rows_of(shown: list[dict]) -> list[Row]:
    """The rows, top to bottom: the workspace, then each commit with its experiments."""
    rows = []
    for commit in shown:
        name = "workspace" if commit["rev"] == "workspace" else commit["name"] or "this commit"
        rows.append(_row(name, "", commit))
        for experiment in commit["experiments"] or []:
            state = (experiment["executor"] or {}).get("state", "")
            newest, *_ = experiment["revs"]
            name = experiment["name"] or newest["name"] or "without a name"
            rows.append(_row(name, state if state in UNFINISHED else "", newest))
    return rows


def _row(name: str, state: str, entry: dict) -> Row:
    data, error = entry["data"] or {}, entry["error"]
    params = data.get("params", {}).get("params.yaml", {}).get("data", {})
    metrics = data.get("metrics", {}).get("metrics/summary.json", {}).get("data", {})
    # What has not ended well stands in DVC with the scores of the files that it was started from.
    summary = {} if state else metrics
    # Of a failed run DVC says no more than that.
    told = error["msg"] if error and not state else ""
    return Row(name, state, dotted(params), summary, told)


def _changes(params: dict[str, Any], commit: dict[str, Any]) -> list[str]:
    """The names whose values differ or that only one of the two has; none of an unread row."""
    if not params or not commit:
        return []
    missing = object()
    names = sorted(params.keys() | commit.keys())
    return [name for name in names if params.get(name, missing) != commit.get(name, missing)]


def _assignment(row: Row, name: str) -> str:
    if name not in row.params:
        return f"{name} is not set"
    value = row.params[name]
    text = value if isinstance(value, str) else json.dumps(value)
    return f"{name}={text}"


def _mean_lead(row: Row) -> float | None:
    leads = [row.summary.get(task, {}).get("difference") for task in row.params.get("tasks", [])]
    return sum(leads) / len(leads) if leads and None not in leads else None


def _score(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"


def _legend(rows: list[Row], left_out: list[str]) -> list[str]:
    told = [
        "below a task: main score of the best encoder, out of fold: micro F1, accuracy or R2; 1 is "
        "best",
        "mean lead: these scores less those of the best baselines, mean over all tasks",
        "workspace: scores of its last run, whatever params.yaml says since then",
    ]
    if left_out:
        told.append(f"without a column, but in the mean lead: {', '.join(left_out)}")
    states = {row.state for row in rows}
    if "queued" in states:
        told.append("queued: waits for `dvc queue start`")
    if "failed" in states:
        told.append("failed: `dvc queue logs NAME` says why")
    told += [f"{row.name}: {row.error}" for row in rows if row.error]
    return told
