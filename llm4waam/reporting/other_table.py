"""The page of the study on a table of other people: scores by cells and by groups side by side."""

from collections.abc import Mapping

import pandas as pd

from llm4waam.card.card import CELL
from llm4waam.core.escapes import in_markdown
from llm4waam.plotting.pages import between, kind_of_data, markdown_table, number
from llm4waam.plotting.style import title

SIDES = ("out of fold", "hold-out")


def other_table_page(
    heading: str, rows: pd.DataFrame, runs: Mapping[str, dict], *, simulated: bool
) -> str:
    """Every model's headline out of fold and on the hold-out, two columns for each way to split.

    `rows` are those of plots/results/results.csv with the column `by`, `runs` the counts by `by`.
    """
    kind = kind_of_data(simulated=simulated)
    parts = [f"# {in_markdown(heading)}", f"The study on a table of other people, {kind}."]
    counts = []
    for by, run in runs.items():
        what = "cells" if by == CELL else "groups"
        counts.append(
            f"- by {by.replace('_', ' ')}: {run['beads']} beads of {run['rows']} rows; "
            f"{run['kept_together']} {what} stay together."
        )
    parts.append("\n".join(counts))
    for task, part in rows.groupby("task", sort=False):
        metric = title(part["metric"].iloc[0])
        models = part[part["by"] == CELL].sort_values("score", ascending=False)["model"]
        lines = []
        for model in models:
            line: list[object] = [title(model)]
            for by in runs:
                [one] = part[(part["by"] == by) & (part["model"] == model)].to_dict("records")
                line += [between(one["score"], one["low"], one["high"]), number(one["hold_out"])]
            lines.append(line)
        sides = [f"{by.replace('_', ' ')}, {side}" for by in runs for side in SIDES]
        heads = ["model", *(f"{metric}, by {side}" for side in sides)]
        parts.append(f"## {title(task).capitalize()}")
        parts.append(markdown_table(pd.DataFrame(lines, columns=heads)))
    parts.append(
        "Brackets hold the 95 % bootstrap over what stays together. The models stand in the order "
        "of their score by cells. A dash is a score that is not defined."
    )
    return "\n\n".join(parts) + "\n"
