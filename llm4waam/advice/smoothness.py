"""Whether a prediction hangs on how a number is spelled: it should not jump between neighbours.

A sentence says a set-point with the decimals of the machine's step; what is finer reaches the
model as a number alone. Each set-point of a bead is moved in tenths of that step, and a jump is
how far one move changes an answer beyond what the moves beside it do.
"""

import numpy as np
import pandas as pd

from llm4waam.card.card import Card
from llm4waam.inference.predictor import Predictor
from llm4waam.plotting.pages import kind_of_data, markdown_table, number
from llm4waam.plotting.style import title
from llm4waam.sentences.fields import field_of

PART = 10  # moves to a step
AROUND = 2  # steps to either side of a bead's own value
LIMITS = {"classification": 0.05, "regression": 0.02}  # of a probability; relative, of a value
JUMPS = ["task", "kind", "field", "bead", "at", "jump"]
INTRO = (
    "Each set-point of {beads} hold-out beads is moved by two steps of the machine to either "
    "side, in tenths of a step. A jump is how far one move changes an answer beyond the larger of "
    "what the moves before and after it do in the same direction: a slope is shared by a "
    "neighbour, a jump is not. Shown is the largest jump of all beads, for probabilities as a "
    "difference, for values relative. Above {probability:g} of a probability or {value:.0%} of a "
    "value an answer hangs on the spelling of a number."
)


def sweep(bead: pd.Series, field: str, step: float) -> pd.DataFrame:
    """The bead with `field` moved in tenths of a step, a row a value; never to 0 or below."""
    own, width = float(bead[field]), step / PART
    offsets = np.arange(-AROUND * PART, AROUND * PART + 1)
    values = np.round(own + offsets * width, 9)
    values = values[values > 0] if own > 0 else values
    rows = pd.DataFrame([bead] * len(values)).reset_index(drop=True).infer_objects()
    return rows.assign(**{field: values, "bead": [f"{bead['bead']} {n}" for n in range(len(rows))]})


def jumps(values: np.ndarray) -> np.ndarray:
    """How far each move from one row to the next goes beyond those before and after it.

    Beyond the larger of the two, where that goes the same way: a slope, however steep, is shared by
    a neighbour. `values` (rows, outputs) are of at least three rows; returns (rows - 1, outputs).
    """
    moves = np.diff(values, axis=0)
    before, after = np.vstack([moves[1:2], moves[:-1]]), np.vstack([moves[1:], moves[-2:-1]])
    shared = np.maximum(before * np.sign(moves), after * np.sign(moves)).clip(min=0)
    return (np.abs(moves) - shared).clip(min=0)


def measure_jumps(predictor: Predictor, beads: pd.DataFrame) -> pd.DataFrame:
    """The table JUMPS: the largest jump of every bead, set-point with a step, and task."""
    card, found = predictor.card, []
    fields = [n for n in card.named("set_point") if card.columns[n].step]
    for _, bead in beads.iterrows():
        tables = {n: sweep(bead, n, card.columns[n].step) for n in fields if pd.notna(bead[n])}
        together = pd.concat(tables.values(), ignore_index=True)
        scores = predictor.raw_scores(together, list(predictor.tasks))
        start = 0
        for field, table in tables.items():
            rows = slice(start, start + len(table))
            start += len(table)
            for name, task in predictor.tasks.items():
                regression = task.kind == "regression"
                part = scores[name][rows]
                values = np.log(part) if regression else predictor.calibrated(name, part)
                size = jumps(values).max(axis=1)
                kind = "regression" if regression else "classification"
                at = float(table[field].iloc[int(size.argmax())])
                found.append((name, kind, field, bead["bead"], at, float(size.max())))
    return pd.DataFrame(found, columns=JUMPS)


def summarise_jumps(table: pd.DataFrame) -> dict:
    """encoder -> kind of task -> beads, sweeps, the largest jump, and how many are over the limit.

    `table` is JUMPS with `model`.
    """
    found: dict = {}
    for (model, kind), part in table.groupby(["model", "kind"], sort=False):
        found.setdefault(model, {})[kind] = {
            "beads": int(part["bead"].nunique()),
            "sweeps": len(part),
            "largest": float(part["jump"].max()),
            "over_limit": int((part["jump"] > LIMITS[kind]).sum()),
        }
    return found


def smoothness_page(table: pd.DataFrame, card: Card) -> str:
    """The largest jump of all beads by set-point, encoder and task; `table` as above."""
    intro = INTRO.format(
        beads=table["bead"].nunique(),
        probability=LIMITS["classification"],
        value=LIMITS["regression"],
    )
    wide = table.pivot_table("jump", "field", ["task", "model"], aggfunc="max", sort=False)
    lines = [
        [field_of(card, name).phrase or name, _step(card, name), *map(number, row)]
        for name, row in zip(wide.index, wide.to_numpy(), strict=True)
    ]
    head = ["set-point", "step", *(f"{title(task)}, {title(model)}" for task, model in wide)]
    over = int((table["jump"] > table["kind"].map(LIMITS)).sum())
    said = f"That is so in {over} of {len(table)} sweeps of a bead, set-point, task and encoder."
    data = kind_of_data(simulated=card.simulated)
    parts = [
        f"# Does an answer hang on how a number is spelled? On {data}",
        f"{intro} {said}",
        markdown_table(pd.DataFrame(lines, columns=head), left=2),
    ]
    return "\n\n".join(parts) + "\n"


def _step(card: Card, name: str) -> str:
    column = card.columns[name]
    return f"{column.step:g} {column.unit or ''}".strip()
