"""How many beads a minute the final models answer: `python -m benchmarks.inference --help`.

Each way runs in a process of its own, one after the other and round after round, so that a busy
machine slows all; the medians are shown. From the cells of a raw table to lines of CSV. It needs
the final models of `dvc repro`; ways whose packages are not installed are left out.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import torch

from benchmarks.runtimes import WAYS
from stages.advice.output import body
from stages.advice.predictor import BEADS, FOLDS, Predictor, load_predictor
from stages.beads.dirt import dirty
from stages.beads.files import read_table, write_table
from stages.beads.intake import chunks
from stages.beads.rows import read_rows
from stages.beads.simulator import simulate_population
from stages.beads.text import make_prompts
from stages.learning.metrics import HEADLINES, task_metrics
from stages.learning.tasks import known_targets
from stages.params import Params, read_params

QUALITIES = ("default", "int8", "statement", "statement, int8")


def main() -> None:
    """Print the machine, its floor, the table of ways, and what the ways cost in metrics."""
    parser = argparse.ArgumentParser("python -m benchmarks.inference")
    parser.add_argument("--beads", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)  # a way and a file: the child
    request, params = parser.parse_args(), read_params()
    if request.one:
        print(json.dumps(_run(params, *request.one)))
        return
    predictor = _predictor(params, params.advice.encoder)
    print(f"{_processor()}, {torch.get_num_threads()} threads; {_floor(predictor)}\n")
    found: dict[str, list[dict]] = {way: [] for way in request.ways}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "beads.csv"
        write_table(file, dirty(simulate_population(request.beads, 0), 0))
        for _ in range(request.rounds):
            for way, runs in found.items():
                command = [sys.executable, "-m", "benchmarks.inference", "--one", way, str(file)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                lines = done.stdout.splitlines()
                runs += [json.loads(lines[-1])] if done.returncode == 0 else []
    table = pd.DataFrame(
        {way: pd.DataFrame(runs).median() for way, runs in found.items() if runs}
    ).T
    print(table.round(1).to_string(), "\n")
    print(_costs(params).to_string())


def _predictor(params: Params, encoder: str) -> Predictor:
    return load_predictor(encoder, params.tasks, params.text, params.card_file)


def _run(params: Params, way: str, file: str) -> dict[str, float]:
    start = time.perf_counter()
    predictor = WAYS[way](_predictor(params, params.advice.encoder))
    tables = [beads for beads, _ in chunks(read_rows(Path(file)), predictor.card, "pre_weld")]
    predictor.answers(tables[0].head(20))  # what is made at the first use belongs to the start
    ready = time.perf_counter()
    used = time.process_time()
    parts = chunks(read_rows(Path(file)), predictor.card, "pre_weld")
    for answers in predictor.answers_of_each(beads for beads, _ in parts):
        body(answers, "csv")
    seconds, beads = time.perf_counter() - ready, sum(map(len, tables))
    return {
        "beads per minute": 60 * beads / seconds,
        "seconds": seconds,
        "CPU ms per bead": 1000 * (time.process_time() - used) / beads,
        "seconds to start": ready - start,
        "peak MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _costs(params: Params) -> pd.DataFrame:
    """The headline on the hold-out beads, by the metrics of the study."""
    beads, folds = read_table(BEADS), read_table(FOLDS)
    beads = beads[beads["bead"].isin(folds.loc[folds["role"] == "test", "bead"])]
    rows = {}
    for encoder in ("bert", "roberta"):
        whole = _predictor(params, encoder)
        for way in QUALITIES:
            predictor = WAYS[way](whole)
            for name, task in predictor.tasks.items():
                known = known_targets(predictor.card, task, beads)
                asked = beads[beads["bead"].isin(known)]
                score = predictor.raw_scores(asked, [name])[name]
                target = pd.DataFrame([known[bead] for bead in asked["bead"]]).to_numpy()
                decision = predictor.models[name].decision
                cuts = decision.thresholds if decision else []
                metrics, _ = task_metrics(task, target, score, target * 0, cuts)
                headline = HEADLINES[task.kind]
                rows.setdefault(f"{encoder} {name} {headline}", {})[way] = metrics[headline]
    return pd.DataFrame(rows).T[list(QUALITIES)].round(4)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return (
        f"{names[0] if names else 'unknown processor'} ({torch.backends.cpu.get_cpu_capability()})"
    )


def _floor(predictor: Predictor) -> str:
    """What the products alone of a bead take, at the rate of a large product on all threads."""
    raw = read_table(BEADS).head(64)
    rows = list(make_prompts(raw, predictor.card, predictor.style, list(predictor.tasks)))
    work = 0.0
    for model in predictor.models.values():
        own = [row for row in rows if row["task"] in (None, model.task.name)]
        for reader in model.readers:
            shape = reader.encoder.config
            layers, width = shape.num_hidden_layers, shape.hidden_size
            for n in map(len, model.prompts(own)):
                linear = 2 * n * (4 * width**2 + 2 * width * shape.intermediate_size)
                work += layers * (linear + 4 * n**2 * width)
    a, times = torch.ones(2048, 2048), []
    for _ in range(9):
        start = time.perf_counter()
        torch.mm(a, a)
        times.append(time.perf_counter() - start)
    rate, work = 2 * 2048**3 / min(times), work / len(raw)
    most = 60 * rate / work
    return f"{work / 1e9:.2f} GFLOP a bead at {rate / 1e9:.0f} GFLOP/s: at most {most:.0f} a minute"


if __name__ == "__main__":
    main()
