"""Stage `simulate`: the raw table of beads and what the simulator did.

Reads params.yaml; writes data/raw/waam_beads.csv and metrics/simulator.json.
"""

import json
import logging

import pandas as pd
from pydantic import BaseModel

from llm4waam.core.errors import StudyError
from llm4waam.core.files import fingerprint, write_metrics, write_table
from llm4waam.core.settings import PARAMS_FILE, read_params
from llm4waam.core.stage import run_stage
from llm4waam.simulator.population import (
    LIMITS,
    METRICS_FILE,
    RAW_FILE,
    Simulate,
    simulate_population,
)
from llm4waam.simulator.raw_table import dirty
from llm4waam.simulator.reference import ceiling, compared, profile
from llm4waam.simulator.study_table import BEADS, study_table


class Params(BaseModel):
    """The sections of params.yaml that this stage reads."""

    simulate: Simulate


def main() -> None:
    """Simulate, write the raw table and the metrics.

    Raises StudyError for a wrong parameter, and rather than to overwrite what was edited.
    """
    wanted = read_params(Params).simulate
    _check_not_edited()
    table = simulate(wanted)
    raw = dirty(table, wanted.seed)
    metrics = {"design": wanted.design, "seed": wanted.seed, **profile(table, raw)}
    if wanted.design == "study":
        metrics |= {"ceiling": ceiling(table, LIMITS, wanted.seed), **compared(table)}
    write_table(RAW_FILE, raw)
    write_metrics(METRICS_FILE, {**metrics, "table": fingerprint(RAW_FILE)})
    logging.info("%d beads in %d raw rows", len(table), len(raw))


def _check_not_edited() -> None:
    if RAW_FILE.is_file() and METRICS_FILE.is_file():
        made = json.loads(METRICS_FILE.read_text(encoding="utf-8"))
        if made["table"] != fingerprint(RAW_FILE):
            expected = "to be moved away first, or brought back by git: this would overwrite it"
            raise StudyError(RAW_FILE, "was edited since it was simulated", expected=expected)


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
