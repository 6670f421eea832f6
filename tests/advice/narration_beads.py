"""Findings built by hand, one bead for each thing that a narration can say."""

import numpy as np
import pandas as pd
from conftest import ROOT

from llm4waam.advice.counterfactual import Counterfactual, Move
from llm4waam.advice.findings import Findings
from llm4waam.advice.rules import Finding
from llm4waam.advice.shapley import Attribution
from llm4waam.card.card import read_card

CARD = read_card(ROOT / "data/raw/waam_beads.yaml")
BEAD = {
    "material": "ER316L", "wire_diameter_mm": 1.2, "transfer_mode": "CMT",
    "wire_feed_speed_m_min": 6.5, "travel_speed_mm_s": 14.0, "arc_length_correction_pct": -10.0,
    "ctwd_mm": 15.0, "shielding_gas": "Ar+2%CO2", "gas_flow_l_min": 18.0, "torch_angle_deg": 12.0,
    "interpass_temperature_c": 160.0, "bead_length_mm": 150.0, "note": "arc sounds uneven",
}  # fmt: skip
ANSWER = {
    "heat_input_j_mm": 165.0, "heat_input_j_mm_low": 140.0, "heat_input_j_mm_high": 194.0,
    "energy_j": 29_400.0, "energy_j_low": 25_100.0, "energy_j_high": 34_500.0,
}  # fmt: skip
SLOWER = Move("travel_speed_mm_s", 14.0, 8.5)
FASTER = Move("travel_speed_mm_s", 4.0, 9.5)
MORE_WIRE = Move("wire_feed_speed_m_min", 6.5, 8.3)
CLOSER = Move("ctwd_mm", 19.0, 13.5)
TOO_FAST = Finding("too fast", "travel_speed_mm_s", "high", 14.0, 11.2, "Humping")
TOO_COLD = Finding("too cold", "handbook_line_energy_j_mm", "low", 97.0, 141.0, "Lack of fusion")
TOO_HOT = Finding("too hot", "handbook_line_energy_j_mm", "high", 801.0, 640.0, "Humping")
STARVED = Finding("starved", "bead_section_mm2", "low", 4.1, 6.6, "Discontinuity")
OVERFED = Finding("overfed", "bead_section_mm2", "high", 31.0, 22.5, "Balling")


def findings(
    chance: float,
    named: tuple[str, ...] = (),
    *,
    reasons: dict[str, float] | None = None,
    moves: tuple[Move, ...] = (),
    reason: str = "none",
    rules: tuple[Finding, ...] = (),
    rules_after: tuple[Finding, ...] = (),
    named_after: tuple[str, ...] = (),
    missing: tuple[str, ...] = (),
    outside: tuple = (),
    numbers: tuple[str, ...] = ("heat_input_j_mm", "energy_j"),
    heat: float | None = None,
) -> Findings:
    """Findings on one bead; `reasons` are contributions to the logit by field."""
    bead = pd.Series(BEAD, dtype=object)
    bead[list(missing)] = np.nan
    values = pd.Series(reasons or {}, dtype=float)
    return Findings(
        bead=bead,
        answer=pd.Series({k: v for k, v in ANSWER.items() if k.startswith(numbers)}),
        chance=chance,
        thinks_normal=chance >= 0.5,
        bar=0.7,
        named=list(named) or ["Normal"],
        normal="Normal",
        advice=Counterfactual(
            chance, moves, 0.86 if moves else None, reason="" if moves else reason
        ),
        rules=list(rules),
        attribution=Attribution(values, values * 0, 0.0, float(values.sum())) if reasons else None,
        after={} if heat is None else {"heat_input_j_mm": heat},
        rules_after=list(rules_after),
        named_after=list(named_after),
        missing=list(missing),
        outside=list(outside),
    )


BEADS = {
    "good": findings(0.93, reason="normal", reasons={"travel_speed_mm_s": 1.3}),
    "good, nothing else": findings(0.81, reason="normal", numbers=()),
    "good, two reasons, missing": findings(
        0.77, reason="normal", reasons={"gas_flow_l_min": -0.4, "wire_feed_speed_m_min": 0.9},
        missing=("gas_flow_l_min",), numbers=("heat_input",),
    ),
    "good, a rule against": findings(
        0.74, reason="normal", rules=(TOO_FAST,), reasons={"ctwd_mm": 0.7, "note": -0.3},
    ),
    "below the bar": findings(0.58, reasons={"note": 0.6}, rules=(STARVED, TOO_HOT)),
    "humping": findings(
        0.21, ("Humping",), moves=(SLOWER,), heat=272.0, rules=(TOO_COLD, TOO_FAST),
        reasons={"travel_speed_mm_s": -1.9, "wire_feed_speed_m_min": 0.6, "note": -0.2},
    ),
    "humping, up": findings(
        0.31, ("Humping",), moves=(FASTER,), rules=(TOO_HOT,), missing=("torch_angle_deg",),
        reasons={"torch_angle_deg": 0.5, "travel_speed_mm_s": -1.2, "shielding_gas": -0.4},
    ),
    "two defects, two moves": findings(
        0.12, ("Discontinuity", "Lack of fusion"), moves=(MORE_WIRE, CLOSER), heat=204.0,
        rules=(STARVED,), rules_after=(TOO_FAST,), numbers=("energy_j",),
        reasons={"ctwd_mm": -0.8, "material": 0.3}, missing=("gas_flow_l_min", "torch_angle_deg"),
    ),
    "two moves down and up": findings(
        0.26, ("Balling",), moves=(CLOSER, FASTER), rules=(OVERFED,),
        rules_after=(OVERFED, TOO_COLD), reasons={"bead_length_mm": 0.2},
    ),
    "two moves up": findings(0.4, ("Bead cut",), moves=(FASTER, MORE_WIRE), heat=150.0, numbers=()),
    "rules silent": findings(
        0.33, ("Discontinuity",), reasons={"shielding_gas": -0.7},
        missing=("interpass_temperature_c", "gas_flow_l_min", "torch_angle_deg"),
    ),
    "no control": findings(0.17, ("Lack of fusion",), reason="unknown", rules=(TOO_COLD,)),
    "torn, named": findings(
        0.64, ("Humping",), rules=(TOO_FAST,), moves=(SLOWER,), heat=272.0,
        reasons={"travel_speed_mm_s": -0.9, "interpass_temperature_c": -0.6},
    ),
    "torn, two named": findings(0.71, ("Balling", "Humping"), reason="normal", numbers=()),
    "torn, none named": findings(
        0.42, moves=(MORE_WIRE,), reasons={"wire_feed_speed_m_min": -0.8, "torch_angle_deg": 0.4},
    ),
    "torn, none named, a rule": findings(0.44, rules=(TOO_HOT, OVERFED), numbers=()),
    "torn after the change": findings(
        0.18, ("Humping",), moves=(SLOWER,), heat=272.0, rules=(TOO_FAST,),
        rules_after=(TOO_HOT,), named_after=("Humping", "Balling"), missing=("gas_flow_l_min",),
    ),
    "another rule": findings(
        0.27, ("Bead cut",), reasons={"ctwd_mm": -0.5}, rules=(TOO_FAST, TOO_COLD),
    ),
    "outside by range": findings(
        0.35, ("Humping",), reason="outside", outside=(("ctwd_mm", 27.0, (10.0, 20.0)),),
    ),
    "outside by word": findings(
        0.84, reason="outside", numbers=("heat_input",), missing=("gas_flow_l_min",),
        outside=(("shielding_gas", "Ar+30%He", "Ar, Ar+2%CO2, Ar+18%CO2"),),
    ),
    "outside twice": findings(
        0.22, ("Bead cut", "Humping"), reason="outside", rules=(TOO_FAST,), numbers=(),
        outside=(("travel_speed_mm_s", 29.0, (3.0, 15.0)), ("ctwd_mm", 27.0, (10.0, 20.0))),
    ),
    "far": findings(0.88, reason="outside", outside=(("", "2.71", "1.35"),), missing=("ctwd_mm",)),
    "far, defect": findings(0.3, ("Balling",), reason="outside", outside=(("", "2.71", "1.35"),)),
}  # fmt: skip
