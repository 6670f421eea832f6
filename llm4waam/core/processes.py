"""Work over the cores: each job in its own process, with its own few threads."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from llm4waam.core.errors import StudyError

LOOK_S = 2.0

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
    try:
        with ProcessPoolExecutor(
            max_workers=workers,
            mp_context=multiprocessing.get_context(method),
            initializer=_leave_with,
            initargs=(os.getpid(),),
        ) as pool:
            yield from pool.map(work, jobs)
    except BrokenProcessPool:
        reason = "one of them was ended from outside, as where memory runs out"
        expected = "more memory, or fewer workers in params.yaml; then the same command again"
        raise StudyError(f"{workers} processes", reason, expected=expected) from None


def _leave_with(parent: int) -> None:
    """End this worker when the parent is gone: a killed parent cannot tell it to."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
