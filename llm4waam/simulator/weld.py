"""One weld of each bead: what the arc did, what it left behind and what the meters showed.

Noise sizes are modelling choices [C]; the repeat noise of the scores is what bounds any model.
"""

import numpy as np
import pandas as pd

from llm4waam.simulator import physics
from llm4waam.simulator.defects import (
    EFFECTS,
    balling_score,
    draw_sizes,
    fusion_score,
    humping_score,
)
from llm4waam.simulator.materials import GASES, MODES, WIRES, of

LAB_NOISE = {"humping": 0.02, "balling": 0.02, "fusion": 0.02, "thinness": 0.08, "cut": 0.15}
REPEAT_NOISE = {"humping": 0.025, "balling": 0.025, "fusion": 0.025, "thinness": 0.20}
CUT_NOISE = 0.45  # logistic: bead cuts have a long tail
LAB_ARC = {"feed": 0.010, "current": 0.015, "voltage": 0.012}  # relative; the last two are meters
BACKGROUND = 0.35  # mean of the everyday dirt and feed unrest, exponential
CAUSE_NAMES = ("contamination", "feed_trouble", "gas_trouble", "unstable_arc", "worn_tip", "blow")
SCORES = ("humping", "balling", "fusion", "thinness", "unrest", "cut")


def run_welds(rng: np.random.Generator, table: pd.DataFrame, states: np.ndarray) -> pd.DataFrame:
    """Run every row of `table` (set-points) once, with the hidden states (rows,) of `defects`.

    Returns (rows,) columns: voltage_v and current_a as the meters show them, and `latent_` ones:
    sizes of the causes, true arc, lab shifts, geometry in mm, scores with noise. Lab shifts are
    drawn once for each distinct value of the column `campaign`.
    """
    rows = len(table)
    lab, labs = pd.factorize(table["campaign"])
    of_lab = {n: rng.normal(0, s, len(labs))[lab] for n, s in LAB_NOISE.items()}
    arc = {n: rng.normal(0, s, len(labs))[lab] for n, s in LAB_ARC.items()}
    sizes = draw_sizes(rng, states)
    dirt, feed_unrest = rng.exponential(BACKGROUND, (2, rows))
    shift = sizes @ EFFECTS
    wire, mode = table["material"], table["transfer_mode"]

    def setting(name: str) -> np.ndarray:
        return table[name].to_numpy(float)

    feed = setting("wire_feed_speed_m_min") * (1 + arc["feed"] + rng.normal(0, 0.01, rows))
    tip = setting("ctwd_mm") + rng.normal(0, 0.4, rows)
    speed = setting("travel_speed_mm_s") * (1 + rng.normal(0, 0.005, rows))
    current = physics.current_a(
        feed, tip, of(WIRES, wire, "melting_a"), of(WIRES, wire, "melting_b")
    )
    line = of(MODES, mode, "intercept_v"), of(MODES, mode, "slope_v_a")
    voltage = physics.voltage_v(current, *line, setting("arc_length_correction_pct"))
    efficiency = of(MODES, mode, "efficiency") * (1 + rng.normal(0, 0.03, rows))
    power = efficiency * voltage * current

    section = physics.section_mm2(feed, speed, setting("wire_diameter_mm"))
    rise = of(WIRES, wire, "melting_c") - setting("interpass_temperature_c")
    thermal = of(WIRES, wire, "conductivity_w_mm_k"), of(WIRES, wire, "heat_capacity_j_mm3_k")
    melt = physics.melt_width_mm(power, speed, *thermal, rise)
    width, height = physics.cap_mm(melt, section)
    depth = physics.penetration_mm(current, voltage, speed, melt, power)

    limit = of(WIRES, wire, "humping_speed_mm_s") * of(MODES, mode, "humping_factor")
    limit *= of(GASES, table["shielding_gas"], "humping_factor")
    limit *= 1 + 0.007 * setting("torch_angle_deg")
    score = {
        "humping": humping_score(speed, power, limit),
        "balling": balling_score(section, melt)
        + of(WIRES, wire, "balling_offset")
        - of(MODES, mode, "balling_bonus")
        + 0.12 * dirt
        - 0.015 * (setting("gas_flow_l_min") - 15),
        "fusion": fusion_score(depth, height)
        + of(WIRES, wire, "fusion_offset")
        - of(MODES, mode, "fusion_bonus")
        + 0.06 * dirt,
        "thinness": -np.log(section / of(WIRES, wire, "smallest_section_mm2")),
        "unrest": 0.5 * rng.normal(size=rows) + 0.7 * feed_unrest + 0.3 * dirt - 0.35
        + 0.02 * np.abs(setting("arc_length_correction_pct")),
        "cut": 0.8 * feed_unrest - 0.4 * np.log(feed / 6) + rng.logistic(0, CUT_NOISE, rows),
    }  # fmt: skip
    for column, name in enumerate(("humping", "balling", "fusion", "unrest", "cut")):
        score[name] = score[name] + shift[:, column]
    for name, shifts in of_lab.items():
        score[name] = score[name] + shifts + rng.normal(0, REPEAT_NOISE.get(name, 0), rows)

    shown_v = voltage * (1 + arc["voltage"]) + rng.normal(0, 0.10, rows)
    shown_a = current * (1 + arc["current"]) + rng.normal(0, 1.5, rows)
    hidden = {
        **{f"latent_{name}": sizes[:, n] for n, name in enumerate(CAUSE_NAMES)},
        "latent_state": states,
        "latent_current_a": current,
        "latent_voltage_v": voltage,
        "latent_bead_width_mm": width,
        "latent_bead_height_mm": height,
        "latent_penetration_mm": depth,
        **{f"latent_lab_{name}": shifts for name, shifts in of_lab.items()},
        **{f"latent_score_{name}": score[name] for name in SCORES},
    }
    return pd.DataFrame({"voltage_v": shown_v, "current_a": shown_a, **hidden}, index=table.index)


def scores_of(welds: pd.DataFrame) -> pd.DataFrame:
    """The score columns of `run_welds` under their plain names."""
    return pd.DataFrame({n: welds[f"latent_score_{n}"].to_numpy() for n in SCORES})
