"""What a cluster costs, and that it loses nothing: `python -m benchmarks.cluster PART [N]`.

Two Ray nodes of one core each are started on this machine.

overhead   seconds of N (1,000) fits that do nothing
trainings  the eight trainings of the study, N (2) times each: by two local processes and by the two
           nodes, in turn
kills      N (30) kills of a worker, of a node or of the process that hands out the work, at random
           moments of a small training; each must end in the bytes of an undisturbed one
"""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import psutil
import yaml

from benchmarks.kills import hash_of, make_small
from benchmarks.measure import ROOT, command, machine, project
from llm4waam.core.processes import ADDRESS, Work, share_out
from llm4waam.plotting.pages import markdown_table

START = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1"]
START += ["--object-store-memory=200000000", "--disable-usage-stats"]
# In a process of its own: one that asked Ray has threads that no fork survives.
WAIT = """
import logging, sys, time, ray
while True:
    try:
        ray.init(logging_level=logging.CRITICAL, log_to_driver=False)
        break
    except ConnectionError:  # the head is starting
        time.sleep(0.2)
while sum(node["Alive"] for node in ray.nodes()) < int(sys.argv[1]):
    time.sleep(0.2)
"""
TASKS, ENCODERS = ("defects", "quality", "heat_input", "energy"), ("bert", "roberta")
TRAIN = [sys.executable, "-m", "stages.train", "bert", "quality"]
MADE = ("data/predictions/bert", "data/incomplete", "data/models", "plots/history")


class Nodes:
    """A head and a second node, one core each."""

    def __init__(self, folder: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        head = ["--head", f"--port={port}", f"--temp-dir={folder}", "--include-dashboard=false"]
        self.head = self._start(*head)
        self._wait_for(1)
        self.second = self.join()

    def join(self) -> subprocess.Popen:
        """Start a second node, where there is none (any more)."""
        self.second = self._start(f"--address={self.address}")
        self._wait_for(2)
        return self.second

    def lose(self) -> None:
        """Kill the second node, with everything that runs on it."""
        self._end(self.second)

    def stop(self) -> None:
        """Stop both."""
        for node in (self.second, self.head):
            self._end(node)

    def _start(self, *options: str) -> subprocess.Popen:
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen([*START, *options], **silent, start_new_session=True)

    def _end(self, node: subprocess.Popen) -> None:
        with_all = [psutil.Process(node.pid), *psutil.Process(node.pid).children(recursive=True)]
        for one in with_all:
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        node.wait()

    def _wait_for(self, count: int) -> None:
        told = {**os.environ, ADDRESS: self.address}
        subprocess.run([sys.executable, "-c", WAIT, str(count)], env=told, check=True, timeout=90)


@contextmanager
def two_nodes() -> Iterator[Nodes]:
    """Two nodes of one core each on this machine, stopped afterwards."""
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:  # a socket's path must be short
        nodes = Nodes(folder)
        try:
            yield nodes
        finally:
            nodes.stop()


def overhead(count: int) -> pd.DataFrame:
    """Milliseconds a fit that does nothing."""
    work, rows = Work(abs, "fits that do nothing"), []
    with two_nodes() as nodes:
        for way, address in (("two processes", ""), ("two nodes", nodes.address)):
            os.environ[ADDRESS] = address
            list(share_out(work, [1, 2], 2))  # processes start, and import
            start = time.perf_counter()
            list(share_out(work, range(count), 2))
            rows.append([way, count, 1000 * (time.perf_counter() - start) / count])
    return pd.DataFrame(rows, columns=["way", "fits", "ms a fit"])


def trainings(turns: int) -> pd.DataFrame:
    """Seconds of every training of the study, by two processes and by two nodes."""
    rows = []
    with two_nodes() as nodes, project({}) as study:
        for name in ("clean", "split", "serialize_to_text"):
            command(["-m", f"stages.{name}"], study)
        for encoder in ENCODERS:
            for task in TASKS:
                took = {"two processes": [], "two nodes": []}
                for _ in range(turns):
                    for way, seconds in took.items():
                        os.environ[ADDRESS] = nodes.address if way == "two nodes" else ""
                        done = command(["-m", "stages.train", encoder, task], study)
                        seconds.append(done.seconds)
                rows.append([f"{encoder} {task}", *(min(one) for one in took.values())])
                print(*rows[-1], flush=True)
    table = pd.DataFrame(rows, columns=["training", "two processes, s", "two nodes, s"])
    table.loc[len(table)] = ["all", *table.iloc[:, 1:].sum()]
    table["times"] = table["two nodes, s"] / table["two processes, s"]
    return table


def kills(count: int) -> pd.DataFrame:
    """What every kill ended in."""
    draw, ended = random.Random(0), Counter()
    with two_nodes() as nodes, tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), folder], check=True)
        os.chdir(folder)
        os.environ |= {"PYTHONPATH": folder, "HF_HUB_OFFLINE": "1", ADDRESS: ""}
        make_small()
        _change(epochs=20, engine="loop")
        for name in ("clean", "split", "serialize_to_text"):
            command(["-m", f"stages.{name}"], Path())
        _clear()
        _train()
        expected = hash_of(MADE)
        os.environ[ADDRESS] = nodes.address
        _clear()
        start = time.monotonic()
        _train()
        seconds = time.monotonic() - start
        assert hash_of(MADE) == expected, "a cluster makes other bytes"
        for number in range(1, count + 1):
            _clear()
            victim = draw.choice(["a worker", "a node", "the driver"])
            told = _kill(victim, nodes, draw.uniform(0.3, 0.95) * seconds)
            end = "as undisturbed" if hash_of(MADE) == expected else "WRONG"
            ended[f"{victim}{told}: {end}"] += 1
            print(number, f"{victim}{told}: {end}", flush=True)
    rows = sorted(ended.items())
    return pd.DataFrame(rows, columns=["killed: what it ended in", "times"])


def _kill(victim: str, nodes: Nodes, after: float) -> str:
    """Kill it in a training, which is started again where it ended; returns what to add."""
    with tempfile.TemporaryFile("w+") as said:
        run = subprocess.Popen(TRAIN, stderr=said)
        time.sleep(after)
        if run.poll() is not None:
            return ", after the end"
        told = ""
        if victim == "a worker":
            workers = [one for one in psutil.process_iter() if _works(one)]
            told = "" if workers else " (none was at work)"
            for one in workers[:1]:
                one.kill()
        elif victim == "a node":
            nodes.lose()
        else:
            run.send_signal(signal.SIGKILL)
            run.wait()
            kept = len(list(Path("data/unfinished/bert/quality").glob("fold_*.json")))
            again = _train()
            fitted = sum(map(int, re.findall(r"(\d+) done", again)))
            told = "" if fitted + kept == 4 else f" ({kept} kept, {fitted} fitted again)"
        run.wait(timeout=300)
        if victim == "a node":
            nodes.join()
        said.seek(0)
        failed = run.returncode and victim != "the driver"
        return f" FAILED: {said.read()[-500:]}" if failed else told


def _works(process: psutil.Process) -> bool:
    try:
        return process.name().startswith("ray::_at_node")
    except psutil.Error:
        return False


def _train() -> str:
    """Train to the end; returns the last state of the bar."""
    run = subprocess.run(TRAIN, check=True, capture_output=True, text=True)
    return run.stderr.replace("\r", "\n").strip().splitlines()[-1]


def _change(**train: object) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    params["train"] |= train
    params["target"]["quality"].pop("epochs", None)
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def _clear() -> None:
    for place in MADE:
        shutil.rmtree(place, ignore_errors=True)


PARTS = {"overhead": (overhead, 1000), "trainings": (trainings, 2), "kills": (kills, 30)}

if __name__ == "__main__":
    part, usual = PARTS[sys.argv[1]]
    on = machine(gpu=False)
    print(markdown_table(part(int(sys.argv[2]) if len(sys.argv) > 2 else usual)), on, sep="\n\n")
