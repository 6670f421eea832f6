"""Stage `simulate`: the raw table of beads and what the simulator did.

Reads params.yaml; writes data/raw/waam_beads.csv and metrics/simulator.json.
"""

import logging
from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from llm4waam.core.errors import StudyError
from llm4waam.core.files import fingerprint, write_metrics, write_table
from llm4waam.core.settings import PARAMS_FILE, read_params
from llm4waam.core.stage import run_stage
from llm4waam.simulator.population import LIMITS, Simulate, simulate_population
from llm4waam.simulator.raw_table import dirty
from llm4waam.simulator.reference import ceiling, compared, profile
from llm4waam.simulator.study_table import BEADS, study_table

RAW_FILE = Path("data/raw/waam_beads.csv")
METRICS_FILE = Path("metrics/simulator.json")


class Params(BaseModel):
    """The sections of params.yaml that this stage reads."""

    simulate: Simulate


def main() -> None:
    """Simulate, write the raw table and the metrics; raises StudyError for a wrong parameter."""
    wanted = read_params(Params).simulate
    table = simulate(wanted)
    raw = dirty(table, wanted.seed)
    metrics = {"design": wanted.design, "seed": wanted.seed, **profile(table, raw)}
    if wanted.design == "study":
        metrics |= {"ceiling": ceiling(table, LIMITS, wanted.seed), **compared(table)}
    write_table(RAW_FILE, raw)
    write_metrics(METRICS_FILE, {**metrics, "table": fingerprint(RAW_FILE)})
    logging.info("%d beads in %d raw rows", len(table), len(raw))


def simulate(wanted: Simulate) -> pd.DataFrame:
    """The canonical table of a design; raises StudyError where the study is not of 140 beads."""
    if wanted.design == "population":
        return simulate_population(wanted.beads, wanted.seed)
    if wanted.beads != BEADS:
        reason = "the design `study` has a fixed size"
        raise StudyError(
            PARAMS_FILE, reason, column="simulate.beads", value=wanted.beads, expected=str(BEADS)
        )
    return study_table(wanted.seed)


if __name__ == "__main__":
    run_stage(main)
