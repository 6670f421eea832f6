"""Beads as a simulated laboratory would have run them: set-points, arc log, note, labels.

The rows come from a model that follows the literature and states its own choices, not from
experiments. Columns without prefix are the true record; `lab_` ones say how the laboratory writes;
`latent_` ones are hidden from every reader of the raw table.
"""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from llm4waam.core.settings import Count, Section, Seed
from llm4waam.simulator import physics
from llm4waam.simulator.columns import COLUMNS
from llm4waam.simulator.defects import Thresholds, draw_kinds, draw_states, name_labels
from llm4waam.simulator.designs import draw_campaign, draw_cells
from llm4waam.simulator.materials import MODES, of
from llm4waam.simulator.notes import write_notes
from llm4waam.simulator.weld import run_welds, scores_of

RAW_FILE, METRICS_FILE = Path("data/raw/waam_beads.csv"), Path("metrics/simulator.json")

# At these the population shows each defect as often as the 140 beads of the original study do.
# Found by bisection on the scores of 12,000 beads of seed 0; a test repeats it.
LIMITS = Thresholds(humping=-0.21, balling=0.688, fusion=1.138, discontinuity=2.101, bead_cut=3.031)

BEADS_OF_CAMPAIGN = 40  # [C] about what one laboratory runs


class Simulate(Section):
    """The section `simulate`: `design: study` with 140 beads is the embedded table.

    `design: population` takes any number of beads, from random laboratories.
    """

    seed: Seed
    design: Literal["study", "population"]
    beads: Count


def simulate_population(beads: int, seed: int) -> pd.DataFrame:
    """Exactly `beads` beads of random campaigns of about 40 beads, in run order.

    Columns: COLUMNS, then `lab_` and `latent_` ones. The same seed gives the same table.
    """
    rng = np.random.default_rng(seed)
    cells, count, number = [], 0, 0
    while count < beads:
        number += 1
        found = draw_cells(rng, draw_campaign(rng, f"lab{number:04d}"))
        found = found.iloc[rng.permutation(len(found))]
        found = found[found["beads"].cumsum() - found["beads"] < BEADS_OF_CAMPAIGN]
        cells.append(found)
        count += int(found["beads"].sum())
    table = repeat_cells(pd.concat(cells, ignore_index=True))[:beads]
    return number_records(rng, record_beads(rng, table))


def repeat_cells(cells: pd.DataFrame) -> pd.DataFrame:
    """One row a bead: each cell `beads` times, numbered from 1 in `repetition`."""
    table = cells.loc[cells.index.repeat(cells["beads"])].reset_index(drop=True)
    table["repetition"] = table.groupby(["campaign", "cell"], sort=False).cumcount() + 1
    return table.drop(columns="beads")


def record_beads(rng: np.random.Generator, table: pd.DataFrame) -> pd.DataFrame:
    """Run every row of set-points once and write down what was seen; adds the outcome columns.

    Heat input (nominal efficiency) and energy are computed from voltage and current as shown, so
    that both formulas are exact up to the rounding of the written record.
    """
    physical, verbal = rng.spawn(2)  # so that no change of wording changes a bead
    states = draw_states(physical, len(table))
    kinds = draw_kinds(physical, states)
    welds = run_welds(physical, table, states)
    decimals = table["lab_voltage_decimals"].to_numpy()
    volts = welds["voltage_v"].to_numpy()
    volts = np.where(decimals == 2, np.round(volts, 2), np.round(volts, 3))
    amps = welds["current_a"].round(1).to_numpy()
    speed, length = table["travel_speed_mm_s"].to_numpy(), table["bead_length_mm"].to_numpy()
    efficiency = of(MODES, table["transfer_mode"], "efficiency")
    outcome = {
        "voltage_v": volts,
        "current_a": amps,
        "efficiency": efficiency,
        "heat_input_j_mm": physics.heat_input_j_mm(efficiency, volts, amps, speed),
        "energy_j": physics.energy_j(volts, amps, length, speed),
        "note": write_notes(verbal, kinds, table["lab_korean"].to_numpy()),
        "labels": name_labels(scores_of(welds), LIMITS),
        "latent_note_kind": kinds,
    }
    hidden = welds.drop(columns=["voltage_v", "current_a"])
    return pd.concat([table, pd.DataFrame(outcome, index=table.index), hidden], axis=1)


def number_records(rng: np.random.Generator, table: pd.DataFrame) -> pd.DataFrame:
    """Sort by campaign and a shuffled run order, and name the records "KR-A-001" and so on."""
    order = pd.DataFrame({"campaign": table["campaign"], "turn": rng.random(len(table))})
    table = table.loc[order.sort_values(["campaign", "turn"]).index].reset_index(drop=True)
    run = table.groupby("campaign", sort=False).cumcount() + 1
    table["record"] = table["campaign"] + "-" + run.astype(str).str.zfill(3)
    return table[[*COLUMNS, *(c for c in table.columns if c.startswith(("lab_", "latent_")))]]
