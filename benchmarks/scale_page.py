"""The tables of docs/scale.md, computed from what was measured and counted."""

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from statistics import median

import numpy as np
import yaml

from benchmarks.counts import JobKind, Stage
from benchmarks.page import table, write_between
from benchmarks.queueing import Costs, bottleneck, simulate
from llm4waam.ablations.variations import KINDS
from llm4waam.plotting.pages import number

WORKS, QUEUED = ("study", "repeated", "ablations"), ("repeated", "ablations")
GPUS = (1, 10, 100)
PRECISIONS = ("fp32", "bf16")
HOUR_S, MS = 3600, 1000


class Durations:
    """Seconds of a job on the device that was measured."""

    def __init__(self, measured: Mapping[str, dict], precision: str) -> None:
        found = {}
        for name, figures in measured.items():
            kind, *rest = name.split()
            if kind == "fits" and rest[0] == precision:
                found.setdefault(int(rest[1]), {})[int(rest[2])] = figures
        self._one, self._many = sorted(found)
        self._steps = {
            together: (sorted(by_size), [by_size[size]["step_s"] for size in sorted(by_size)])
            for together, by_size in found.items()
        }
        figures = chain.from_iterable(by_size.values() for by_size in found.values())
        self._fixed = median(one["fixed_s"] for one in figures)
        self._study, self._final = measured[f"study {precision}"], measured["final"]["seconds"]

    def step(self, together: int, batch_size: int) -> float:
        """Seconds of an optimizer step of so many fits; between what was measured, on a line."""
        one, many = (np.interp(batch_size, *self._steps[n]) for n in (self._one, self._many))
        share = (together - self._one) / (self._many - self._one)
        return float(one + share * (many - one))

    def of(self, job: JobKind) -> float:
        """Seconds of a job."""
        turns = 1 if job.together > 1 else job.fits
        seconds = turns * job.steps * self.step(job.together, job.batch_size)
        seconds += job.fits * self._fixed
        if job.epochs:
            seconds += job.fits * (job.epochs * self._study["epoch_s"] + self._study["fit_s"])
        return seconds + job.final * self._final

    def all_of(self, stage: Stage) -> list[float]:
        """Seconds of every job of a stage, in the order in which they are handed out."""
        return [self.of(kind) for count, kind in stage.jobs for _ in range(count)]


def compute(known: Mapping, root: Path) -> dict:
    """What follows from the figures: work, queues, bytes; hours, shares and bytes."""
    measured, counted = known["measured"], known["counted"]
    works = {name: list(map(Stage.from_json, counted[name])) for name in WORKS}
    durations = {precision: Durations(measured, precision) for precision in PRECISIONS}
    return {
        "work": {name: _work(stages, durations) for name, stages in works.items()},
        "kinds": _by_kind(works["ablations"], durations),
        "queue": {name: _queue(works[name], durations["fp32"], known) for name in QUEUED},
        "bytes": {name: _bytes(works[name], measured) for name in QUEUED},
        "remote": _remote(root, works, measured),
    }


def _work(stages: Sequence[Stage], durations: Mapping[str, Durations]) -> dict:
    kinds = [pair for stage in stages for pair in stage.jobs]
    hours = {
        f"hours_{precision}": sum(n * found.of(kind) for n, kind in kinds) / HOUR_S
        for precision, found in durations.items()
    }
    return {
        "stages": len(stages),
        "jobs": sum(n for n, _ in kinds),
        "fits": sum(n * kind.fits for n, kind in kinds),
        "steps": sum(n * kind.fits * kind.steps for n, kind in kinds),
        "prompts": sum(stage.prompts for stage in stages),
        **_rounded(hours),
    }


def _by_kind(stages: Sequence[Stage], durations: Mapping[str, Durations]) -> dict:
    found: dict[str, list[Stage]] = {}
    for stage in stages:
        found.setdefault(stage.name.split()[0], []).append(stage)
    return {kind: _work(own, durations) for kind, own in found.items()}


def _queue(stages: Sequence[Stage], durations: Durations, known: Mapping) -> dict:
    """For each number of GPUs: hours and idle share, of stages in turn and of one pool."""
    start = known["measured"]["start"]["seconds"]
    count = sum(n for stage in stages for n, _ in stage.jobs)
    packing = sum(n * stage.pickle_s for stage in stages for n, _ in stage.jobs) / count
    hand_out = known["driver"]["ms"]["two nodes"] / MS + packing
    jobs = [durations.all_of(stage) for stage in stages]
    pool = list(chain.from_iterable(jobs))
    # A pool is prepared as a whole before it begins, a stage by itself.
    prepare = sum(stage.prepare_s for stage in stages)
    ways = {
        "in_turn": (jobs, Costs(start + prepare / len(stages), hand_out, start)),
        "pool": ([pool], Costs(start + prepare, hand_out, start)),
    }
    found = {}
    for way, (work, costs) in ways.items():
        outcomes = [simulate(work, gpus, costs) for gpus in GPUS]
        found[way] = {
            str(one.gpus): _rounded({"hours": one.seconds / HOUR_S, "idle": one.idle})
            for one in outcomes
        }
    told = {
        "job_s": sum(pool) / len(pool),
        "packing_ms": MS * packing,
        "hand_out_ms": MS * hand_out,
    }
    told |= {"longest_s": max(pool), "prepare_s": prepare}
    return found | _rounded(told | {"bottleneck_gpus": bottleneck(pool, ways["pool"][1])})


def _bytes(stages: Sequence[Stage], measured: Mapping) -> dict:
    """Bytes that move: of all jobs together, or to each node."""
    jobs = [(n, stage, kind) for stage in stages for n, kind in stage.jobs]
    checkpoints = {folder for stage in stages for folder in stage.checkpoints}
    study = any(stage.shared_bytes for stage in stages)  # whose stages are a run of Ray each
    sent = sum(len(stage.checkpoints) for stage in stages) if study else len(checkpoints)
    return {
        "jobs": round(sum(n * stage.job_bytes for n, stage, _ in jobs)),
        "a_job": round(sum(n * stage.job_bytes for n, stage, _ in jobs) / sum(n for n, *_ in jobs)),
        "shared": round(sum(stage.shared_bytes for stage in stages)),
        "checkpoints": sent * measured["checkpoint"]["bytes"],
        "unpacked": sum(n for n, *_ in jobs) * measured["checkpoint"]["bytes"],
        "results": sum(stage.result_bytes for stage in stages),
        "models": sum(n for n, _, kind in jobs if kind.final) * measured["final"]["bytes"],
    }


def _remote(root: Path, works: Mapping[str, Sequence[Stage]], measured: Mapping) -> dict:
    """Bytes that `dvc push` holds of the study as it is, and of one at base size with repeats."""
    pipeline = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    lock = yaml.safe_load((root / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    kept = [re.sub(r"\\\$\\\{.*?\\\}", "[^/]+", re.escape(out)) for out in _cached(pipeline)]
    sizes = {
        out["path"]: out["size"]
        for stage in lock.values()
        for out in stage.get("outs", [])
        if any(re.fullmatch(name, out["path"]) for name in kept)
    }
    models = [path for path in sizes if path.startswith("data/models/")]
    told = [path for path in sizes if path.startswith("data/incomplete/")]
    folds = {
        name: sum(n for stage in works[name] for n, _ in stage.jobs)
        for name in ("study", "repeated")
    }
    rest = sum(size for path, size in sizes.items() if path not in (*models, *told))
    incomplete = sum(sizes[path] for path in told)
    return {
        "now": sum(sizes.values()),
        "models_now": sum(sizes[path] for path in models),
        "base": rest
        + round(incomplete * folds["repeated"] / folds["study"])
        + len(models) * measured["final"]["bytes"],
        "models_base": len(models) * measured["final"]["bytes"],
    }


def _cached(pipeline: Mapping[str, dict]) -> list[str]:
    """The outputs that DVC keeps: those of `outs`, which are plain names here."""
    return [out for stage in pipeline.values() for out in stage.get("outs", [])]


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.4g}") for name, value in values.items()}


def write_page(file: Path, known: Mapping) -> None:
    """Put the tables of all figures between the two marks of docs/scale.md."""
    measured, computed = known["measured"], known["computed"]
    repeats = known["counted"]["repeats"]
    names = {
        "study": "the study as it is",
        "repeated": f"the study with {repeats} repeats",
        "ablations": "all ablations",
    }
    lacking = known["counted"]["lacking"]
    lines = ["", f"**Not counted yet, of the ablations: {', '.join(lacking)}.**"] if lacking else []
    for part in (
        _work_tables(computed, names),
        _fit_table(measured),
        _queue_table(computed, names, known),
        _bytes_table(computed, names, measured),
        _remote_table(computed["remote"], repeats),
    ):
        lines += ["", *part]
    write_between(file, "benchmarks.scale", lines)


def _work_tables(computed: Mapping, names: Mapping[str, str]) -> list[str]:
    columns = ["fits", "optimizer steps", "prompts read", *(f"GPU hours, {p}" for p in PRECISIONS)]
    columns.insert(0, "jobs")
    work, kinds = computed["work"], computed["kinds"]
    return [
        "### What there is to do",
        "",
        "Fits of the encoders, each counted as if it were BERT base: a job is what one GPU is "
        "given at a time. GPU hours are those of the jobs alone.",
        "",
        table(["work", *columns], [[names[name], *_row(work[name])] for name in WORKS]),
        "",
        "Of the ablations, by kind:",
        "",
        table(["kind", *columns], [[kind, *_row(kinds[kind])] for kind in KINDS if kind in kinds]),
    ]


def _row(work: Mapping) -> list:
    hours = [work[f"hours_{precision}"] for precision in PRECISIONS]
    return [*(work[name] for name in ("jobs", "fits", "steps", "prompts")), *hours]


def _fit_table(measured: Mapping[str, dict]) -> list[str]:
    checkpoint = measured["checkpoint"]
    layers, width, heads = checkpoint["shape"]
    rows = []
    for name, found in measured.items():
        kind, *rest = name.split()
        if kind == "fits":
            precision, folds, size = rest
            step, fixed, memory = (found[key] for key in ("step_s", "fixed_s", "gpu_mib"))
            rows.append([precision, int(folds), int(size), MS * step, fixed, memory])
    rows.sort(key=lambda row: (PRECISIONS.index(row[0]), *row[1:3]))
    columns = ["precision", "fits in a stack", "batch size", "ms a step", "s besides", "GPU MiB"]
    final, start = measured["final"]["seconds"], measured["start"]["seconds"]
    more = ", ".join(
        f"{number(one['fit_s'])} s and {number(one['epoch_s'])} s an epoch in {precision}"
        for precision in PRECISIONS
        for one in [measured[f"study {precision}"]]
    )
    return [
        "### What a fit takes",
        "",
        f"BERT with {layers} layers, {width} wide, {heads} heads: {checkpoint['parameters']:,} "
        "random weights, fine-tuned on the study's prompts. A step of a stack is a step of all its "
        "fits. Besides its steps a fit loads the checkpoint and predicts. A fit of the study takes "
        f"{more} more, since it also predicts beads with fields left out, and looks at the other "
        f"beads after each epoch. A final model is saved in {number(final)} s, and a process can "
        f"fit {number(start)} s after its start. On {measured['machine']}.",
        "",
        table(columns, rows, 1),
    ]


def _queue_table(computed: Mapping, names: Mapping[str, str], known: Mapping) -> list[str]:
    ways = {"in_turn": "stages in turn", "pool": "one pool"}
    rows, told = [], []
    for name in QUEUED:
        found = computed["queue"][name]
        for way, title in ways.items():
            cells = (found[way][str(gpus)] for gpus in GPUS)
            shown = [f"{number(one['hours'])} ({100 * one['idle']:.0f} %)" for one in cells]
            rows.append([names[name], title, *shown])
        told.append(
            f"Of {names[name]} a job takes {number(found['job_s'])} s on average and "
            f"{number(found['longest_s'])} s at most. Making all jobs takes the driver "
            f"{number(found['prepare_s'])} CPU seconds, packing one "
            f"{number(found['packing_ms'])} ms, handing one out {number(found['hand_out_ms'])} ms "
            f"with that: one driver keeps {found['bottleneck_gpus']:,.0f} GPUs at work."
        )
    driver, counted = known["driver"], known["counted"]
    ms = " and ".join(f"{number(value)} ms by {way}" for way, value in driver["ms"].items())
    columns = ["work", "way", *(f"{gpus} GPU{'s' * (gpus > 1)}" for gpus in GPUS)]
    return [
        "### What 1, 10 and 100 GPUs make of it",
        "",
        "Hours until all is done in fp32, and the share of the GPUs' time in which they wait. "
        "Simulated: a driver hands out one job after the other, each to the GPU that is free "
        "first; every stage starts its driver and its workers. *Stages in turn* is what `dvc "
        "repro` does, *one pool* what `make ablations` does first; the study has none, and its "
        "line says what one would be worth.",
        "",
        table(columns, rows, 2),
        "",
        f"A fit that does nothing takes {ms} (mean of {driver['fits']:,}, on {driver['machine']}). "
        + " ".join(told)
        + f" Jobs were made and packed on {counted['machine']}.",
    ]


def _bytes_table(computed: Mapping, names: Mapping[str, str], measured: Mapping) -> list[str]:
    found = {name: computed["bytes"][name] for name in QUEUED}
    what = {
        "jobs": "jobs, each to one node",
        "shared": "what the jobs of a training share, to every node",
        "checkpoints": "checkpoints, to every node",
        "unpacked": "the same, written by the jobs on the disks of the nodes",
        "results": "predictions and what is kept of the folds, back",
        "models": "final models, back",
    }
    rows = [[title, *(_size(one[key]) for one in found.values())] for key, title in what.items()]
    sizes = " and ".join(f"{_size(one['a_job'])} in {names[name]}" for name, one in found.items())
    return [
        "### What moves",
        "",
        f"A checkpoint has {_size(measured['checkpoint']['bytes'])}, a final model with its ONNX "
        f"file {_size(measured['final']['bytes'])}, a job on average {sizes}. The ablations are "
        "one pool, the trainings of the study are a run of Ray each.",
        "",
        table(["what", *(names[name] for name in found)], rows),
    ]


def _remote_table(remote: Mapping[str, int], repeats: int) -> list[str]:
    rows = [
        ["the study as it is", _size(remote["now"]), _size(remote["models_now"])],
        [
            f"with BERT base and {repeats} repeats",
            _size(remote["base"]),
            _size(remote["models_base"]),
        ],
    ]
    return [
        "### What a remote holds",
        "",
        "The outputs of one run of the study that are not in git, by dvc.lock; at base size with "
        "final models as measured above.",
        "",
        table(["`dvc push` of", "all", "of that final models"], rows),
    ]


def _size(count: float) -> str:
    """Bytes in a unit that leaves one to four digits before the point."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count:,.0f} bytes"
