"""Work over the cores: each job in its own process; and none outlives the one that wants it."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import psutil

from llm4waam.core.errors import StudyError

LOOK_S = 0.2  # between two looks whether the process that wants the work is there
SHELLS = {"sh", "dash", "bash", "zsh", "fish", "cmd.exe"}  # between DVC and a stage

Job, Result = TypeVar("Job"), TypeVar("Result")


def call(work: Callable[[], Result]) -> Result:
    """Call it: for jobs that are calls themselves."""
    return work()


def in_processes(work: Callable[[Job], Result], jobs: list[Job], workers: int) -> Iterator[Result]:
    """`work` of every job, in their order, by that many processes (1: in this one).

    Results must not depend on `workers`: every job seeds itself and keeps to its threads. Raises
    the StudyError of a job as it is, and one for a process that was ended from outside.
    """
    if workers == 1:
        yield from map(work, jobs)
        return
    # fork spares every worker the import of torch; nothing has been computed with it yet.
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    with ProcessPoolExecutor(
        max_workers=workers,
        mp_context=multiprocessing.get_context(method),
        initializer=_start,
        initargs=(os.getpid(),),
    ) as pool:
        try:
            yield from pool.map(work, jobs)
        except BrokenProcessPool:
            reason = "one was killed, by a person or for want of memory"
            expected = "to be run again, perhaps with fewer workers; what is finished is kept"
            raise StudyError(f"{workers} workers", reason, expected=expected) from None


def _start(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is told once, by the parent
    _leave_with([psutil.Process(parent)])


def leave_with_caller() -> None:
    """End this process, in the middle of its work, when the one that started it is gone.

    DVC may be killed alone. What it had started must not overwrite what the next DVC makes.
    """
    callers = psutil.Process().parents()
    nearest = next((n for n, one in enumerate(callers) if one.name() not in SHELLS), 0)
    told = f"error: {callers[nearest].name()} is gone, which started this: it ends unfinished"
    _leave_with(callers[: nearest + 1], f"{told}; expected dvc repro again")


def _leave_with(others: list[psutil.Process], told: str = "") -> None:
    def gone(other: psutil.Process) -> bool:
        try:
            return not other.is_running() or other.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    def watch() -> None:
        while not any(gone(other) for other in others):
            time.sleep(LOOK_S)
        try:
            if told:
                print(told, file=sys.stderr, flush=True)
        finally:  # whoever read that may be gone as well
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
