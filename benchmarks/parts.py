"""What is measured: ways of training, the stages of `make study`, inference, growth with beads."""

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml
from pandas.api.types import is_numeric_dtype

from benchmarks.measure import Took, command, project
from llm4waam.core.errors import StudyError
from llm4waam.core.files import write_table
from llm4waam.simulator.population import simulate_population
from llm4waam.simulator.raw_table import dirty

PREPARATION = ("clean", "split", "serialize_to_text")
TRAINED = ("bert", "defects")  # the encoder and task of `ways` and `growth`
WAYS = {
    "Trainer": {"train.engine": "trainer", "train.precision": "fp32"},
    "Trainer, bf16": {"train.engine": "trainer", "train.precision": "bf16"},
    "loop": {"train.engine": "loop", "train.precision": "fp32"},
    "stacked": {"train.engine": "stacked", "train.precision": "fp32"},
}
STARTED = ("clean", "split", "explore", "train")
PREDICT = ["-c", "from llm4waam.commands.main import main; main()", "predict"]
ANSWERED = {  # how `llm4waam predict` is called
    "as it is": [],
    "one template": ["--template", "statement"],
}
FEW = 20  # beads: what answering them takes is taken for the start
INFERENCE_BEADS, GROWTH_BEADS = (500, 10_000), (140, 1_000, 10_000, 100_000)
# The largest tables of `growth` that are trained on, and of which some steps are taken, for their
# time.
TRAINED_BEADS, STEPPED_BEADS, STEPS = 1_000, 100_000, 8


@dataclass(frozen=True)
class Setting:
    """Changed parameters ("train.epochs": 1), and table sizes other than those above."""

    changes: dict[str, object]
    beads: list[int] | None = None


@dataclass
class Part:
    """A table of the page: `work` says what was measured, in full sentences."""

    title: str
    work: str
    columns: list[str]
    rows: list[list[str | int | float]]
    machine: str = ""
    commit: str = ""


def measure_ways(setting: Setting) -> dict[str, Part]:
    """Training one encoder on one task by every engine, the stage as it is."""
    rows: list[list] = []
    for way, changes in WAYS.items():
        with project(setting.changes | changes) as study:
            params = yaml.safe_load((study / "params.yaml").read_text(encoding="utf-8"))
            _prepare(study)
            took = _logged(way, command(["-m", "stages.train", *TRAINED], study))
        faster = rows[0][1] / took.seconds if rows else 1.0
        rows.append([way, *shown(took), *rounded([faster])])
    folds, train = params["split"]["folds"] * params["split"]["repeats"], params["train"]
    work = (
        f"The stage `train` for {' and '.join(TRAINED)}, its imports included: {folds} folds and "
        f"the model for the hold-out, {train['epochs']} epochs each, by {train['workers']} "
        f"processes of {train['threads']} threads."
    )
    columns = ["engine", "seconds", "CPU s", "MiB", "times as fast as Trainer"]
    return {"ways": Part("Ways of training", work, columns, rows)}


def measure_stages(setting: Setting) -> dict[str, Part]:
    """Every stage of `make study`, and what some take to start."""
    with project(setting.changes) as study:
        rows = [
            [name, *shown(_logged(name, command(words.split()[1:], study)))]
            for name, words in commands(study)
        ]
        starts = [
            [f"stages.{name}", *shown(command(["-c", f"import stages.{name}"], study))]
            for name in STARTED
        ]
    seconds, cpu, memory = zip(*(row[1:] for row in rows), strict=True)
    rows.append(["all of them", *shown(Took(sum(seconds), sum(cpu), max(memory)))])
    work = (
        "The command of every stage, one after the other; what DVC takes to hash and compare "
        "files is not in it."
    )
    columns = ["seconds", "CPU s", "MiB"]
    started = "Starting Python and importing the script."
    return {
        "stages": Part("Where the time of `make study` goes", work, ["stage", *columns], rows),
        "starts": Part("Before a stage begins", started, ["import", *columns], starts),
    }


def commands(study: Path) -> Iterator[tuple[str, str]]:
    """Names and commands of the stages in dvc.yaml that are not frozen, each of a matrix."""
    stages = yaml.safe_load((study / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    params = yaml.safe_load((study / "params.yaml").read_text(encoding="utf-8"))
    for name, stage in stages.items():
        if stage.get("frozen"):
            continue
        matrix = stage.get("matrix", {})
        values = [params[v[2:-1]] if isinstance(v, str) else v for v in matrix.values()]
        for chosen in itertools.product(*values):
            words = stage["cmd"]
            for key, value in zip(matrix, chosen, strict=True):
                words = words.replace(f"${{item.{key}}}", value)
            yield "@".join([name, *filter(None, ["-".join(chosen)])]), words


def measure_inference(setting: Setting) -> dict[str, Part]:
    """Answers of the final models to tables of simulated beads, and how far they differ."""
    few, *sizes = sorted({FEW, *(setting.beads or INFERENCE_BEADS)})
    rows, answers = [], {}
    with project(setting.changes) as study:
        if not (study / "data/models").is_dir():
            raise StudyError(
                "data/models", "there is no final model", expected="`make study` first"
            )
        for size in (few, *sizes):
            write_table(study / f"{size}.csv", dirty(simulate_population(size, 0), 0))
        for way, options in ANSWERED.items():
            asked, out = [*PREDICT, *options, "--format", "csv"], study / "answers.csv"
            start = command([*asked, f"{few}.csv"], study)
            for size in sizes:
                took = command([*asked, f"{size}.csv"], study, out)
                logging.info("%s, %d beads: %.1f s", way, size, took.seconds)
                answers.setdefault(size, {})[way] = pd.read_csv(out, dtype={"bead": str})
                more, cpu = (took[n] - start[n] for n in (0, 1))
                rate = [60 * (size - few) / more, 1000 * cpu / (size - few)]
                rows.append([way, size, *rounded([*rate, start.seconds]), round(took.peak_mib)])
    columns = ["way", "beads", "beads a minute", "CPU ms a bead", "s to start", "MiB"]
    work = (
        "`llm4waam predict TABLE --format csv`, all tasks, from the cells of a simulated table to "
        f"lines of CSV. What {few} beads take is the start and is taken off."
    )
    first, *others = ANSWERED
    apart = {way: differences(answers[sizes[0]][first], answers[sizes[0]][way]) for way in others}
    differing = [[name, *(apart[way][name] for way in others)] for name in apart[others[0]]]
    compared = (
        f"Of {sizes[0]:,} beads: the share that gets another word, and how far numbers are from "
        "those of the first way, a mean relative to the mean."
    )
    return {
        "inference": Part("Inference", work, columns, rows),
        "answers": Part("How far answers differ", compared, ["column", *others], differing),
    }


def differences(one: pd.DataFrame, other: pd.DataFrame) -> dict[str, str]:
    """How far `other` is from `one` (beads, columns) in every column that says of the bead."""
    found = {}
    for name in one.columns.drop("bead"):
        if is_numeric_dtype(one[name]):  # whole numbers as well
            share = (one[name] - other[name]).abs().mean() / one[name].abs().mean()
        else:
            share = (one[name].fillna("") != other[name].fillna("")).mean()
        found[name] = f"{100 * share:.2f} %"
    return found


def measure_growth(setting: Setting) -> dict[str, Part]:
    """The first stages, and the beginning of training, for tables of more and more beads."""
    rows, tokenise = [], ["-m", "benchmarks.steps", *TRAINED]
    for size in setting.beads or GROWTH_BEADS:
        population = {"simulate.design": "population", "simulate.beads": size, "train.epochs": 1}
        with project(setting.changes | population) as study:
            took = [command(["-m", f"stages.{n}"], study) for n in ("simulate", *PREPARATION)]
            took.append(command([*tokenise, "0"], study))
            cells = [size, *rounded(one.cpu_seconds for one in took)]
            cells.append(round(max(one.peak_mib for one in took)))
            steps = train = None
            if size <= STEPPED_BEADS:
                steps = command([*tokenise, str(STEPS)], study)
            if size <= TRAINED_BEADS:
                train = command(["-m", "stages.train", *TRAINED], study)
        logging.info("%d beads: %.1f s", size, sum(one.seconds for one in took))
        for more in (steps, train):
            cells += ["", ""] if more is None else shown(more)[1:]
        rows.append(cells)
    columns = [f"{name}, CPU s" for name in ("simulate", *PREPARATION, "tokenise")]
    columns = ["beads", *columns, "MiB"]
    columns += [f"{what}, {unit}" for what in ("steps", "train") for unit in ("CPU s", "MiB")]
    work = (
        "The commands of the first stages for simulated beads of random laboratories, their "
        f"imports included; what `train` for {' and '.join(TRAINED)} does until all prompts are "
        f"tokenised, and the most memory of these five; the same with {STEPS} steps of every fold; "
        "and the stage itself, one epoch of every fold. The last two are left out where they would "
        "take too long."
    )
    return {"growth": Part("Growth with beads", work, columns, rows)}


def _prepare(study: Path) -> None:
    for name in PREPARATION:
        command(["-m", f"stages.{name}"], study)


def _logged(name: str, took: Took) -> Took:
    logging.info("%s: %.1f s", name, took.seconds)
    return took


def shown(took: Took) -> list[float | int]:
    """Seconds and CPU seconds to three digits, whole MiB."""
    return [*rounded(took[:2]), round(took.peak_mib)]


def rounded(values: Iterable[float]) -> list[float]:
    """Numbers to three digits: more would be noise."""
    return [float(f"{value:.3g}") for value in values]


PARTS: dict[str, Callable[[Setting], dict[str, Part]]] = {
    "ways": measure_ways,
    "stages": measure_stages,
    "inference": measure_inference,
    "growth": measure_growth,
}
