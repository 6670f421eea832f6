"""Arc and bead of one pass: current, voltage, heat input, width, height, penetration.

All functions are vectorised: arrays of shape (rows,) in, the same out. Marks: [S] seen in a source,
[R] recalled from the literature, [C] a modelling choice.
"""

import numpy as np

Number = float | np.ndarray

ARC_LENGTH_MM = 4.0  # [C] part of the tip distance that is arc, not stick-out
ARC_LENGTH_GAIN = 0.006  # [C] volts gained per per cent of arc length correction
BLEND = 1.73  # [C] between the two limits; within 1.1 % of Rosenthal's point source
FLOOR = 1.15  # [C] a bead is at least this many times wider than the root of its section
AMBIENT_C = 25.0
STEEL = (0.034, 5.2e-3, 1500.0)  # [R] conductivity, heat capacity, melting point


def current_a(
    feed_m_min: Number, tip_distance_mm: Number, melting_a: Number, melting_b: Number
) -> Number:
    """Current in A that melts the wire: WFS = a I + b Le I^2 (form: Lesnewich 1958 [R])."""
    feed_mm_s = feed_m_min * 1000 / 60
    bend = melting_b * (tip_distance_mm - ARC_LENGTH_MM)
    return (np.sqrt(melting_a**2 + 4 * bend * feed_mm_s) - melting_a) / (2 * bend)


def voltage_v(
    current: Number, intercept_v: Number, slope_v_a: Number, arc_length_pct: Number
) -> Number:
    """Arc voltage in V on the working line (IEC 60974-1 form [R], intercepts [C])."""
    return (intercept_v + slope_v_a * current) * (1 + ARC_LENGTH_GAIN * arc_length_pct)


def heat_input_j_mm(
    efficiency: Number, voltage: Number, current: Number, speed_mm_s: Number
) -> Number:
    """Heat input eta U I / TS in J/mm (TWI [S])."""
    return efficiency * voltage * current / speed_mm_s


def energy_j(voltage: Number, current: Number, length_mm: Number, speed_mm_s: Number) -> Number:
    """Electrical energy U I L / TS of a bead in J, by definition without efficiency."""
    return voltage * current * length_mm / speed_mm_s


def section_mm2(feed_m_min: Number, speed_mm_s: Number, diameter_mm: Number) -> Number:
    """Bead section pi d^2 WFS / (4 TS) in mm^2 (mass balance)."""
    return np.pi * diameter_mm**2 / 4 * feed_m_min * 1000 / 60 / speed_mm_s


def melt_width_mm(
    power_w: Number,
    speed_mm_s: Number,
    conductivity: Number,
    heat_capacity: Number,
    rise_k: Number,
) -> Number:
    """Width in mm that the arc melts on a thick plate: a blend of Rosenthal's two limits.

    Fast: rf = sqrt(2 q / (pi e rho c TS dT)); slow: rs = q / (2 pi k dT). A test compares
    the blend with the exact point source.
    """
    fast = np.sqrt(2 * power_w / (np.pi * np.e * heat_capacity * speed_mm_s * rise_k))
    slow = power_w / (2 * np.pi * conductivity * rise_k)
    return 2 * (fast**-BLEND + slow**-BLEND) ** (-1 / BLEND)


def cap_mm(melt_width: Number, section: Number) -> tuple[Number, Number]:
    """Bead width and height in mm: a parabolic cap ([R]) with a least width ([C])."""
    width = np.maximum(melt_width, FLOOR * np.sqrt(section))
    return width, 1.5 * section / width


def penetration_mm(
    current: Number, voltage: Number, speed_mm_s: Number, melt_width: Number, power_w: Number
) -> Number:
    """Penetration in mm, 0.0125 (I^4 / (U^2 TS))^(1/3) times melt width over that of steel.

    Form: Jackson and Shrubsall [R]; the scaling with the alloy is ours [C].
    """
    conductivity, capacity, melting = STEEL
    steel = melt_width_mm(power_w, speed_mm_s, conductivity, capacity, melting - AMBIENT_C)
    return 0.0125 * np.cbrt(current**4 / (voltage**2 * speed_mm_s)) * melt_width / steel
