"""Experimental designs as laboratories run them, and the set-points of a campaign's cells.

Wire feed speed and travel speed are the main factors; a third (arc length correction, tip distance
or plate temperature) is folded onto them, so that two cells of a campaign always differ in
material, wire feed speed or travel speed. Designs: factorial, central composite (CCD),
Box-Behnken (all seen in abstracts [S]) and a limit search; levels and ranges are choices [C].

A campaign is one laboratory's series of beads; it has one record style: units, decimals, language.
"""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from llm4waam.simulator.materials import MODES, WIRE_DIAMETER_MM, WIRES, of
from llm4waam.simulator.physics import current_a, heat_input_j_mm, voltage_v

SPEED_GRID = {  # travel speed unit -> (mm/s in one unit, step of the set-points, decimals written)
    "cm/min": (10 / 60, 5.0, 0),
    "in/min": (25.4 / 60, 2.0, 0),
    "mm/s": (1.0, 0.5, 1),
    "mm/min": (1 / 60, 50.0, 0),
    "m/min": (1000 / 60, 0.05, 2),
}
FEED_GRID = {  # wire feed speed unit -> (m/min in one unit, step, decimals written)
    "m/min": (1.0, 0.1, 1),
    "in/min": (0.0254, 10.0, 0),
}


@dataclass(frozen=True)
class RecordStyle:
    """How one laboratory writes a record."""

    korean: bool = False  # notes in Korean, most of them
    speed_unit: str = "cm/min"
    feed_unit: str = "m/min"
    decimal_comma: bool = False  # in voltage, current and travel speed, in 60 % of the rows
    thousands: bool = False  # energy as 61,808
    arc_energy: bool = False  # heat input without efficiency
    kilojoule: bool = False  # heat input in kJ/mm
    voltage_decimals: int = 2

    def columns(self) -> dict[str, object]:
        """The style as columns prefixed `lab_`; none of them reaches the raw table."""
        return {f"lab_{name}": value for name, value in asdict(self).items()}


def draw_style(rng: np.random.Generator) -> RecordStyle:
    """A record style at random; a laboratory that groups thousands never writes a decimal comma."""
    units, shares = list(SPEED_GRID), [0.40, 0.20, 0.20, 0.10, 0.10]
    unit = units[rng.choice(len(units), p=shares)]
    american = unit == "in/min"
    comma = bool(not american and rng.random() < 0.3)
    energy = rng.random()
    return RecordStyle(
        korean=bool(not american and rng.random() < 0.5),
        speed_unit=unit,
        feed_unit="in/min" if american else "m/min",
        decimal_comma=comma,
        thousands=bool(not comma and rng.random() < 0.3),
        arc_energy=bool(energy < 0.3),
        kilojoule=bool(rng.random() < 0.3),
        voltage_decimals=int(rng.integers(2, 4)),
    )


def on_grid(value: np.ndarray, grid: tuple[float, float, int]) -> np.ndarray:
    """Numbers in the lab's own unit, rounded to its step (at least one step)."""
    size, step, decimals = grid
    steps = np.maximum(np.round(value / size / step), 1)
    return np.round(steps * step, decimals)


DESIGNS = ("factorial", "ccd", "box-behnken", "limit search")
THIRD = {  # design -> (column of the third factor, its three levels)
    "factorial": ("arc_length_correction_pct", (-15.0, 0.0, 10.0)),
    "ccd": ("ctwd_mm", (12.0, 15.0, 18.0)),
    "box-behnken": ("interpass_temperature_c", (25.0, 100.0, 175.0)),
    "limit search": ("arc_length_correction_pct", (0.0, 0.0, 0.0)),
}
# All [C]: ranges of the slowest and the fastest speed, the cap, the lengths, the repeats.
ENDS_MM_S = (1.5, 2.8), (9.8, 13.6)
HIGHEST_HEAT_INPUT_J_MM = 1800.0
LENGTH_MM, LENGTH_EXPONENT, LENGTH_SPREAD = 101.0, -0.20, 0.13
SHORTEST_MM, LONGEST_MM = 80.0, 145.0
REPEAT_SHARES = (0.50, 0.36, 0.14)  # one, two or three beads a cell


@dataclass(frozen=True)
class Campaign:
    """One laboratory's series of beads; `wires` are pairs of material and transfer mode."""

    name: str
    wires: tuple[tuple[str, str], ...]
    design: str
    style: RecordStyle
    blocks: int  # designs run for each wire


def coded_points(design: str) -> np.ndarray:
    """Points of a design, shape (points, 3): feed and travel speed in -1..1, third in -1, 0, 1."""
    five, three = np.linspace(-1, 1, 5), (-1.0, 0.0, 1.0)
    if design == "factorial":
        return np.array(
            [(u, v, (i + 2 * j) % 3 - 1.0) for i, u in enumerate(five) for j, v in enumerate(five)]
        )
    if design == "ccd":
        corners = [(0.7 * a, 0.7 * b, a * b) for a in (-1, 1) for b in (-1, 1)]
        return np.array([*corners, (-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, 0)])
    if design == "box-behnken":
        return np.array([(u, v, 0 if u and v else u - v) for u in three for v in three])
    return np.array([(u, v, 0) for u in three for v in np.linspace(-1, 1, 8)])


def draw_campaign(rng: np.random.Generator, name: str) -> Campaign:
    """A campaign at random: one or two wires, a mode for each, a design and a record style."""
    materials = rng.choice(list(WIRES), size=rng.integers(1, 3), replace=False)
    wires = tuple((str(m), str(rng.choice(WIRES[m].modes))) for m in materials)
    design = DESIGNS[rng.choice(4, p=(0.35, 0.25, 0.2, 0.2))]
    blocks = {"factorial": 1, "limit search": 1}.get(design, 2)
    return Campaign(name, wires, design, draw_style(rng), blocks)


def draw_cells(rng: np.random.Generator, campaign: Campaign) -> pd.DataFrame:
    """Set-points of the campaign's cells, one row a cell, with the `lab_` columns and `beads`.

    Travel and wire feed speed lie on the grid of the lab's unit (`lab_speed`, `lab_feed` hold the
    numbers as written). `ctwd_mm` and the like are set-points in the units of their names.
    """
    style, points = campaign.style, coded_points(campaign.design)
    speed_grid, feed_grid = SPEED_GRID[style.speed_unit], FEED_GRID[style.feed_unit]
    held = {
        "arc_length_correction_pct": 0.0,
        "ctwd_mm": 15.0,
        "interpass_temperature_c": float(rng.choice((25, 25, 25, 60, 100))),
        "gas_flow_l_min": float(rng.choice((12, 15, 15, 18, 20))),
        "torch_angle_deg": float(rng.choice((-10, 0, 0, 0, 10))),
    }
    third, levels = THIRD[campaign.design]
    blocks = []
    for material, mode in campaign.wires:
        wire = WIRES[material]
        gas = str(rng.choice(wire.gases))
        for _ in range(campaign.blocks):
            low, high = (wire.speed_scale * rng.uniform(*ends) for ends in ENDS_MM_S)
            span = wire.feed_m_min[1] - wire.feed_m_min[0]
            least = wire.feed_m_min[0] + span * rng.uniform(0, 0.25)
            most = wire.feed_m_min[1] - span * rng.uniform(0, 0.25)
            u, v = (points[:, 0] + 1) / 2, (points[:, 1] + 1) / 2
            cells = {"material": material, "transfer_mode": mode, "shielding_gas": gas, **held}
            cells |= {
                "lab_feed": on_grid(least + (most - least) * u, feed_grid),
                "lab_speed": on_grid(low * (high / low) ** v, speed_grid),
                third: np.array(levels)[points[:, 2].astype(int) + 1],
            }
            blocks.append(pd.DataFrame(cells))
    cells = pd.concat(blocks, ignore_index=True)
    cells = cells.drop_duplicates(["material", "lab_feed", "lab_speed"])
    cells["wire_feed_speed_m_min"] = cells["lab_feed"] * feed_grid[0]
    cells["travel_speed_mm_s"] = cells["lab_speed"] * speed_grid[0]
    nominal = handbook_heat_input(cells)
    cells = cells[nominal <= HIGHEST_HEAT_INPUT_J_MM].reset_index(drop=True)
    nominal = nominal[nominal <= HIGHEST_HEAT_INPUT_J_MM]
    spread = rng.normal(0, LENGTH_SPREAD, len(cells))
    length = LENGTH_MM * (nominal / 500) ** LENGTH_EXPONENT * np.exp(spread)
    cells["bead_length_mm"] = np.clip(np.round(length), SHORTEST_MM, LONGEST_MM)
    cells["wire_diameter_mm"] = WIRE_DIAMETER_MM
    cells["beads"] = rng.choice((1, 2, 3), size=len(cells), p=REPEAT_SHARES)
    cells.insert(0, "campaign", campaign.name)
    cells.insert(1, "cell", [f"{campaign.name}-c{n:03d}" for n in range(1, len(cells) + 1)])
    return cells.assign(lab_third=third, **style.columns())


def handbook_heat_input(cells: pd.DataFrame) -> np.ndarray:
    """Heat input in J/mm that the set-points should give, shape (rows,)."""
    current = current_a(
        cells["wire_feed_speed_m_min"].to_numpy(),
        cells["ctwd_mm"].to_numpy(),
        of(WIRES, cells["material"], "melting_a"),
        of(WIRES, cells["material"], "melting_b"),
    )
    mode = cells["transfer_mode"]
    line = of(MODES, mode, "intercept_v"), of(MODES, mode, "slope_v_a")
    voltage = voltage_v(current, *line, cells["arc_length_correction_pct"].to_numpy())
    speed = cells["travel_speed_mm_s"].to_numpy()
    return heat_input_j_mm(of(MODES, mode, "efficiency"), voltage, current, speed)
