"""Where the time of `make study` goes: every stage's command, in a copy of the project."""

import logging
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks.apart import command
from benchmarks.setting import Setting

ROOT = Path(__file__).parents[1]
LEFT = (".git", ".venv", "cache", "tmp", "__pycache__", "unfinished", "shared")
STARTED = ("stages.clean", "stages.split", "stages.explore", "stages.train")


def measure_starts(setting: Setting) -> list[dict[str, Any]]:
    """What starting a stage takes before it does anything: Python and the imports, the median."""
    rows = []
    for module in STARTED:
        runs = [command(["-c", f"import {module}"], ROOT) for _ in range(setting.rounds)]
        medians = {n: statistics.median(run[n] for run in runs) for n in ("seconds", "cpu_seconds")}
        rows.append({"module": module, "peak_bytes": runs[0]["peak_bytes"], **medians})
        logging.info("import %s: %.1f s", module, medians["seconds"])
    return rows


def measure_stages(setting: Setting) -> list[dict[str, Any]]:
    """What the command of every stage takes, one after the other, in the order of dvc.yaml.

    In a copy of the project, so that nothing tracked changes; a frozen stage is not run.
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "study"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT))
        for name, asked in commands(copy):
            if not setting.commands or name in setting.commands:
                rows.append({"stage": name} | command(asked.split()[1:], copy))
                logging.info("%s: %.1f s", name, rows[-1]["seconds"])
    return rows


def commands(root: Path) -> list[tuple[str, str]]:
    """Names and commands of the stages in dvc.yaml, those of a matrix one by one."""
    stages = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    tasks = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))["tasks"]
    found = []
    for name, stage in stages.items():
        if stage.get("frozen"):
            continue
        if "matrix" not in stage:
            found.append((name, stage["cmd"]))
            continue
        for task in tasks:
            found.append((f"{name}@{task}", stage["cmd"].replace("${item.task}", task)))
    return found
