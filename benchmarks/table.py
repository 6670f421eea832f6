"""The beads that are learned from, made as the first stages make them, in memory."""

from dataclasses import dataclass, replace

import pandas as pd

from benchmarks.apart import clock
from llm4waam.card.card import Card, read_card
from llm4waam.cleaning.clean import clean_table
from llm4waam.core.files import read_strings
from llm4waam.sentences.prompts import make_prompts
from llm4waam.simulator.population import simulate_population
from llm4waam.simulator.raw_table import dirty
from llm4waam.splits.folds import make_folds, strata_of
from llm4waam.splits.tasks import make_task
from stages.check_params import AllParams


@dataclass(frozen=True)
class Table:
    """Clean beads, their prompts and folds; `took` is the CPU seconds that each took to make."""

    params: AllParams
    card: Card
    beads: pd.DataFrame
    prompts: list[dict]
    folds: pd.DataFrame
    took: dict[str, float]

    def few(self, beads: int) -> "Table":
        """The same with so many training beads for each fold's model, for a quick look."""
        share = -(-beads // (self.folds["fold"].max()))
        keys = ["role", "repeat", "fold"]
        return replace(self, folds=self.folds.groupby(keys).head(share))


def study_table(params: AllParams, folds: int | None = None) -> Table:
    """The table that params.yaml names, in its own folds or in so many."""
    raw, broken = read_strings(params.raw_file)
    return _table(params, params.tasks, raw, broken, folds or params.split.folds, {})


def population_table(params: AllParams, beads: int, tasks: list[str]) -> Table:
    """So many simulated beads of random laboratories, written as dirty as the study's."""
    with clock() as took:
        # As it comes back from a CSV file: strings, numbered from 1.
        raw = dirty(simulate_population(beads, params.simulate.seed), params.simulate.seed)
        raw = raw.astype(str).set_axis(range(1, len(raw) + 1))
    return _table(params, tasks, raw, {}, params.split.folds, {"simulate": took["cpu_seconds"]})


def _table(
    params: AllParams,
    names: list[str],
    raw: pd.DataFrame,
    broken: dict[int, int],
    folds: int,
    took: dict[str, float],
) -> Table:
    card = read_card(params.card_file)
    with clock() as cleaning:
        beads, _ = clean_table(raw, card, broken, params.raw_file)
    with clock() as writing:
        prompts = list(make_prompts(beads, card, params.text, names))
    tasks = [make_task(card, name, params.card_file) for name in params.tasks]
    with clock() as splitting:
        split = params.split.model_dump(exclude={"folds"}) | {"folds": folds}
        strata = strata_of(card, tasks, beads)
        places = make_folds(beads, strata, **split, file=params.raw_file)
    steps = {"clean": cleaning, "sentences": writing, "split": splitting}
    took = took | {name: step["cpu_seconds"] for name, step in steps.items()}
    return Table(params, card, beads, prompts, places, took)
