"""Commands of the project, run in a copy of it: the seconds and the memory that each takes."""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import yaml

from llm4waam.core.errors import StudyError

ROOT = Path(__file__).parents[1]
LEFT_OUT = (
    ".git",
    ".dvc",
    ".venv",
    ".venv-inference",
    "__pycache__",
    "unfinished",
    "shared",
    "tests",
)
SKIPPED = 3  # the exit status of `llm4waam predict` where rows of a table were left out
LOOK_S = 0.5  # between looks at the memory: reading it takes the kernel milliseconds
WAIT_S = 0.02  # between looks whether a command has ended


class Took(NamedTuple):
    """What a command took, with all processes that it started."""

    seconds: float
    cpu_seconds: float  # user and system
    peak_mib: float  # the most memory at a time, shared pages counted once; 0 without /proc


@contextmanager
def project(changes: Mapping[str, object]) -> Iterator[Path]:
    """A copy of the project with other parameters ("train.engine": "loop"), gone afterwards.

    Raises StudyError for a parameter that params.yaml does not have.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "study"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
        file = copy / "params.yaml"
        params = yaml.safe_load(file.read_text(encoding="utf-8"))
        for key, value in changes.items():
            *outer, last = key.split(".")
            section = params
            for name in outer:
                section = section.get(name, {})
            if last not in section:
                raise StudyError("params.yaml", "there is no such parameter", value=key)
            section[last] = value
        file.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
        yield copy


def command(arguments: list[str], folder: Path, out: Path | None = None) -> Took:
    """What `python ARGUMENTS` takes in `folder`, from the start of the process to its end.

    Its standard output goes to the file `out`, or nowhere.
    Raises RuntimeError with what it wrote to the standard error where it fails.
    """
    start = time.perf_counter()
    with (
        (out or Path(os.devnull)).open("w", encoding="utf-8") as written_to,
        subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            stdout=written_to,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        written: list[str] = []
        reader = threading.Thread(target=lambda: written.append(process.stderr.read()))
        reader.start()
        peak, looks = 0, 0
        while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            if looks % (LOOK_S // WAIT_S) == 0:
                peak = max(peak, memory(process.pid))
            looks += 1
            time.sleep(WAIT_S)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        reader.join()
    if process.returncode not in (0, SKIPPED):
        raise RuntimeError(f"{' '.join(arguments)}: {written[0][-2000:]}")
    used = ended[2]  # of the process and of all that it waited for
    return Took(seconds, used.ru_utime + used.ru_stime, peak / 2**20)


def memory(pid: int) -> int:
    """Bytes of a process and its descendants, shared pages counted once; 0 without /proc."""
    total, found = 0, [pid]
    for one in found:
        try:
            for file in Path(f"/proc/{one}/task").glob("*/children"):
                found += map(int, file.read_text().split())
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += 1024 * int(line.split()[1])
        except OSError:  # it has ended meanwhile
            continue
    return total


def machine(*, gpu: bool) -> str:
    """What the commands ran on: the GPU where it is used, processor, cores, versions; no host."""
    file = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.*)", file.read_text()) if file.is_file() else None
    parts = [named[1].strip() if named else platform.machine(), f"{cores()} cores"]
    if gpu:
        asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        names = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        parts.insert(0, f"one {names.splitlines()[0]}")
    parts += [f"{name} {version(name)}" for name in ("torch", "transformers")]
    return ", ".join([*parts, f"python {platform.python_version()}"])


def commit() -> str:
    """The commit whose code runs, with "-dirty" where a file was changed since; "" without git."""
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # no git here, or no repository
        return ""


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
