"""The study's table: 140 beads of three declared campaigns, chosen by annealing over cells.

The default seed is the one of 1 to 10 with the lowest annealing cost, a rule that looks at no
model. Noise and causes were sized before that with models in view: how hard the task is, is a
choice, not a finding.
"""

import numpy as np
import pandas as pd

from stages.beads.designs import Campaign, draw_cells
from stages.beads.habits import Habit
from stages.beads.selection import anneal
from stages.beads.simulator import number_records, weld

BEADS = 140
CAMPAIGNS = (
    Campaign(
        "KR-A",
        (("ER70S-6", "CMT"), ("ER316L", "CMT"), ("ER625", "CMT")),
        "factorial",
        Habit(korean=True, speed_unit="cm/min", voltage_decimals=3),
        blocks=5,
    ),
    Campaign(
        "US-B",
        (("ER70S-6", "pulsed GMAW"), ("ER5356", "pulsed GMAW")),
        "box-behnken",
        Habit(speed_unit="in/min", feed_unit="in/min", thousands=True, kilojoule=True),
        blocks=8,
    ),
    Campaign(
        "EU-C",
        (("ER316L", "CMT+P"), ("Ti-6Al-4V", "CMT")),
        "ccd",
        Habit(speed_unit="mm/s", decimal_comma=True, arc_energy=True, voltage_decimals=3),
        blocks=8,
    ),
)
WANTED_ROWS = {"KR-A": 58, "US-B": 38, "EU-C": 44}
REPEAT_SHARES = (0.64, 0.28, 0.08)  # one, two or three beads; [C], the annealing likes large cells
OFFERS = 12  # simulated runs of each cell, of which at most one is kept


def study_pool(rng: np.random.Generator) -> pd.DataFrame:
    """Every cell of the three campaigns, run OFFERS times: columns as `weld`, offer and place."""
    cells = pd.concat([draw_cells(rng, campaign) for campaign in CAMPAIGNS], ignore_index=True)
    cells["place"] = np.arange(len(cells))
    offers = cells.loc[cells.index.repeat(OFFERS)].reset_index(drop=True)
    offers["offer"] = np.arange(len(offers))
    offers["beads"] = rng.choice((1, 2, 3), size=len(offers), p=REPEAT_SHARES)
    table = offers.loc[offers.index.repeat(offers["beads"])].reset_index(drop=True)
    table["repetition"] = table.groupby("offer", sort=False).cumcount() + 1
    return weld(rng, table.drop(columns="beads"))


def study_table(seed: int) -> pd.DataFrame:
    """The 140 beads: label-set counts exact, moments of heat input and energy near the study's.

    Columns as `simulate_population`. The same seed gives the same table.
    """
    return study_with_cost(seed)[0]


def study_with_cost(seed: int) -> tuple[pd.DataFrame, float]:
    """`study_table` and the cost of the annealing, by which the default seed was chosen."""
    rng = np.random.default_rng(seed)
    pool = study_pool(rng)
    selection = anneal(rng, pool, WANTED_ROWS)
    kept = pool[pool["offer"].isin(selection.offers)].reset_index(drop=True)
    return number_records(rng, renamed(kept)), selection.cost


def renamed(table: pd.DataFrame) -> pd.DataFrame:
    """Cells numbered within their campaign without gaps."""
    first = table.drop_duplicates("cell")
    number = first.groupby("campaign", sort=False).cumcount() + 1
    names = first["campaign"] + "-c" + number.astype(str).str.zfill(3)
    return table.assign(cell=table["cell"].map(dict(zip(first["cell"], names, strict=True))))
