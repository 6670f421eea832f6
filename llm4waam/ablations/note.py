"""Kind `note`: what the operator's note is worth to each model, on many simulated beads.

A note tells of a latent cause of trouble that no set-point shows. 140 beads are too few to learn
its words, so the table is a population of random laboratories, dirty like the study's and cleaned
by its card. The simulator knows its own law, and so the highest accuracy with and without notes.
"""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from llm4waam.ablations.run import Study
from llm4waam.ablations.variations import NoteTrial
from llm4waam.card.card import Card
from llm4waam.cleaning.clean import clean_table
from llm4waam.core.errors import StudyError
from llm4waam.plotting.pages import number
from llm4waam.simulator.columns import holds_all
from llm4waam.simulator.population import LIMITS, simulate_population
from llm4waam.simulator.raw_table import dirty
from llm4waam.simulator.reference import ceiling
from llm4waam.splits.folds import make_folds, strata_of

PLACE = "the population of ablations.note"


def check_card(card: Card, file: Path) -> None:
    """Raise StudyError for a table that the simulator did not make: its notes have no such law."""
    if not (card.simulated and holds_all(card.columns)):
        reason = "the kind note is about beads of this project's simulator"
        raise StudyError(file, reason, expected="a simulated table with all of its columns")


def population_beads(settings: NoteTrial, card: Card) -> pd.DataFrame:
    """Clean beads of a simulated population, as the stage `clean` would leave them."""
    table = simulate_population(settings.beads, settings.seed)
    raw = dirty(table, settings.seed)
    raw.index = raw.index + 1
    beads, _ = clean_table(raw.astype(str), card, {}, PLACE)
    return beads


def population_study(study: Study, card_file: Path) -> Study:
    """The study on a population: other beads and folds, no hold-out, everything else the same."""
    beads = population_beads(study.settings.note, study.card)
    split = study.split.model_copy(update={"hold_out": 0.0, "repeats": 1})
    strata = strata_of(study.card, beads, card_file)
    folds = make_folds(beads, strata, **split.options(), file=PLACE)
    return replace(study, beads=beads, folds=folds, split=split, file=Path(PLACE))


def note_ceiling(settings: NoteTrial) -> dict[str, float]:
    """Highest expected accuracy of quality on the population, see `simulator.reference.ceiling`."""
    table = simulate_population(settings.beads, settings.seed)
    return ceiling(table, LIMITS, settings.seed)


def ceiling_section(found: dict[str, float]) -> str:
    """The ceilings in words, for the end of the page."""
    return (
        "## The most that can be had\n\nThe simulator knows the law of its own labels. On these "
        f"beads no model can expect more than an accuracy of {number(found['without_note'])} for "
        f"quality without notes, and {number(found['with_note'])} with them.\n"
    )
