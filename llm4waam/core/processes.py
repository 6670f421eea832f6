"""Work that is shared out, each job in a process of its own; none outlives the one that wants it.

The processes are on this machine or, where RAY_ADDRESS names a Ray cluster, on its nodes.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import psutil
from tqdm import tqdm

from llm4waam.core.errors import StudyError

ADDRESS = "RAY_ADDRESS"  # Ray's own variable: where a cluster is
LOOK_S = 0.2  # between two looks whether the process that wants the work is there
SHELLS = {"sh", "dash", "bash", "zsh", "fish", "cmd.exe"}  # between DVC and a stage

Job, Result = TypeVar("Job"), TypeVar("Result")


def _none(_: object) -> None:
    return None


def _one(_: object) -> int:
    return 1


def _nothing(_: object) -> tuple[()]:
    return ()


@dataclass(frozen=True)
class Work(Generic[Job, Result]):
    """What is done with every job, here or elsewhere.

    `run` does a job. Its result must not depend on who does it: a job seeds itself and keeps to its
    threads. `found` gives the result of a job that an earlier run has finished, else None.
    `kept_in` is the folder where `run` keeps what it has finished, `reads` are folders of this
    machine that it reads. A job takes `cpus` cores and `gpus` GPUs, and counts as `units` of the
    bar `title`. `here` is for jobs that write more than they return and keep: these are done on
    this machine.
    """

    run: Callable[[Job], Result]
    title: str
    unit: str = "fit"
    units: Callable[[Job], int] = _one
    found: Callable[[Job], Result | None] = _none
    kept_in: Callable[[Job], Path | None] = _none
    reads: Callable[[Job], Sequence[Path]] = _nothing
    cpus: int = 1
    gpus: int = 0
    here: bool = False


def share_out(work: Work[Job, Result], jobs: Sequence[Job], workers: int) -> Iterator[Result]:
    """The result of every job, in their order; one bar says how many are done.

    They are done by that many processes (1: by this one), or by the nodes of a cluster. Raises the
    StudyError of a job as it is, and one for a process that was ended from outside.
    """
    total = sum(map(work.units, jobs))
    with tqdm(total=total, desc=work.title, unit=work.unit) as bar:
        done = {n: found for n, job in enumerate(jobs) if (found := work.found(job)) is not None}
        for number in done:
            bar.update(work.units(jobs[number]))
        bar.initial = bar.n  # what was done before says nothing about the speed
        rest = {n: job for n, job in enumerate(jobs) if n not in done}
        finished = _finished(work, rest, workers, bar) if rest else iter(())
        for due in range(len(jobs)):
            while due not in done:
                number, result = next(finished)
                done[number] = result
                bar.update(work.units(jobs[number]))
            yield done.pop(due)


def _finished(
    work: Work[Job, Result], jobs: Mapping[int, Job], workers: int, bar: tqdm
) -> Iterator[tuple[int, Result]]:
    """The number of a job and its result, as they come."""
    if os.environ.get(ADDRESS) and not work.here:
        try:  # only here: who has one machine needs no Ray
            from llm4waam.core.cluster import on_cluster
        except ModuleNotFoundError as error:
            if error.name != "ray":
                raise
            expected = "`pip install -r requirements-cluster.txt`, or no value"
            reason = "asks for a cluster, and Ray is not installed"
            raise StudyError(ADDRESS, reason, expected=expected) from None
        yield from on_cluster(work, jobs, bar)
    elif workers == 1:
        yield from ((number, work.run(job)) for number, job in jobs.items())
    else:
        yield from _in_processes(work, jobs, workers)


def _in_processes(
    work: Work[Job, Result], jobs: Mapping[int, Job], workers: int
) -> Iterator[tuple[int, Result]]:
    # fork spares every worker the import of torch; nothing has been computed with it yet.
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    with ProcessPoolExecutor(
        max_workers=workers,
        mp_context=multiprocessing.get_context(method),
        initializer=_start,
        initargs=(os.getpid(),),
    ) as pool:
        try:
            numbers = {pool.submit(work.run, job): number for number, job in jobs.items()}
            for future in as_completed(numbers):
                yield numbers.pop(future), future.result()
        except BrokenProcessPool:
            reason = "one was killed, by a person or for want of memory"
            expected = "to be run again, perhaps with fewer workers; what is finished is kept"
            raise StudyError(f"{workers} workers", reason, expected=expected) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


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
