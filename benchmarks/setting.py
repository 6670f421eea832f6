"""What a run of the benchmarks measures, and how thoroughly."""

from dataclasses import dataclass

from benchmarks.table import Table
from llm4waam.encoders.settings import Source


@dataclass(frozen=True)
class Setting:
    """Set by the command line.

    `epochs` are those of the study; a way is measured `rounds` times in turn with the others;
    `full` measures the whole study, too, `compiled` a way by torch.compile. `matrix` and `copied`
    are the sizes by which the rates of the machine are measured. `beads`, `folds`, `tokens` are the
    sizes of the growth, `grown_steps` the optimizer steps that each is measured for, `grown` which
    of them grow; `commands` are the stages to run (empty: all).
    """

    device: str
    table: Table
    sources: list[Source]
    tasks: list[str]
    epochs: int
    rounds: int
    full: bool
    matrix: int
    copied: int
    beads: tuple[int, ...]
    folds: tuple[int, ...]
    tokens: tuple[int, ...]
    grown_steps: int
    compiled: bool
    grown: tuple[str, ...]
    commands: tuple[str, ...] = ()
