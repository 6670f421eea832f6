"""How many beads a minute the final models answer: `python -m benchmarks.inference`.

Each way runs in a process of its own, one after the other and round after round, so that a busy
machine slows all; the medians are shown. From the cells of a raw table to lines of CSV. It needs
the final models of `dvc repro`; torch.compile is left out where there is no compiler, and that is
said. Writes inference.md.
"""

import argparse
import logging
import resource
import tempfile
import time
from pathlib import Path

import pandas as pd
import torch

from benchmarks.apart import apart
from benchmarks.costs import costs
from benchmarks.floor import forward_operations, rates
from benchmarks.machine import machine
from benchmarks.page import number, table
from benchmarks.runtimes import COMPILED, WAYS, has_compiler
from llm4waam.commands.output import body
from llm4waam.core.files import read_table, write_table, write_text
from llm4waam.core.settings import read_params
from llm4waam.inference.predictor import BEADS, Predictor, load_predictor
from llm4waam.inference.user_table import chunks, read_rows
from llm4waam.sentences.prompts import make_prompts
from llm4waam.simulator.population import simulate_population
from llm4waam.simulator.raw_table import dirty
from stages.check_params import AllParams

PAGE = Path(__file__).parent / "inference.md"
COLUMNS = ["beads per minute", "seconds", "CPU ms per bead", "seconds to start", "peak MiB"]
PLAIN, GRAPH = "torch", "ONNX Runtime"
QUALITIES = (PLAIN, GRAPH, "int8", "statement", "statement, int8")


def main() -> None:
    """Measure every way and what it costs in metrics; write the page."""
    parser = argparse.ArgumentParser("python -m benchmarks.inference", description=__doc__)
    parser.add_argument("--beads", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--grown", type=int, default=10_000, help="beads of a table that is long")
    parser.add_argument("--out", type=Path, default=PAGE)
    request, params = parser.parse_args(), read_params(AllParams)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    found: dict[str, list[dict]] = {way: [] for way in request.ways}
    if COMPILED in found and not has_compiler():
        logging.warning("%s is left out: no C++ compiler", COMPILED)
        del found[COMPILED]
    with tempfile.TemporaryDirectory() as folder:
        file, grown = Path(folder) / "beads.csv", Path(folder) / "grown.csv"
        for one, count in ((file, request.beads), (grown, request.grown)):
            write_table(one, dirty(simulate_population(count, 0), 0))
        for _ in range(request.rounds):
            for way, runs in found.items():
                runs.append(apart(_run, params, way, file))
                logging.info("%s: %.1f s", way, runs[-1]["seconds"])
        found[f"{GRAPH}, {request.grown:,} beads"] = [apart(_run, params, GRAPH, grown)]
    medians = {way: pd.DataFrame(runs)[COLUMNS].median() for way, runs in found.items()}
    head = ["way", *COLUMNS]
    rows = [[way, *map(number, values)] for way, values in medians.items()]
    cost = costs(params, QUALITIES)
    told = machine("cpu")
    page = [
        "# Inference: how many beads a minute",
        "",
        f"From the cells of {request.beads:,} simulated beads to lines of CSV, all tasks, median "
        f"of {request.rounds} rounds, on {told['processor']}, {told['cores']} cores, torch "
        f"{told['torch']}. {_floor(_predictor(params, params.advice.encoder))}",
        "",
        *table(head, rows),
        "",
        *_worth_it(medians),
        "What each way costs, on the hold-out beads (simulated):",
        "",
        *table(["headline", *cost.columns], [[n, *values] for n, values in cost.iterrows()]),
        "",
        "Written by `python -m benchmarks.inference`.",
    ]
    write_text(request.out, "\n".join(page) + "\n")


def _predictor(params: AllParams, encoder: str) -> Predictor:
    return load_predictor(encoder, params.tasks, params.text, params.card_file)


def _run(params: AllParams, way: str, file: Path) -> dict[str, float]:
    start = time.perf_counter()
    predictor = WAYS[way](_predictor(params, params.advice.encoder))
    some, _ = next(chunks(read_rows(file), predictor.card, "pre_weld"))
    predictor.answers(some.head(20))  # what is made at the first use belongs to the start
    ready = time.perf_counter()
    used, beads = time.process_time(), 0
    parts = chunks(read_rows(file), predictor.card, "pre_weld")
    for answers in predictor.answers_of_each(some for some, _ in parts):
        body(answers, "csv")
        beads += len(answers)
    seconds = time.perf_counter() - ready
    return {
        "beads per minute": 60 * beads / seconds,
        "seconds": seconds,
        "CPU ms per bead": 1000 * (time.process_time() - used) / beads,
        "seconds to start": ready - start,
        "peak MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _worth_it(medians: dict[str, pd.Series]) -> list[str]:
    """From how many beads on ONNX Runtime is done first, its start included."""
    if not {PLAIN, GRAPH} <= medians.keys():
        return []
    plain, graph = medians[PLAIN], medians[GRAPH]
    saved = 60 / plain["beads per minute"] - 60 / graph["beads per minute"]
    start = graph["seconds to start"] - plain["seconds to start"]
    if saved <= 0:
        return [f"{GRAPH} is no faster than {PLAIN} here.", ""]
    beads = number(max(start, 0) / saved)
    return [
        f"{GRAPH} starts {start:.1f} s later and saves {1000 * saved:.1f} ms a bead: it is done "
        f"first from {beads} beads on.",
        "",
    ]


def _floor(predictor: Predictor) -> str:
    """What the products alone of a bead take, at the rate of a large product on all threads."""
    beads = read_table(BEADS).head(64)
    rows = list(make_prompts(beads, predictor.card, predictor.style, list(predictor.tasks)))
    work = 0.0
    for model in predictor.models.values():
        own = [row for row in rows if row["task"] in (None, model.task.name)]
        tokens = [len(prompt) for prompt in model.prompts(own)]
        work += sum(forward_operations(one.encoder.config, tokens) for one in model.readers)
    rate, work = rates("cpu", torch.get_num_threads(), 2048, 2**20)["fp32"], work / len(beads)
    return (
        f"The matrix products of a bead are {work / 1e9:.2f} x 10^9 operations; at the rate of a "
        f"large product ({rate / 1e9:.0f} x 10^9 a second) that is at most {60 * rate / work:,.0f} "
        "beads a minute."
    )


if __name__ == "__main__":
    main()
