"""The fits of all ablations that are out of date, in one pool: `python -m stages.ablate_all`.

Of one kind: `python -m stages.ablate_all losses`.
Nothing but the fits is made, and each is kept: `dvc repro ablations/dvc.yaml` then finds them, and
records a stage as ever. One stage after the other would leave cores idle at the end of each.
"""

import logging
import re
import sys

from llm4waam.commands.ask_dvc import ask_dvc
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.encoders.families import FAMILIES
from stages.ablate import BASELINES, Params, fits_of, run_fits

PIPELINE = "ablations/dvc.yaml"
# What DVC would do: run a stage, or bring back what its run cache holds.
RUNS = re.compile(r"^Running stage '\S*:ablate@(\w+)-(\w+)'", re.M)
CACHED = re.compile(r"^Stage '\S*:ablate@(\w+)-(\w+)' is cached", re.M)


def main(kind: str | None = None) -> None:
    """Make and keep every fit that a stage of ablations/dvc.yaml would make."""
    params = read_params(Params)
    sources = (*FAMILIES, BASELINES)
    # Not the pages: a dry run of one fails where the rows that it reads are not made yet.
    names = ["ablate"] if kind is None else [f"ablate@{kind}-{source}" for source in sources]
    said = ask_dvc("repro", "--dry", *(f"{PIPELINE}:{name}" for name in names))
    wanted = set(RUNS.findall(said)) - set(CACHED.findall(said))
    known = sorted(one for one in wanted if one[1] in (*params.trained, BASELINES))
    jobs = [job for kind, source in known for job in fits_of(kind, source, params)[1]]
    logging.info("%d fits of %d stages that are out of date", len(jobs), len(known))
    for _ in run_fits("ablations", jobs, params):
        pass


if __name__ == "__main__":
    run_stage(main, *sys.argv[1:])
