"""How a laboratory writes: units, decimals, language. A habit belongs to a campaign."""

from dataclasses import asdict, dataclass

import numpy as np

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
class Habit:
    """One laboratory's way of writing a record."""

    korean: bool = False  # notes in Korean, most of them
    speed_unit: str = "cm/min"
    feed_unit: str = "m/min"
    decimal_comma: bool = False  # in voltage, current and travel speed, in 60 % of the rows
    thousands: bool = False  # energy as 61,808
    arc_energy: bool = False  # heat input without efficiency
    kilojoule: bool = False  # heat input in kJ/mm
    voltage_decimals: int = 2

    def columns(self) -> dict[str, object]:
        """The habit as columns of the clean table, prefixed `lab_`; none reaches the raw one."""
        return {f"lab_{name}": value for name, value in asdict(self).items()}


def draw_habit(rng: np.random.Generator) -> Habit:
    """A laboratory at random; one that groups thousands never writes a decimal comma."""
    units, shares = list(SPEED_GRID), [0.40, 0.20, 0.20, 0.10, 0.10]
    unit = units[rng.choice(len(units), p=shares)]
    american = unit == "in/min"
    comma = bool(not american and rng.random() < 0.3)
    style = rng.random()
    return Habit(
        korean=bool(not american and rng.random() < 0.5),
        speed_unit=unit,
        feed_unit="in/min" if american else "m/min",
        decimal_comma=comma,
        thousands=bool(not comma and rng.random() < 0.3),
        arc_energy=bool(style < 0.3),
        kilojoule=bool(rng.random() < 0.3),
        voltage_decimals=int(rng.integers(2, 4)),
    )


def on_grid(value: np.ndarray, grid: tuple[float, float, int]) -> np.ndarray:
    """Numbers in the lab's own unit, rounded to its step (at least one step)."""
    size, step, decimals = grid
    steps = np.maximum(np.round(value / size / step), 1)
    return np.round(steps * step, decimals)
