"""The raw table: what the laboratories would have handed over, every cell a string.

How a laboratory writes (units, decimal commas, arc energy for heat input) belongs to the campaign
and comes from the `lab_` columns; slips hit a fixed share of the rows. Every dirty value can be
repaired or at least recognised by a rule: the units of a campaign are unanimous, the lists of other
spellings below are finite, and energy and bead length are never missing, so that any heat input can
be checked. Such dirt is common in logs and public tables [S]/[R]; its rates are choices [C].
"""

import numpy as np
import pandas as pd

from llm4waam.simulator.columns import HEADER, MISSING_RATES, TABLE
from llm4waam.simulator.defects import LABELS
from llm4waam.simulator.designs import FEED_GRID, SPEED_GRID

MATERIAL_ALIASES: dict[str, tuple[str, ...]] = {  # trade and standard names [R]
    "ER70S-6": ("G3Si1", "SG2", "ER 70S-6"),
    "ER316L": ("STS316L", "SS316L", "316L"),
    "ER625": ("Inconel 625", "IN625", "ERNiCrMo-3"),
    "ER5356": ("AlMg5", "AlMg5Cr", "Al 5356"),
    "ER4043": ("AlSi5", "Al 4043"),
    "Ti-6Al-4V": ("Ti64", "Ti6Al4V", "Ti Grade 5"),
}
LABEL_SPELLINGS: dict[str, tuple[str, ...]] = {
    "Balling": ("balling", "BALLING"),
    "Bead cut": ("Bead Cut", "bead cut", "Bead-cut"),
    "Discontinuity": ("discontinuity", "DISCONTINUITY"),
    "Humping": ("humping", "Hump", "HUMPING"),
    "Lack of fusion": ("lack of fusion", "Lack of Fusion", "LOF"),
    "Normal": ("normal", "NORMAL", "Normal "),
}
LABEL_JOINERS = (" or ", ", ", " / ")
MISSING_TOKENS = ("", "n/a", "-")
VOLTAGE_FAULTS = ("0", "-1", "99.9", "327.67")  # open, no signal, saturated, int16 in hundredths
CURRENT_FAULTS = ("0", "999.9", "-3.2")  # no signal, saturated, offset
HEAT_INPUT_SLIPS = (10.0, 0.1, 60 / 25.4)  # the last: in/min taken for mm/s

VOLTAGE_FAULT_RATE, CURRENT_FAULT_RATE = 0.03, 0.02
UNIT_LOST_RATE, SLIP_RATE, COMMA_RATE = 0.06, 0.04, 0.60
ALIAS_RATE, SPELLING_RATE, DUPLICATE_RATE = 0.30, 0.20, 0.05
COMMA_COLUMNS = ("voltage_v", "current_a", "travel_speed")
KILOJOULE_DECIMALS = 4


def dirty(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The raw table of a canonical one: columns HEADER, all strings, 5 % more rows (duplicates).

    `table` is what `simulate_population` or `study_table` returns. The same seed gives the same
    table. Set-points of the beads of a cell are written alike, but for units lost, decimal commas
    and missing values; material, wire feed speed and travel speed are never missing.
    """
    rng = np.random.default_rng(seed)
    raw = _plain(table.reset_index(drop=True), rng)
    _lose(raw, rng, table["campaign"].to_numpy())
    _respell(raw, rng)
    comma = table["lab_decimal_comma"].to_numpy() & (rng.random(len(raw)) < COMMA_RATE)
    for column in COMMA_COLUMNS:
        raw[column] = raw[column].mask(comma, raw[column].str.replace(".", ",", regex=False))
    return _with_duplicates(raw[list(HEADER)], rng)


def _plain(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The record as a careful clerk of each laboratory writes it, but for slips in heat input."""
    raw = pd.DataFrame(index=table.index)
    for name, header, decimals, _ in TABLE:
        if header is not None:  # numbers without fixed decimals are written over below
            raw[header] = table[name] if decimals is None else _written(table[name], decimals)
    for name, column, grid in (
        ("feed", "wire_feed_speed", FEED_GRID),
        ("speed", "travel_speed", SPEED_GRID),
    ):
        unit = table[f"lab_{name}_unit"]
        raw[column] = _written(table[f"lab_{name}"], unit.map({u: g[2] for u, g in grid.items()}))
        raw[f"{column}_unit"] = unit
    raw["voltage_v"] = _written(table["voltage_v"], table["lab_voltage_decimals"])
    energy = _written(table["energy_j"], 0)
    grouped = energy.str.replace(r"(?<=\d)(?=(?:\d{3})+$)", ",", regex=True)
    raw["energy_j"] = energy.mask(table["lab_thousands"], grouped)

    heat = table["heat_input_j_mm"] / table["efficiency"].where(table["lab_arc_energy"], 1.0)
    slipped = _some(rng, len(table), SLIP_RATE)
    heat.iloc[slipped] *= rng.choice(HEAT_INPUT_SLIPS, size=len(slipped))
    kilo = table["lab_kilojoule"]
    decimals = (2 * table["lab_voltage_decimals"] - 3).where(~kilo, KILOJOULE_DECIMALS)
    raw["heat_input"] = _written(heat.mask(kilo, heat / 1000), decimals)
    raw["heat_input_unit"] = np.where(kilo, "kJ/mm", "J/mm")
    return raw


def _lose(raw: pd.DataFrame, rng: np.random.Generator, campaign: np.ndarray) -> None:
    """Put missing values, faults of the logger and lost units into `raw`.

    The first row of a campaign keeps its unit, so that the rest can be read.
    """
    rows = len(raw)
    for column, rate in MISSING_RATES.items():
        lost = _some(rng, rows, rate)
        raw.loc[lost, column] = rng.choice(MISSING_TOKENS, size=len(lost))
    for column, rate, faults in (
        ("voltage_v", VOLTAGE_FAULT_RATE, VOLTAGE_FAULTS),
        ("current_a", CURRENT_FAULT_RATE, CURRENT_FAULTS),
    ):
        there = np.flatnonzero(~raw[column].isin(MISSING_TOKENS))
        faulty = rng.choice(there, size=round(rate * rows), replace=False)
        raw.loc[faulty, column] = rng.choice(faults, size=len(faulty))
    later = np.flatnonzero(pd.Series(campaign).duplicated())
    size = min(round(UNIT_LOST_RATE * rows), len(later))
    raw.loc[rng.choice(later, size=size, replace=False), "travel_speed_unit"] = ""


def _respell(raw: pd.DataFrame, rng: np.random.Generator) -> None:
    """Write some materials and results in another of their spellings."""
    rows = len(raw)
    renamed = _some(rng, rows, ALIAS_RATE)
    luck = rng.random(len(renamed))
    aliases = [MATERIAL_ALIASES[name] for name in raw.loc[renamed, "material"]]
    raw.loc[renamed, "material"] = [a[int(u * len(a))] for a, u in zip(aliases, luck, strict=True)]
    respelt = _some(rng, rows, SPELLING_RATE)
    luck = rng.random((len(respelt), len(LABELS)))
    joiners = rng.choice(LABEL_JOINERS, size=len(respelt))
    written = []
    for labels, joiner, lucks in zip(raw.loc[respelt, "result"], joiners, luck, strict=True):
        options = [LABEL_SPELLINGS[label] for label in labels.split(" or ")]
        parts = [o[int(u * len(o))] for o, u in zip(options, lucks, strict=False)]
        written.append(str(joiner).join(parts))
    raw.loc[respelt, "result"] = written


def _with_duplicates(raw: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Insert exact copies of 5 % of the rows at random places."""
    rows = len(raw)
    copied = _some(rng, rows, DUPLICATE_RATE)
    places = np.concatenate([np.arange(rows), rng.uniform(0, rows, len(copied))])
    order = np.argsort(places, kind="stable")
    return raw.iloc[np.concatenate([np.arange(rows), copied])[order]].reset_index(drop=True)


def _some(rng: np.random.Generator, rows: int, rate: float) -> np.ndarray:
    """A share `rate` of the row numbers, sorted, none twice."""
    return np.sort(rng.choice(rows, size=round(rate * rows), replace=False))


def _written(values: pd.Series, decimals: int | pd.Series) -> pd.Series:
    """Numbers as strings with `decimals` places, a number or one for each row."""
    places = np.broadcast_to(np.asarray(decimals), len(values))
    texts = [f"{value:.{place}f}" for value, place in zip(values, places.tolist(), strict=True)]
    return pd.Series(texts, index=values.index, dtype=object)
