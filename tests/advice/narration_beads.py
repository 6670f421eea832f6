"""Findings built by hand: beads that together need every sentence of a narration.

`PYTHONPATH=.:tests python tests/advice/narration_beads.py` writes narrations.yaml anew: read what
`git diff` shows of it, sentence by sentence.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from conftest import ROOT

from llm4waam.advice.counterfactual import Change, Counterfactual, Move
from llm4waam.advice.findings import Findings
from llm4waam.advice.narration import narrate
from llm4waam.advice.rules import BrokenRule
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
    "heat_input_j_mm_formula": 171.4,
    "energy_j": 29_400.0, "energy_j_low": 25_100.0, "energy_j_high": 34_500.0,
}  # fmt: skip
SLOWER = Move("travel_speed_mm_s", 14.0, 8.5)
SLIGHTLY_SLOWER = Move("travel_speed_mm_s", 14.0, 9.8)
FASTER = Move("travel_speed_mm_s", 4.0, 9.5)
MORE_WIRE = Move("wire_feed_speed_m_min", 6.5, 8.3)
CLOSER = Move("ctwd_mm", 19.0, 13.5)
TOO_FAST = BrokenRule("too fast", "travel_speed_mm_s", "high", 14.0, 11.2, "Humping")
TOO_COLD = BrokenRule("too cold", "handbook_line_energy_j_mm", "low", 97.0, 141.0, "Lack of fusion")
TOO_HOT = BrokenRule("too hot", "handbook_line_energy_j_mm", "high", 801.0, 640.0, "Humping")
STARVED = BrokenRule("starved", "bead_section_mm2", "low", 4.1, 6.6, "Discontinuity")
OVERFED = BrokenRule("overfed", "bead_section_mm2", "high", 31.0, 22.5, "Balling")


def attribution(values: dict[str, float], error: float = 0.0) -> Attribution:
    """Contributions to the logit by field, all with one standard error."""
    found = pd.Series(values, dtype=float)
    return Attribution(found, found * 0 + error, 0.0, float(found.sum()))


def findings(
    chance: float,
    *named: str,
    reason: str = "none",
    moves: tuple[Move, ...] = (),
    heat: float | None = None,
    reasons: dict[str, float] | None = None,
    missing: tuple[str, ...] = (),
    numbers: tuple[str, ...] = (),
    error: float = 0.0,
    others: tuple[Change, ...] = (),
    **more: object,
) -> Findings:
    """Findings on one bead; `reasons` are contributions, `heat` is the heat input after `moves`.

    `error` is the standard error of the reasons, `others` are changes beside the recommended one.
    """
    bead = pd.Series(BEAD, dtype=object)
    bead[list(missing)] = np.nan
    first = (Change("recommended", moves, 0.86, 0.4, {}),) if moves else ()
    reason = "" if moves or reason == "normal" else reason
    advice = Counterfactual(0.31, (*first, *others), reason)
    return Findings(
        bead=bead,
        answer=pd.Series({k: v for k, v in ANSWER.items() if k.startswith(numbers)}),
        chance=chance,
        thinks_normal=chance >= 0.5,
        bar=0.7,
        named=list(named) or ["Normal"],
        normal="Normal",
        advice=advice,
        attribution=attribution(reasons, error) if reasons else None,
        after={} if heat is None else {"heat_input_j_mm": heat},
        missing=list(missing),
        **{"rules": []} | more,
    )


BEADS = {
    "good": findings(
        0.93, reason="normal", reasons={"travel_speed_mm_s": 1.3, "ctwd_mm": 0.05},
        numbers=("heat_input", "energy"),
    ),
    "below the bar": findings(
        0.58, reasons={"note": 0.6, "gas_flow_l_min": -0.4}, missing=("gas_flow_l_min",),
        rules=[STARVED, TOO_HOT],
    ),
    "humping": findings(
        0.21, "Humping", moves=(SLOWER,), heat=272.0, rules=[TOO_COLD, TOO_FAST],
        record=(132, 0.8247), others=(
            Change("smallest", (SLIGHTLY_SLOWER,), 0.74, 0.3, {}),
            Change("safest", (SLOWER, CLOSER), 0.91, 0.7, {}),
            Change("single", (MORE_WIRE,), 0.72, 0.5, {}),
        ),
        reasons={"travel_speed_mm_s": -1.9, "wire_feed_speed_m_min": 0.6, "note": -0.2},
    ),
    "two defects, two moves": findings(
        0.12, "Discontinuity", "Lack of fusion", moves=(MORE_WIRE, CLOSER), heat=204.0,
        reasons={"ctwd_mm": -0.8, "material": 0.7, "torch_angle_deg": 0.2}, error=0.1,
        missing=("gas_flow_l_min", "torch_angle_deg"),
        rules=[STARVED, TOO_HOT], rules_after=[TOO_FAST], named_after=["Humping", "Balling"],
    ),
    "two moves, down and up": findings(
        0.26, "Balling", moves=(CLOSER, FASTER), rules=[OVERFED], rules_after=[OVERFED, TOO_COLD],
        numbers=("energy",),
    ),
    "no rule broken, fields missing": findings(
        0.33, "Discontinuity", missing=("interpass_temperature_c", "gas_flow_l_min", "ctwd_mm"),
    ),
    "nothing better": findings(0.48, "Humping", reason="best", rules=[TOO_FAST]),
    "no set-point to turn": findings(0.17, "Lack of fusion", reason="unknown"),
    "a defect named, normal likely": findings(
        0.64, "Humping", moves=(SLOWER,), heat=272.0, rules=[TOO_FAST], named_after=["Humping"],
    ),
    "a defect named, bar met": findings(
        0.71, "Balling", "Humping", reason="normal", rules=[TOO_FAST], numbers=("heat_input",),
    ),
    "no defect named, normal unlikely": findings(0.42, moves=(MORE_WIRE,), rules=[TOO_HOT]),
    "a class of another card": replace(
        findings(0.2, moves=(SLOWER,), reasons={"ctwd_mm": -6.0, "material": 5.0}),
        normal="passes", aim="visual_test", named=[], compared=False,
    ),
    "outside by range and word": findings(
        0.35, reason="outside", rules=[TOO_FAST], missing=("gas_flow_l_min",),
        outside=[("ctwd_mm", 27.0, (10.0, 20.0)), ("shielding_gas", "Ar+30%He", "Ar, Ar+2%CO2")],
    ),
    "outside by word and range": findings(
        0.84, reason="outside", rules=[OVERFED],
        outside=[("material", "ER4043", "ER316L"), ("travel_speed_mm_s", 29.0, (3.0, 15.0))],
    ),
    "outside, fields unknown": findings(
        0.84, reason="outside", outside=[("material", "", ""), ("travel_speed_mm_s", "", "")],
    ),
    "nothing is called good": replace(
        findings(0.5, "Humping", reason="aimless", numbers=("energy",), missing=("ctwd_mm",)),
        chance=np.nan, bar=np.nan, normal="",
    ),
    "no energy without a length": replace(
        findings(
            0.84, reason="outside", outside=[("bead_length_mm", "", "")],
            missing=("bead_length_mm",), numbers=("heat_input", "energy"),
        ),
        answer=pd.Series({**ANSWER, **{n: np.nan for n in ANSWER if n.startswith("energy")}}),
    ),
    "far": findings(0.88, reason="outside", outside=[("", "2.71", "1.35")]),
}  # fmt: skip

if __name__ == "__main__":
    told = {
        name: {one: narrate(bead, CARD, one).split("\n") for one in ("en", "ko")}
        for name, bead in BEADS.items()
    }
    text = yaml.safe_dump(told, allow_unicode=True, sort_keys=False, width=10**6)
    head = "# The narration of the beads of narration_beads.py, word for word, by paragraph.\n"
    Path(__file__).with_name("narrations.yaml").write_text(head + text, encoding="utf-8")
