"""Jobs as tasks of a Ray cluster, byte for byte what processes of this machine would make.

A task has a folder of its own on its node. The code of this package and the folders that the job
reads are brought there; what it has finished comes back with its result, and is kept where a
process of this machine would have kept it. The cluster is the one that RAY_ADDRESS names.
"""

import contextlib
import logging
import os
import shutil
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import psutil
import ray
from ray.exceptions import RayError, RayTaskError
from tqdm import tqdm

from llm4waam.core.errors import StudyError
from llm4waam.core.files import pack_folder, unpack_folder
from llm4waam.core.processes import ADDRESS, Job, Result, Work

LIBRARY = Path(__file__).parents[1]
LOOK_S = 0.5  # between two looks at what has ended, and at which nodes there are
CONNECT_S = 5.0
TRIES = 10  # of a job whose node or process is lost
AHEAD = 2  # jobs that are handed out for each that runs: a node that is free has the next one
BAR_NODES = 4  # as many as a line has room for
# What a node computes with must be what this machine computes with.
SAME = ("torch", "transformers", "tokenizers", "numpy", "pandas", "scikit-learn", "scipy")
SAME += ("catboost", "peft", "onnx", "safetensors")
PASSED_ON = ("HF_HUB_OFFLINE", "CUBLAS_WORKSPACE_CONFIG", "TOKENIZERS_PARALLELISM")


class _Running(NamedTuple):
    number: int
    tries: int
    node: str = ""  # "" while it waits for one


def on_cluster(
    work: Work[Job, Result], jobs: Mapping[int, Job], bar: tqdm
) -> Iterator[tuple[int, Result]]:
    """The number of a job and its result, as they come; the bar says which node does how many.

    A job whose process or node is lost is done again by another, TRIES times in all. A line says
    when no node has what a job takes, and the job waits for one. Raises StudyError where there is
    no cluster at that address, and as the jobs do.
    """
    _connect()
    task = ray.remote(_at_node).options(
        num_cpus=work.cpus, num_gpus=work.gpus, num_returns="streaming", max_retries=0
    )
    shared, brought = ray.put((work, _versions())), cache(_brought)
    waiting, running, finished, nodes = iter(jobs), {}, Counter(), _Nodes(work)

    def hand_out(number: int, tries: int) -> None:
        folders = [brought(one) for one in work.reads(jobs[number]) if _inside(one)]
        running[task.remote(shared, jobs[number], *folders)] = _Running(number, tries)

    try:
        while True:
            for number in islice(waiting, max(0, AHEAD * nodes.places() - len(running))):
                hand_out(number, 1)
            if not running:
                return
            _show(bar, finished, running.values())
            ready, _ = ray.wait(list(running), num_returns=1, timeout=LOOK_S, fetch_local=False)
            for answers in ready:
                one = running.pop(answers)
                try:
                    value = ray.get(next(answers))
                except RayTaskError as error:  # of the job itself
                    raise error.cause from None
                except RayError as error:
                    if one.tries == TRIES:
                        raise _lost(one, error) from None
                    told = f"{one.node or 'a node'}: {_first_line(error)} Its work is done again."
                    bar.write(told, file=sys.stderr)
                    hand_out(one.number, one.tries + 1)
                    continue
                if not one.node:
                    running[answers] = one._replace(node=value)
                    continue
                result, kept = value
                if kept:
                    unpack_folder(kept, work.kept_in(jobs[one.number]))
                finished[one.node] += work.units(jobs[one.number])
                _show(bar, finished, running.values())
                yield one.number, result
    finally:
        for answers in running:
            with contextlib.suppress(RayError):
                ray.cancel(answers, force=True)


class _Nodes:
    """How many jobs of some work the nodes can do at a time, asked now and then."""

    def __init__(self, work: Work) -> None:
        self._work, self._wanted = work, {"CPU": work.cpus, "GPU": work.gpus}
        self._asked, self._places = -LOOK_S, 1

    def places(self) -> int:
        """At least 1: one job is handed out for a node that may come.

        A line says that there is none, once for as long as that lasts.
        """
        if time.monotonic() - self._asked >= LOOK_S:
            self._asked, before = time.monotonic(), self._places
            nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            self._places = sum(map(self._places_of, nodes))
            if not self._places and before:
                wanted = " and ".join(f"{n} {name}" for name, n in self._wanted.items() if n)
                told = "no node of the cluster has %s (%s); work waits for one that has"
                logging.warning(told, wanted, self._work.title)
        return max(1, self._places)

    def _places_of(self, node: Mapping[str, float]) -> int:
        return min(int(node.get(name, 0) // n) for name, n in self._wanted.items() if n)


def _connect() -> None:
    """Reach the cluster, once a process. Raises StudyError where that cannot be."""
    if ray.is_initialized():
        return
    address, expected = os.environ[ADDRESS], "HOST:PORT, as `ray start --head` says, or no value"
    if "://" in address:
        reason = "work is handed out by a machine of the cluster, not by a client of it"
        raise StudyError(ADDRESS, reason, value=address, expected=expected)
    host, _, port = address.rpartition(":")
    try:
        if port.isdigit():  # else Ray tries for two minutes
            socket.create_connection((host, int(port)), CONNECT_S).close()
        ray.init(
            address=address,
            runtime_env={
                "py_modules": [str(LIBRARY)],
                "excludes": ["__pycache__"],
                "env_vars": {n: os.environ[n] for n in PASSED_ON if n in os.environ},
            },
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (OSError, RuntimeError, ValueError, AssertionError) as error:
        reason = f"no cluster can be reached there ({_first_line(error)})"
        raise StudyError(ADDRESS, reason, value=address, expected=expected) from None


def _at_node(
    shared: tuple[Work[Job, Result], dict[str, str]],
    job: Job,
    *folders: tuple[str, dict[str, bytes]],
) -> Iterator[str | tuple[Result, dict[str, bytes]]]:
    """Do a job in a folder of its own: first the name of the node, then what comes of it.

    That is the result and the files that the job keeps. Raises StudyError on a node that would
    compute with something else.
    """
    (work, versions), node = shared, _name()
    yield node
    _require(versions, node)
    with _own_folder():
        for place, files in folders:
            unpack_folder(files, Path(place))
        result, kept = work.run(job), work.kept_in(job)
        yield result, pack_folder(kept) if kept else {}


@contextlib.contextmanager
def _own_folder() -> Iterator[None]:
    """Work in a new folder; those that killed processes left are removed."""
    prefix = "llm4waam-job-"
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        if not psutil.pid_exists(int(left.name.removeprefix(prefix).split("-")[0])):
            shutil.rmtree(left, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix=f"{prefix}{os.getpid()}-") as folder,
        contextlib.chdir(folder),
    ):
        yield


def _name() -> str:
    """A node by its host; two nodes may share one."""
    return f"{socket.gethostname()}-{ray.get_runtime_context().get_node_id()[:4]}"


def _versions() -> dict[str, str]:
    """What decides the last digits beside the processor: Python itself is Ray's to compare."""
    found = {}
    for name in SAME:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _require(expected: Mapping[str, str], node: str) -> None:
    found = _versions()
    for name, wanted in expected.items():
        if found.get(name) != wanted:
            reason = f"has another {name} than the machine that hands out the work"
            raise StudyError(node, reason, value=found.get(name, ""), expected=wanted)


def _brought(folder: Path) -> ray.ObjectRef:
    """The files of a folder, in the memory of the cluster."""
    return ray.put((folder.as_posix(), pack_folder(folder)))


def _inside(folder: Path) -> bool:
    """Whether a job finds it under the same name in another folder."""
    return folder.is_dir() and not folder.is_absolute() and ".." not in folder.parts


def _show(bar: tqdm, finished: Counter, running: Iterable[_Running]) -> None:
    """In the bar: what each node has finished and is at, and how many jobs wait for one."""
    now = Counter(one.node for one in running)
    waiting = now.pop("", 0)
    nodes = sorted(now.keys() | finished.keys())
    told = [f"{node}: {finished[node]} done, {now[node]} now" for node in nodes[:BAR_NODES]]
    told += [f"{len(nodes) - BAR_NODES} more nodes"] if len(nodes) > BAR_NODES else []
    told += [f"{waiting} waiting"] if waiting else []
    line = ", ".join(told)
    if line not in (bar.postfix or ""):
        bar.set_postfix_str(line)


def _lost(one: _Running, error: RayError) -> StudyError:
    reason = f"{TRIES} processes or nodes in turn were lost at the same work ({_first_line(error)})"
    expected = "to be run again, perhaps on nodes with more memory; what is finished is kept"
    return StudyError(one.node or "the cluster", reason, expected=expected)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].strip()
