"""The raw table: what the laboratories would have handed over, every cell a string.

Habits (units, decimal commas, arc energy for heat input) belong to the campaign and come from the
`lab_` columns; slips hit a fixed share of the rows. Every dirty value can be repaired or at least
recognised by a rule: the units of a campaign are unanimous, the lists of `spellings` are finite,
and energy and bead length are never missing, so that any heat input can be checked.
"""

import numpy as np
import pandas as pd

from stages.beads import spellings
from stages.beads.defects import LABELS
from stages.beads.habits import FEED_GRID, SPEED_GRID

HEADER = (
    "record", "campaign", "material", "wire_diameter_mm", "transfer_mode", "wire_feed_speed",
    "wire_feed_speed_unit", "travel_speed", "travel_speed_unit", "arc_length_correction_pct",
    "ctwd_mm", "shielding_gas", "gas_flow_l_min", "torch_angle_deg", "interpass_temperature_c",
    "bead_length_mm", "voltage_v", "current_a", "heat_input", "heat_input_unit", "energy_j",
    "operator_note", "result",
)  # fmt: skip
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
    comma = table["lab_decimal_comma"].to_numpy() & (rng.random(len(raw)) < spellings.COMMA_RATE)
    for column in COMMA_COLUMNS:
        raw[column] = raw[column].mask(comma, raw[column].str.replace(".", ",", regex=False))
    return _with_duplicates(raw[list(HEADER)], rng)


def _plain(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The record as a careful clerk of each laboratory writes it, but for slips in heat input."""
    raw = table[["record", "campaign", "material", "transfer_mode", "shielding_gas"]].copy()
    raw["wire_diameter_mm"] = _written(table["wire_diameter_mm"], 1)
    for column in (
        "arc_length_correction_pct", "ctwd_mm", "gas_flow_l_min", "torch_angle_deg",
        "interpass_temperature_c", "bead_length_mm",
    ):  # fmt: skip
        raw[column] = _written(table[column], 0)
    for name, column, grid in (
        ("feed", "wire_feed_speed", FEED_GRID),
        ("speed", "travel_speed", SPEED_GRID),
    ):
        unit = table[f"lab_{name}_unit"]
        raw[column] = _written(table[f"lab_{name}"], unit.map({u: g[2] for u, g in grid.items()}))
        raw[f"{column}_unit"] = unit
    raw["voltage_v"] = _written(table["voltage_v"], table["lab_voltage_decimals"])
    raw["current_a"] = _written(table["current_a"], 1)
    energy = _written(table["energy_j"], 0)
    grouped = energy.str.replace(r"(?<=\d)(?=(?:\d{3})+$)", ",", regex=True)
    raw["energy_j"] = energy.mask(table["lab_thousands"], grouped)

    heat = table["heat_input_j_mm"] / table["efficiency"].where(table["lab_arc_energy"], 1.0)
    slipped = _some(rng, len(table), spellings.SLIP_RATE)
    heat.iloc[slipped] *= rng.choice(spellings.HEAT_INPUT_SLIPS, size=len(slipped))
    kilo = table["lab_kilojoule"]
    decimals = (2 * table["lab_voltage_decimals"] - 3).where(~kilo, KILOJOULE_DECIMALS)
    raw["heat_input"] = _written(heat.mask(kilo, heat / 1000), decimals)
    raw["heat_input_unit"] = np.where(kilo, "kJ/mm", "J/mm")
    raw["operator_note"] = table["note"]
    raw["result"] = table["labels"]
    return raw


def _lose(raw: pd.DataFrame, rng: np.random.Generator, campaign: np.ndarray) -> None:
    """Put missing values, faults of the logger and lost units into `raw`.

    The first row of a campaign keeps its unit, so that the rest can be read.
    """
    rows = len(raw)
    for column, rate in spellings.MISSING_RATES.items():
        lost = _some(rng, rows, rate)
        raw.loc[lost, column] = rng.choice(spellings.MISSING_TOKENS, size=len(lost))
    for column, rate, faults in (
        ("voltage_v", spellings.VOLTAGE_FAULT_RATE, spellings.VOLTAGE_FAULTS),
        ("current_a", spellings.CURRENT_FAULT_RATE, spellings.CURRENT_FAULTS),
    ):
        there = np.flatnonzero(~raw[column].isin(spellings.MISSING_TOKENS))
        faulty = rng.choice(there, size=round(rate * rows), replace=False)
        raw.loc[faulty, column] = rng.choice(faults, size=len(faulty))
    later = np.flatnonzero(pd.Series(campaign).duplicated())
    size = min(round(spellings.UNIT_LOST_RATE * rows), len(later))
    raw.loc[rng.choice(later, size=size, replace=False), "travel_speed_unit"] = ""


def _respell(raw: pd.DataFrame, rng: np.random.Generator) -> None:
    """Write some materials and results in another of their spellings."""
    rows = len(raw)
    renamed = _some(rng, rows, spellings.ALIAS_RATE)
    luck = rng.random(len(renamed))
    aliases = [spellings.MATERIAL_ALIASES[name] for name in raw.loc[renamed, "material"]]
    raw.loc[renamed, "material"] = [a[int(u * len(a))] for a, u in zip(aliases, luck, strict=True)]
    respelt = _some(rng, rows, spellings.SPELLING_RATE)
    luck = rng.random((len(respelt), len(LABELS)))
    joiners = rng.choice(spellings.LABEL_JOINERS, size=len(respelt))
    written = []
    for labels, joiner, lucks in zip(raw.loc[respelt, "result"], joiners, luck, strict=True):
        options = [spellings.LABEL_SPELLINGS[label] for label in labels.split(" or ")]
        parts = [o[int(u * len(o))] for o, u in zip(options, lucks, strict=False)]
        written.append(str(joiner).join(parts))
    raw.loc[respelt, "result"] = written


def _with_duplicates(raw: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Insert exact copies of 5 % of the rows at random places."""
    rows = len(raw)
    copied = _some(rng, rows, spellings.DUPLICATE_RATE)
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
