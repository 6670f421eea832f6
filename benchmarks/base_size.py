"""What a fit of BERT's base size takes on a device, measured in this process.

The weights are drawn at random: how long a step takes does not depend on what they are. Prompts
are those of the study, in the tokens of its own small encoder.
"""

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from transformers import AutoModel, BertConfig

from benchmarks.measure import ROOT
from llm4waam.card.card import Card, read_card
from llm4waam.core.errors import StudyError
from llm4waam.core.files import JsonLines, read_table
from llm4waam.core.settings import read_params
from llm4waam.decisions.predictions import Job, fold_jobs, members
from llm4waam.encoders.load import load_tokenizer
from llm4waam.encoders.settings import Source
from llm4waam.splits.folds import HOLD_OUT_FOLD, with_cells_of
from llm4waam.splits.tasks import make_task
from llm4waam.stacked.engine import engine_of
from llm4waam.training.data import TaskData, make_task_data
from llm4waam.training.fit import STACKED_ON_A_CPU, FittedFold, fit_folds
from llm4waam.training.loop import FineTuning, steps_of
from llm4waam.training.recipe import TrainingParams
from llm4waam.training.save import ModelFolder
from stages.train import BEADS, FOLDS, PROMPTS

TOKENIZER = "data/encoders/bert-mini-tier1"
RATE = 2e-5  # of a base model; at the study's own rate it would diverge
PRECISIONS = ("fp32", "bf16")
FEW = 8  # beads of a fit that is not timed: a GPU loads its kernels in it
# Starts a process that fits: Python, the imports, the device.
START = "import sys, torch, stages.train; torch.ones(1, device=sys.argv[1]).sum().item()"


@dataclass
class Timed:
    """An engine that tells its seconds and the optimizer steps of every fold."""

    engine: Callable[[Sequence[FineTuning]], list[list[dict]]]
    device: str
    seconds: float = 0.0
    steps: int = 0

    def __call__(self, jobs: Sequence[FineTuning]) -> list[list[dict]]:
        """Fine-tune all jobs and wait for the device."""
        start = now(self.device)
        found = self.engine(jobs)
        self.seconds = now(self.device) - start
        self.steps = max(steps_in(job) for job in jobs)
        return found


def steps_in(job: FineTuning) -> int:
    """The optimizer steps of a fine-tuning that does not stop early."""
    rows = torch.arange(len(job.examples))
    return job.recipe.epochs * len(steps_of(rows, job.recipe))


def now(device: str) -> float:
    """Seconds of a clock, when the device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


class Bench:
    """The study's tables and folds, and a checkpoint of this shape in a folder of its own."""

    def __init__(self, folder: Path, shape: tuple[int, int, int], device: str) -> None:
        self.folder, self.device = folder, device
        self.params = read_params(TrainingParams)
        for file in (BEADS, PROMPTS, FOLDS):
            if not file.is_file():
                raise StudyError(file, "is not there", expected="dvc repro serialize-to-text first")
        self.card: Card = read_card(self.params.card_file)
        self.folds = read_table(FOLDS)
        self.beads = with_cells_of(self.card.read_beads(BEADS), self.folds)
        self.prompts = JsonLines(PROMPTS)
        self.tokenizer = load_tokenizer(TOKENIZER)
        self.checkpoint = folder / "base"
        self.parameters = _make_checkpoint(self.checkpoint, self.tokenizer, shape)
        self._made: dict[str, TaskData] = {}

    def by_batch_size(self) -> dict[int, str]:
        """The batch sizes of the study, and the first task of each."""
        found: dict[int, str] = {}
        for task in self.params.tasks:
            found.setdefault(self.params.recipe("bert", task).batch_size, task)
        return found

    def data(self, task: str, engine: str, precision: str) -> TaskData:
        """The data of a task for the checkpoint, with one epoch of the study's recipe."""
        recipe = self.params.recipe("bert", task).model_copy(
            update={
                "engine": engine,
                "precision": precision,
                "epochs": 1,
                "device": self.device,
                "learning_rate": RATE,
            }
        )
        if task not in self._made:
            source = Source(encoder="bert", checkpoint=str(self.checkpoint), revision=None)
            made = make_task(self.card, task, self.params.card_file)
            told = recipe, self.card, self.beads, self.prompts, self.params.train.threads
            self._made[task] = make_task_data(source, made, *told)[0]
        return self._made[task].with_recipe(recipe)

    def jobs(self, data: TaskData, count: int) -> list[Job]:
        """The first folds, and the final model where they are not enough."""
        places = [place for place in fold_jobs(self.folds) if place[0] == 0][:count]
        return [(place, *map(data.known, members(self.folds, *place))) for place in places]

    def fit(
        self, data: TaskData, jobs: Sequence[Job], *, study: bool = False
    ) -> tuple[dict, list[FittedFold]]:
        """Figures of some fits carried out together, and what they leave.

        With `study` as a training of the study has it: with a look at the other beads after each
        epoch, and with predictions of beads with fields left out.
        """
        engine = Timed(engine_of(data.recipe), self.device)
        gc.collect()
        if self.device == "cuda":
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        start = now(self.device)
        found = fit_folds(data, jobs, engine, watch=study, incomplete=study)
        seconds = now(self.device) - start
        peak = torch.cuda.max_memory_allocated() / 2**20 if self.device == "cuda" else 0
        figures = {
            "steps": engine.steps,
            "step_s": engine.seconds / engine.steps,
            "fixed_s": (seconds - engine.seconds) / len(jobs),
            "gpu_mib": round(peak),
        }
        return figures, found


def _make_checkpoint(folder: Path, tokenizer: object, shape: tuple[int, int, int]) -> int:
    """Write random weights of BERT in this shape, with BERT's own count of tokens."""
    layers, width, heads = shape
    config = BertConfig(
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=heads,
        intermediate_size=4 * width,
    )
    torch.manual_seed(0)
    model = AutoModel.from_config(config, add_pooling_layer=False)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return sum(weight.numel() for weight in model.parameters())


def measure_base_size(
    shape: tuple[int, int, int], device: str, limit_s: float
) -> Iterator[tuple[str, dict]]:
    """Yield named figures one after the other, so that each can be kept when it is there.

    "checkpoint": parameters and bytes. "start": seconds until a process can fit. "final": seconds
    and bytes of a final model. "fits PRECISION FOLDS BATCH_SIZE": seconds of a step and fixed
    seconds of a fit. "study PRECISION": what a training of the study does more. A part that fails,
    or has not begun after `limit_s` seconds, says so under "failed", and the others go on: a GPU is
    there for a short time.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), shape, device)
        size = sum(file.stat().st_size for file in bench.checkpoint.iterdir())
        yield "checkpoint", {"parameters": bench.parameters, "bytes": size, "shape": list(shape)}
        parts = {"start": partial(_start, device), "final": partial(_final, bench)}
        for precision in PRECISIONS:
            for folds in (1, STACKED_ON_A_CPU):
                for n, (batch, task) in enumerate(bench.by_batch_size().items()):
                    part = partial(_fits, bench, task, precision, folds, warm=n > 0)
                    parts[f"fits {precision} {folds} {batch}"] = part
            parts[f"study {precision}"] = partial(_as_in_the_study, bench, precision)
        for name, part in parts.items():
            if time.perf_counter() - began > limit_s:
                yield name, {"failed": f"not begun: {limit_s:g} seconds were over"}
                continue
            try:
                yield name, part()
            except Exception as error:  # whatever it is, the other parts are worth having
                yield name, {"failed": f"{type(error).__name__}: {error}"}


def _start(device: str) -> dict:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", START, device], cwd=ROOT, check=True)
    return {"seconds": time.perf_counter() - start}


def _fits(bench: Bench, task: str, precision: str, folds: int, *, warm: bool) -> dict:
    """One epoch; unless the device is `warm`, after a shorter one that is not timed."""
    data = bench.data(task, "loop" if folds == 1 else "stacked", precision)
    jobs = bench.jobs(data, folds)
    if not warm:
        bench.fit(data, [(place, train[:FEW], test[:FEW]) for place, train, test in jobs])
    return bench.fit(data, jobs)[0] | {"task": task}


def _as_in_the_study(bench: Bench, precision: str) -> dict:
    """Seconds that an epoch and a fit of the study take more than one of an ablation."""
    task = next(iter(bench.by_batch_size().values()))
    data = bench.data(task, "loop", precision)
    jobs = bench.jobs(data, 1)
    plain, whole = bench.fit(data, jobs)[0], bench.fit(data, jobs, study=True)[0]
    return {
        "epoch_s": max(0.0, whole["steps"] * (whole["step_s"] - plain["step_s"])),
        "fit_s": max(0.0, whole["fixed_s"] - plain["fixed_s"]),
        "task": task,
    }


def _final(bench: Bench) -> dict:
    """The final model of a task: save it, with its ONNX file."""
    task = next(iter(bench.by_batch_size().values()))
    data = bench.data(task, "loop", "fp32")
    place = (0, HOLD_OUT_FOLD)
    train, test = map(data.known, members(bench.folds, *place))
    [fitted] = bench.fit(data, [(place, train[:FEW], test[:FEW])])[1]
    folder = bench.folder / "final"
    start = now(bench.device)
    ModelFolder(folder, bench.tokenizer, bench.card, data, {}).save(fitted)
    seconds = now(bench.device) - start
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return {"seconds": seconds, "bytes": size}
