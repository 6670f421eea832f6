"""Sentences to pretrain on: beads of other laboratories, said in every way."""

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from llm4waam.card.card import Card
from llm4waam.card.quantities import convert
from llm4waam.core.settings import BatchSize, Count, Epochs, Few, Rate, Section, Seed
from llm4waam.sentences.fields import Said, field_of, is_number, question, say, statement
from llm4waam.simulator.population import simulate_population

# How often a sentence says a field in another unit, tells the arc log, the physics fields and the
# note, and ends in a question.
OTHER_UNIT, MEASURED, PHYSICS, NOTED, ASKED = 0.25, 0.25, 0.5, 0.7, 0.5
UNTOLD = 0.15  # cells that a laboratory left empty, units and fields that a sentence leaves out


class Pretrain(Section):
    """The small encoders; `epochs` of tiers 0, 1 and 2, every one with as many new `beads`."""

    seed: Seed
    vocabulary: int = Field(ge=300, le=1_000_000)
    layers: Few
    width: int = Field(gt=0, le=16_384)
    heads: Few
    beads: Count
    epochs: tuple[Epochs, Epochs, Epochs]
    batch_size: BatchSize = Field(ge=4)
    learning_rate: Rate
    workers: Few
    threads: Few

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> "Pretrain":
        if self.width % self.heads:
            raise ValueError(f"a width of {self.width} is not shared out among {self.heads} heads")
        return self


def other_laboratories(beads: int, seed: int) -> pd.DataFrame:
    """That many simulated beads of laboratories drawn from `seed`, named as in a clean table.

    Cells as a laboratory would leave them: some temperatures and gas flows were not noted.
    """
    table = simulate_population(beads, seed).rename(columns={"record": "bead"})
    rng = np.random.default_rng([seed, 1])
    for name in ("interpass_temperature_c", "gas_flow_l_min", "shielding_gas", "ctwd_mm"):
        table[name] = table[name].where(rng.random(len(table)) > UNTOLD)
    return table.replace({"note": {"": None}})


def make_corpus(
    beads: pd.DataFrame, card: Card, tier: int, seed: int, left_out: float = UNTOLD
) -> list[dict]:
    """One sentence a bead as rows {text, values}: random fields, order, units and template.

    `tier` is the highest of the physics fields that are said, `left_out` the share of all fields
    that a sentence does not tell. `values` is that of
    `llm4waam.sentences.prompts.make_prompts`; its numbers are in the card's units whatever is said.
    """
    rng = np.random.default_rng([seed, 2])
    known = {
        (information, physics): card.fields(information, physics)
        for information in ("pre_weld", "post_weld")
        for physics in {0, tier}
    }
    notes, questions = card.named("note"), [task.question for task in card.tasks.values()]
    rows = []
    for row in card.with_formulas(beads).to_dict("records"):
        information = "post_weld" if rng.random() < MEASURED else "pre_weld"
        fields = known[information, tier if rng.random() < PHYSICS else 0]
        fields = [f for f in fields if not pd.isna(row[f]) and rng.random() > left_out]
        said = [_say(card, name, row[name], rng) for name in rng.permutation(fields).tolist()]
        told = rng.random() < NOTED
        noted = [row[name] for name in notes if told and not pd.isna(row[name])]
        if rng.random() < ASKED:
            text, values = question(said, noted, str(rng.choice(["", *questions])))
        else:
            text, values = statement(said, noted)
        rows.append({"text": text, "values": values})
    return rows


def _say(card: Card, name: str, value: object, rng: np.random.Generator) -> Said:
    """A field in the card's unit or, now and then, in another that laboratories use."""
    field = field_of(card, name)
    plain = say(card, name, value, field.phrase or "", units=rng.random() > UNTOLD)
    others = getattr(field, "accepted_units", [])
    if not is_number(card, name) or not others or rng.random() > OTHER_UNIT:
        return plain
    unit = str(rng.choice(others))
    moved = field.model_copy(update={"unit": unit})
    told = card.model_copy(update={"columns": {name: moved}})
    text = say(told, name, convert(float(value), field.unit, unit), plain.phrase, units=True).text
    return Said(name, plain.phrase, text, plain.number)
