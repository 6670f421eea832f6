"""What the report is made of, all of it written by stages."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from llm4waam.card.card import Card
from llm4waam.encoders.families import FAMILIES
from llm4waam.reporting.results import is_circular
from llm4waam.splits.tasks import Task


@dataclass(frozen=True)
class Sources:
    """What stages wrote about one table.

    `metrics` maps a task to its models and their metrics files, `split` is what the folds kept
    together, `came_true` and `per_label` tables of `results.tables`, `incomplete` is
    metrics/incomplete.json. `ablations` maps a kind to its table, and
    `differs` a kind to what was different when it was run (see `core.made_from`); a kind that was
    not run on this table is in neither. `losses` maps a task to the variation of the kind `losses`
    that is the study's own loss, and `losses_epochs` is for how long that kind trains. `advice` is
    metrics/advice.json and `advised` the beads of its page, by language (head and rows); None where
    there is no page of advice of this table. `plots` is the folder of the figures, `group` the
    column of which a value is left out, `example` the sentence of a training bead.
    """

    card: Card
    tasks: Mapping[str, Task]
    metrics: Mapping[str, Mapping[str, dict]]
    tiers: Mapping[str, int]
    summary: Mapping[str, dict]
    comparisons: Mapping[str, dict]
    came_true: pd.DataFrame
    per_label: pd.DataFrame
    incomplete: Mapping[str, Mapping[str, Mapping]]
    cleaning: Mapping
    split: Mapping
    ablations: Mapping[str, pd.DataFrame]
    differs: Mapping[str, Mapping[str, tuple[str, str]]]
    losses: Mapping[str, str]
    losses_epochs: int
    advice: Mapping | None
    advised: Mapping[str, Mapping] | None
    plots: Path
    group: str
    example: str

    @property
    def encoders(self) -> list[str]:
        """The encoders that were fine-tuned."""
        first = next(iter(self.metrics.values()))
        return [name for name in FAMILIES if name in first]

    def compared(self, task: str) -> list[str]:
        """All encoders and the best baseline of a task."""
        best = self.summary[task]["best_baseline"]
        return [*self.encoders, *([best] if best else [])]

    @property
    def facts(self) -> frozenset[str]:
        """What is true of the table, of all that a text of report_words.yaml can hang on."""
        card, tasks = self.card, self.tasks.values()
        kinds, measured = {task.kind for task in tasks}, card.named("measurement")
        known = {
            "simulated": card.simulated,
            "circular": is_circular(card),
            "simulated_notes": card.simulated and bool(card.named("note")),
            "measured_values": bool(measured),
            "formula": any("pre_weld" in card.tasks[n].formulas for n in self.tasks),
            "measured_formula": any("post_weld" in card.tasks[n].formulas for n in self.tasks),
            "classified": bool(kinds - {"regression"}),
            "regression": "regression" in kinds,
        }
        return frozenset(name for name, true in known.items() if true)
