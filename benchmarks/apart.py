"""A measurement in a process of its own: what it took, and how much memory at its most."""

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

LOOK_S = 0.5  # between looks at the memory: reading it takes the kernel milliseconds
WAIT_S = 0.02  # between looks whether a command has ended


def apart(function: Callable[..., dict], *arguments: object) -> dict[str, Any]:
    """`function(*arguments)` in a forked process, with `peak_bytes` of it and its workers added.

    Forked, so that it finds everything imported and nothing computed. `peak_bytes` is None where
    the system has no /proc. Raises RuntimeError where the function fails.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, function, arguments))
    process.start()
    theirs.close()
    peak = 0
    while not ours.poll(LOOK_S):
        peak = max(peak, memory(process.pid))
    try:
        found = ours.recv()
    except EOFError:
        raise RuntimeError(f"{function.__name__} failed, see above") from None
    finally:
        process.join()
    return found | {"peak_bytes": peak or None}


def _answer(out: Connection, function: Callable[..., dict], arguments: tuple) -> None:
    out.send(function(*arguments))


@contextmanager
def clock() -> Iterator[dict[str, float]]:
    """A dictionary that has `seconds` and `cpu_seconds` of the block when it ends.

    CPU seconds are user and system, of this process and of the workers that ended in the block.
    """
    took: dict[str, float] = {}
    wall, before = time.perf_counter(), os.times()
    yield took
    after = os.times()
    took["seconds"] = time.perf_counter() - wall
    took["cpu_seconds"] = sum(after[:4]) - sum(before[:4])


def command(arguments: list[str], folder: Path) -> dict[str, Any]:
    """What `python ARGUMENTS` takes in `folder`, from the start of the process to its end.

    Raises RuntimeError with what it wrote to stderr where it fails.
    """
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
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
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {written[0][-2000:]}")
    used = ended[2]  # of the process and of all that it waited for
    return {
        "seconds": seconds,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_bytes": peak or None,
    }


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
