"""The tables of benchmarks/README.md, from results.json alone."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from llm4waam.core.files import write_text

START = "<!-- tables: written by `python -m benchmarks.study` -->\n"
END = "<!-- end of tables -->\n"
PREPARATIONS = ("simulate", "clean", "sentences", "split", "tokenise", "numbers")


def write_page(readme: Path, results: dict[str, Any]) -> None:
    """Put the tables of all results between the two marks of the README."""
    before, rest = readme.read_text(encoding="utf-8").split(START)
    write_text(readme, before + START + page(results) + END + rest.split(END)[1])


def page(results: dict[str, Any]) -> str:
    """All tables, a section for every device and checkpoint."""
    lines = []
    for name, parts in results.items():
        lines += ["", f"## Measured: {name}"]
        for part, render in (("ways", _ways), ("growth", _growth), ("stages", _stages)):
            if part in parts:
                lines += ["", *render(parts[part]), "", f"Measured on {_machine(parts[part])}."]
    return "\n".join([*lines, "", ""])


def _ways(found: dict[str, Any]) -> list[str]:
    study, cut, speeds = found["study"], found["slice"], found["rates"]
    rows = [
        [
            row["says"] + (", **in full**" if row["measured"] else ""),
            row["precision"],
            f"{row['processes']} x {row['threads']}",
            f"{row['fits']} fits" + (f", {row['rounds']} times" if row["rounds"] > 1 else ""),
            number(row["steps_per_second"]),
            number(row["study_seconds"]),
            number(row["study_cpu_seconds"]),
            f"{row['ratio_to_trainer']:.2f}",
            f"{row['times_the_floor']:.1f}",
            _bytes(row["peak_bytes"]),
            _bytes(row["gpu_bytes"]),
        ]
        for row in found["rows"]
    ]
    head = ["way", "precision", "processes x threads", "measured", "steps/s", "study, s"]
    head += ["study, CPU s", "times as fast as Trainer", "times the floor", "memory", "of the GPU"]
    floors = {row["precision"]: row for row in found["rows"]}
    floor_rows = [
        [
            precision,
            number(study["operations"] / 1e12),
            number(speeds[precision] / 1e9),
            number(row["floor_operations_seconds"]),
            number(study["bytes"] / 1e9),
            number(speeds["copy"] / 1e9),
            number(row["floor_bytes_seconds"]),
        ]
        for precision, row in floors.items()
    ]
    floor_head = ["precision", "10^12 operations", "10^9 a second", "seconds"]
    floor_head += ["10^9 bytes", "10^9 a second", "seconds"]
    return [
        "### The study in every way",
        "",
        f"The whole study: {study['beads']} beads, {study['fits']} fits of {study['epochs']} "
        f"epochs, {study['steps']:,} optimizer steps. Slice: {cut['encoder']}, {cut['task']}, "
        f"{cut['epochs'][0]} and {cut['epochs'][1]} epochs.",
        "",
        *table(head, rows),
        "",
        "The floor:",
        "",
        *table(floor_head, floor_rows),
    ]


def _growth(found: dict[str, Any]) -> list[str]:
    beads = [
        [
            f"{row['beads']:,}",
            *(number(1000 * row["prepare"][name] / row["beads"]) for name in PREPARATIONS),
            number(sum(row["prepare"].values())),
            number(row["seconds"] / row["steps"]),
            f"{row['epoch_steps']:,}",
            number(row["seconds"] / row["steps"] * row["epoch_steps"]),
            _bytes(row["peak_bytes"]),
        ]
        for row in found["beads"]
    ]
    head = ["beads", *PREPARATIONS, "all of it, CPU s", "s a step", "steps an epoch"]
    head += ["an epoch, s", "memory"]
    return [
        "### Growth with beads",
        "",
        "Preparation in CPU seconds for each thousand beads: where that is level, time is linear.",
        "",
        *table(head, beads),
        "",
        "### Growth with folds",
        "",
        *table(
            ["folds", "steps", "seconds", "CPU s", "CPU ms a step", "memory"],
            [[row["folds"], *_taken(row)] for row in found["folds"]],
        ),
        "",
        "### Growth with the length of sentences",
        "",
        *table(
            ["tokens", "steps", "seconds", "CPU s", "CPU ms a step", "memory", "10^9 operations/s"],
            [
                [row["tokens"], *_taken(row), number(row["operations"] / row["seconds"] / 1e9)]
                for row in found["tokens"]
            ],
        ),
    ]


def _taken(row: dict[str, Any]) -> list[str]:
    return [
        f"{row['steps']:,}",
        number(row["seconds"]),
        number(row["cpu_seconds"]),
        number(1000 * row["cpu_seconds"] / row["steps"]),
        _bytes(row["peak_bytes"]),
    ]


def _stages(found: dict[str, Any]) -> list[str]:
    def taken(row: dict[str, Any]) -> list[str]:
        used = (number(row[name]) for name in ("seconds", "cpu_seconds"))
        return [*used, _bytes(row["peak_bytes"])]

    stages = found["stages"]
    total = {name: sum(row[name] for row in stages) for name in ("seconds", "cpu_seconds")}
    total["peak_bytes"] = max((row["peak_bytes"] or 0 for row in stages), default=0)
    return [
        "### Where the time of `make study` goes",
        "",
        *table(
            ["stage", "seconds", "CPU s", "memory"],
            [[row["stage"], *taken(row)] for row in stages] + [["all of them", *taken(total)]],
        ),
        "",
        "### What a stage takes before it begins",
        "",
        *table(
            ["import", "seconds", "CPU s", "memory"],
            [[row["module"], *taken(row)] for row in found["starts"]],
        ),
    ]


def _machine(found: dict[str, Any]) -> str:
    named = found["machine"]
    gpu = f"one {named['gpu']}, " if "gpu" in named else ""
    versions = ", ".join(f"{name} {named[name]}" for name in ("torch", "transformers", "python"))
    return f"{gpu}{named['processor']}, {named['cores']} cores, {versions}"


def table(head: list[str], rows: Iterable[Iterable[object]]) -> list[str]:
    """The lines of a Markdown table."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return ["| " + " | ".join(map(str, line)) + " |" for line in lines]


def number(value: float) -> str:
    """Three digits, and no power of ten."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")


def _bytes(count: int | None) -> str:
    return f"{count / 2**20:,.0f} MiB" if count else ""
