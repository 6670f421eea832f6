"""The same study in every way: a slice of it measured, the whole of it computed from the slice."""

import logging
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.apart import apart
from benchmarks.floor import rates
from benchmarks.machine import cores
from benchmarks.setting import Setting
from benchmarks.table import Table
from benchmarks.work import Way, fit, jobs_of, material_of, size
from llm4waam.encoders.settings import Source

ORIGINAL_TOKENS = 512
SHORT, LONG = 1, 2  # epochs: their difference is what an epoch takes without what a fit takes
ORIGINAL = Way(
    "original",
    f"the original's way: one fold at a time, every sentence padded to {ORIGINAL_TOKENS} tokens",
    {"engine": "loop", "precision": "fp32", "padding": "max_tokens", "max_tokens": ORIGINAL_TOKENS},
    alone=True,
    once=True,
)
TRAINER = Way("trainer", "Trainer", {"engine": "trainer", "precision": "fp32"})
TRAINER_BF16 = Way("trainer_bf16", "Trainer", {"engine": "trainer", "precision": "bf16"}, once=True)
LOOP = Way("loop", "the loop", {"engine": "loop", "precision": "fp32"})
STACKED = Way("stacked", "all folds stacked", {"engine": "stacked", "precision": "fp32"})
LOOP_BF16 = Way("loop_bf16", "the loop", {"engine": "loop", "precision": "bf16"})
STACKED_BF16 = Way("stacked_bf16", "all folds stacked", {"engine": "stacked", "precision": "bf16"})
WAYS = (ORIGINAL, TRAINER, TRAINER_BF16, LOOP, STACKED)
ON_A_GPU = (LOOP_BF16, STACKED_BF16)


def measure_ways(setting: Setting) -> dict[str, Any]:
    """A row for every way, then (if asked) the fastest in full, of which nothing is computed."""
    ways = ways_of(setting)
    speeds = apart(rates, setting.device, cores(), setting.matrix, setting.copied)
    logging.info("operations and bytes a second: %s", speeds)
    study = apart(study_size, setting)
    runs: dict[str, list[dict]] = {way.name: [] for way in ways}
    for turn in range(setting.rounds):
        for way in ways if turn == 0 else [way for way in ways if not way.once]:
            runs[way.name].append(_slice(setting, way))
    rows = [_row(way, setting) | scaled(runs[way.name], setting.epochs, study) for way in ways]
    if setting.full:
        rows.append(_row(ways[-1], setting) | _in_full(setting, ways[-1]))
    return {
        "rows": judged(rows, study, speeds),
        "study": study,
        "rates": speeds,
        "slice": {
            "encoder": setting.sources[0].encoder,
            "task": setting.tasks[0],
            "epochs": [SHORT, LONG],
        },
    }


def ways_of(setting: Setting) -> list[Way]:
    """The ways that are measured; the last is the study's own."""
    ways = [*WAYS, *(ON_A_GPU if setting.device == "cuda" else ())]
    if setting.compiled:
        changes = ways[-1].changes | {"compiler": "inductor"}
        ways.insert(-1, Way("compiled", "all folds stacked, by torch.compile", changes, once=True))
    return ways


def study_size(setting: Setting) -> dict[str, float]:
    """How much work the whole study is: steps, fits, operations, bytes; call it apart."""
    total: dict[str, float] = {"epochs": setting.epochs, "beads": len(setting.table.beads)}
    for source in setting.sources:
        for task in setting.tasks:
            table = setting.table
            material = material_of(table, source, LOOP, task, setting.epochs, setting.device)
            for name, value in size(material, jobs_of(table, material)).items():
                total[name] = total.get(name, 0) + value
    return total


def scaled(runs: Sequence[dict], epochs: int, study: dict) -> dict[str, Any]:
    """The study's seconds, wall and CPU, from runs of a slice, each what `fit_both` returns.

    What a fit takes once and what each epoch takes are told apart by the two, the median of all
    runs of each; then as many times as the study has more steps than the slice at those epochs.
    """
    short, long = ([run[name] for run in runs] for name in ("short", "long"))
    more = study["steps"] / (short[0]["steps"] / SHORT * epochs)
    found: dict[str, Any] = {"rounds": len(runs), "fits": short[0]["fits"], "measured": False}
    for name in ("seconds", "cpu_seconds"):
        one, two = (statistics.median(run[name] for run in part) for part in (short, long))
        # On a busy machine two epochs may seem to take less than one.
        each = max(two - one, 0.0) / (LONG - SHORT)
        found[f"slice_{name}"] = [one, two]
        found[f"study_{name}"] = (one + (epochs - SHORT) * each) * more
    return found | _memory([*runs, *long])


def judged(rows: list[dict], study: dict, speeds: dict) -> list[dict]:
    """The rows with steps a second, the ratio to Trainer, and how far each is from its floor."""
    trainer = next(row for row in rows if row["name"] == TRAINER.name)
    for row in rows:
        row["steps_per_second"] = study["steps"] / row["study_seconds"]
        row["ratio_to_trainer"] = trainer["study_seconds"] / row["study_seconds"]
        row["floor_operations_seconds"] = study["operations"] / speeds[row["precision"]]
        row["floor_bytes_seconds"] = study["bytes"] / speeds["copy"]
        floor = max(row["floor_operations_seconds"], row["floor_bytes_seconds"])
        row["times_the_floor"] = row["study_seconds"] / floor
    return rows


def _slice(setting: Setting, way: Way) -> dict[str, Any]:
    """One encoder and task at both numbers of epochs, in one process.

    All folds where they are stacked, else as many as are worked on at a time.
    """
    source, task = setting.sources[0], setting.tasks[0]
    stacks = way.changes["engine"] == "stacked"
    fits = None if stacks else way.workers(setting.table, setting.device)[0]
    found = apart(fit_both, setting.table, source, way, task, fits, setting.device)
    seconds = [found[part]["seconds"] for part in ("short", "long")]
    logging.info("%s, %d and %d epochs: %.1f and %.1f s", way.name, SHORT, LONG, *seconds)
    return found


def fit_both(
    table: Table, source: Source, way: Way, task: str, fits: int | None, device: str
) -> dict[str, dict]:
    """What `fit` returns for SHORT and LONG epochs; call it apart."""
    return {
        name: fit(table, source, way, task, epochs, fits, device)
        for name, epochs in (("short", SHORT), ("long", LONG))
    }


def _in_full(setting: Setting, way: Way) -> dict[str, Any]:
    found = []
    for source in setting.sources:
        for task in setting.tasks:
            asked = (setting.table, source, way, task, setting.epochs, None, setting.device)
            found.append(apart(fit, *asked))
            logging.info("%s %s, in full: %.1f s", source.encoder, task, found[-1]["seconds"])
    total = {f"study_{n}": sum(one[n] for one in found) for n in ("seconds", "cpu_seconds")}
    fits = sum(one["fits"] for one in found)
    return total | {"rounds": 1, "fits": fits, "measured": True} | _memory(found)


def _row(way: Way, setting: Setting) -> dict[str, Any]:
    processes, threads = way.workers(setting.table, setting.device)
    return {
        "name": way.name,
        "says": way.says,
        "precision": way.changes["precision"],
        "processes": processes,
        "threads": threads,
    }


def _memory(runs: Sequence[dict]) -> dict[str, int | None]:
    """The most memory of any run, in bytes; of the GPU where there is one."""
    found = {}
    for name in ("peak_bytes", "gpu_bytes"):
        known = [run[name] for run in runs if run.get(name) is not None]
        found[name] = max(known, default=None)
    return found
