"""Wires, transfer modes and shielding gases: the constants of the simulator.

Marks: [S] seen in a source, [R] recalled from the literature, [C] a modelling choice.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

WIRE_DIAMETER_MM = 1.2  # [S] the usual one in the abstracts that were seen


@dataclass(frozen=True)
class Wire:
    """One wire and a plate of the same alloy; thermal values are effective, at high temperature."""

    melting_a: float  # mm/(s A), arc heating: Lesnewich's form [R], values [R]/[C]
    melting_b: float  # 1/(s A^2), resistive heating of the stick-out [R]/[C]
    conductivity_w_mm_k: float  # [R]
    heat_capacity_j_mm3_k: float  # [R] density times specific heat
    melting_c: float  # [R]
    humping_speed_mm_s: float  # at 2 kW; anchored for steel and nickel only, else [C]
    balling_offset: float  # [C] set so that every wire has a window in which it is Normal
    fusion_offset: float  # [C] the same
    smallest_section_mm2: float  # [C] below it the string breaks up
    feed_m_min: tuple[float, float]  # [S]/[C] range that labs try
    gases: tuple[str, ...]
    modes: tuple[str, ...]
    speed_scale: float = 1.0  # [C] aluminium is run faster


@dataclass(frozen=True)
class Mode:
    """Working line of the arc, U = (intercept + slope I)(1 + 0.006 ALC)."""

    intercept_v: float  # [C], anchored by two published working points
    slope_v_a: float  # IEC 60974-1 load line [R]
    efficiency: float  # [S] 0.85 CMT (calorimeter), 0.80 GMAW (code value)
    humping_factor: float  # [C]
    balling_bonus: float  # [C]
    fusion_bonus: float  # [C]


@dataclass(frozen=True)
class Gas:
    """Shielding gas."""

    humping_factor: float  # gas is a named cause [S]; the size is [C]


MODES: dict[str, Mode] = {
    "CMT": Mode(9.6, 0.030, 0.85, 1.00, 0.12, -0.15),
    "CMT+P": Mode(12.5, 0.036, 0.85, 1.02, 0.00, 0.10),
    "pulsed GMAW": Mode(15.5, 0.036, 0.80, 1.00, -0.12, 0.15),
    "short-circuit GMAW": Mode(13.0, 0.030, 0.80, 0.97, 0.00, -0.10),
}

GASES: dict[str, Gas] = {
    "Ar": Gas(0.95),
    "Ar+2%CO2": Gas(0.98),
    "Ar+8%CO2": Gas(1.03),
    "Ar+18%CO2": Gas(1.00),
    "Ar+30%He": Gas(1.08),
}

_STEEL_GASES = ("Ar+18%CO2", "Ar+8%CO2")
_INERT = ("Ar", "Ar+30%He")
_ANY_GMAW = ("CMT", "CMT+P", "pulsed GMAW")

WIRES: dict[str, Wire] = {
    "ER70S-6": Wire(0.30, 5.5e-5, 0.034, 5.2e-3, 1500, 10.0, 0.47, 0.56, 5.0, (2.5, 9.0),
                    _STEEL_GASES, (*_ANY_GMAW, "short-circuit GMAW")),
    "ER316L": Wire(0.31, 1.1e-4, 0.028, 4.9e-3, 1420, 9.2, 0.36, 0.46, 5.0, (2.5, 9.0),
                   ("Ar+2%CO2",), (*_ANY_GMAW, "short-circuit GMAW")),
    "ER625": Wire(0.30, 1.1e-4, 0.025, 4.6e-3, 1320, 12.0, 0.42, 0.48, 5.0, (3.0, 8.5),
                  _INERT, _ANY_GMAW),
    "ER5356": Wire(0.86, 1.0e-5, 0.130, 2.8e-3, 610, 14.5, -0.10, -0.05, 4.5, (4.0, 9.5),
                   _INERT, _ANY_GMAW, 1.2),
    "ER4043": Wire(0.80, 1.0e-5, 0.150, 2.8e-3, 600, 13.5, -0.12, -0.05, 4.5, (4.0, 9.5),
                   _INERT, _ANY_GMAW, 1.2),
    "Ti-6Al-4V": Wire(0.55, 2.6e-4, 0.022, 3.4e-3, 1640, 8.5, -0.10, -0.02, 5.5, (4.0, 10.0),
                      ("Ar",), ("CMT", "pulsed GMAW")),
}  # fmt: skip


def of(kinds: dict[str, object], names: pd.Series, field: str) -> np.ndarray:
    """`field` of the wire, mode or gas in each row, shape (rows,); KeyError for unknown names."""
    codes, known = pd.factorize(names)
    return np.array([getattr(kinds[name], field) for name in known], dtype=float)[codes]
