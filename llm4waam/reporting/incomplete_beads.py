"""The section of plots/results/results.md on beads with fields left out."""

from collections.abc import Mapping

import pandas as pd

from llm4waam.decisions.confidence import COMPLETE, REQUIRED, SOME
from llm4waam.evaluation.metrics import HEADLINES
from llm4waam.plotting.pages import markdown_table, number
from llm4waam.plotting.style import title
from llm4waam.splits.tasks import Task

WORDS = {COMPLETE: "nothing", REQUIRED: "all that is not required", SOME: "some, drawn"}
TEXT = (
    "What the answers are worth when a user does not know a field. Each training bead is judged by "
    "the model of its fold, and by an interval that was fitted on the other folds; the number "
    "after the comma is of the hold-out. `coverage` is the share of the beads whose value lies in "
    "the 90 % interval, `width` the median width of the interval over the true value, out of fold."
)


def incomplete_section(
    incomplete: Mapping[str, Mapping[str, Mapping]], tasks: Mapping[str, Task]
) -> list[str]:
    """Paragraphs and a table for each encoder; nothing where no bead was told incomplete.

    `incomplete` maps encoder and task to what `evaluation.incomplete.by_pattern` found.
    """
    parts = []
    for encoder, found in incomplete.items():
        patterns = list(dict.fromkeys(p for one in found.values() for p in one.get("oof", {})))
        if set(patterns) <= {COMPLETE}:
            continue
        order = [name for name in patterns if name not in WORDS]
        rows = []
        for pattern in (COMPLETE, *sorted(order), SOME, REQUIRED):
            if pattern in patterns:
                row = [WORDS.get(pattern, title(pattern))]
                for name, task in tasks.items():
                    row += _cells(task, found[name], pattern)
                rows.append(row)
        heads = ["left out", *(head for name, task in tasks.items() for head in _heads(name, task))]
        beads = max(one["oof"][COMPLETE]["beads"] for one in found.values() if "oof" in one)
        parts += [
            f"**{title(encoder)}**, {beads} training beads:",
            markdown_table(pd.DataFrame(rows, columns=heads)),
        ]
    return ["## Beads with fields left out", TEXT, *parts] if parts else []


def _heads(name: str, task: Task) -> list[str]:
    if task.kind == "regression":
        return [f"{title(name)}, coverage", "width"]
    return [f"{title(name)}, {title(HEADLINES[task.kind])}"]


def _cells(task: Task, found: Mapping, pattern: str) -> list[str]:
    measure = "coverage" if task.kind == "regression" else HEADLINES[task.kind]
    roles = [found.get(role, {}).get(pattern, {}) for role in ("oof", "hold_out")]
    cells = [", ".join(number(one.get(measure)) for one in roles)]
    width = roles[0].get("median_relative_width")
    return [*cells, number(width)] if task.kind == "regression" else cells
