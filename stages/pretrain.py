"""Stage `pretrain` (frozen): a small checkpoint of every family that knows the sentences.

`python -m stages.pretrain NAME ...` makes those of these families and leaves the others alone.
Each tier goes on from the one before: 0, masked words and values; 1, and the formulas of arc and
bead; 2, and the indices of printability. A killed run goes on after its last epoch.
"""

import sys
from pathlib import Path

import torch
from pydantic import BaseModel

from llm4waam.card.card import read_card
from llm4waam.core.files import read_table, remove_folder, write_table
from llm4waam.core.processes import Work, share_out
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.encoders.families import FAMILIES, check_family
from llm4waam.plotting.style import save
from llm4waam.pretraining.corpus import Pretrain
from llm4waam.pretraining.figure import pretraining_figure
from llm4waam.pretraining.tiers import Tiers

FOLDER, PLOTS = Path("data/encoders"), Path("plots/pretraining")
UNFINISHED = Path("data/unfinished/pretrain")
CARD = Path("data/raw/waam_beads.yaml")


class Params(BaseModel):
    """The sections of params.yaml that this stage reads."""

    pretrain: Pretrain


def main(*names: str) -> None:
    """Pretrain the families `names` (none given: all), side by side on a processor."""
    for name in names:
        check_family(name, "stages.pretrain")
    encoders = list(names or FAMILIES)
    settings = read_params(Params).pretrain
    tiers = Tiers(read_card(CARD), settings, FOLDER, UNFINISHED)
    workers = 1 if torch.cuda.is_available() else settings.workers
    work = Work(tiers.pretrain, title="pretraining", unit="encoder", here=True)
    found = share_out(work, encoders, workers)
    for encoder, curve in zip(encoders, found, strict=True):
        write_table(PLOTS / f"{encoder}.csv", curve)
    files = {name: PLOTS / f"{name}.csv" for name in FAMILIES}
    curves = {name: read_table(file) for name, file in files.items() if file.is_file()}
    save(PLOTS / "losses.svg", pretraining_figure(curves), simulated=True)
    remove_folder(UNFINISHED)


if __name__ == "__main__":
    run_stage(main, *sys.argv[1:])
