"""A Markdown page for a sweep, from the tables of `trial_scores`."""

import pandas as pd

from llm4waam.plotting.style import title
from llm4waam.reporting.results import number
from llm4waam.reporting.sweeps import HEADINGS, INTROS


def trial_page(
    sweep: str,
    table: pd.DataFrame,
    models: dict[str, list[str]],
    gaps: pd.DataFrame,
    *,
    simulated: bool,
) -> str:
    """The page of a sweep: a table a task and metric, then what the gap is, in words.

    `models` are those shown of a task, `gaps` the paired differences of the last variant against
    the first (empty: none are told).
    """
    kind = "simulated data" if simulated else "measured data"
    parts = [f"# {HEADINGS[sweep]}, on {kind}", INTROS[sweep]]
    for task, names in models.items():
        part = table[table["task"] == task]
        parts.append(f"## {title(task).capitalize()}")
        for metric in part["metric"].unique():
            rows = part[part["metric"] == metric]
            name = title(metric)
            parts.append(f"{name[:1].upper()}{name[1:]} of {rows['beads'].max()} beads.")
            parts.append(_table(rows, names))
        parts += [_sentence(row) for row in gaps[gaps["task"] == task].itertuples()]
    return "\n\n".join(parts) + "\n"


def _table(rows: pd.DataFrame, models: list[str]) -> str:
    lines = [["", *map(title, models)], ["---", *["---:"] * len(models)]]
    cells = rows.set_index(["variant", "model"])
    for variant, name in rows.drop_duplicates("variant")[["variant", "title"]].itertuples(
        index=False
    ):
        found = [
            _cell(cells.loc[variant, model]) if (variant, model) in cells.index else number(None)
            for model in models
        ]
        lines.append([name, *found])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(row: pd.Series) -> str:
    score, low, high = (
        number(None if pd.isna(row[name]) else row[name]) for name in ("score", "low", "high")
    )
    return score if pd.isna(row["low"]) else f"{score} ({low} to {high})"


def _sentence(row: object) -> str:
    low, high = row.low, row.high
    paired = "" if pd.isna(low) else f" (95 % interval {number(low)} to {number(high)}"
    if paired:
        paired += ", which holds zero)" if low <= 0 <= high else ")"
    way = "higher" if row.gap > 0 else "lower"
    gap = f"{number(abs(row.gap))} {way}" if row.gap else "no different"
    return f"{title(row.model)}: {title(row.metric)} {gap}{paired}."
