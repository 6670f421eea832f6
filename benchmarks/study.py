"""How long the study takes, in every way, and where the time goes: `python -m benchmarks.study`."""

import argparse
import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.apart import apart
from benchmarks.checkpoints import sources
from benchmarks.growth import GROWN, measure_growth
from benchmarks.machine import machine
from benchmarks.page import write_page
from benchmarks.pipeline import measure_stages, measure_starts
from benchmarks.setting import Setting
from benchmarks.table import study_table
from benchmarks.ways import measure_ways
from llm4waam.core.files import write_json
from llm4waam.core.settings import read_params
from stages.check_params import AllParams

HERE = Path(__file__).parent
PARTS = ("ways", "growth", "stages")
ENVIRONMENT = {
    "TOKENIZERS_PARALLELISM": "false",  # every measurement is forked
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # else asking for a GPU leaves forks without one
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # deterministic matrix products on a GPU
}


def main() -> None:
    """Measure the parts that were asked for, and write results.json and the tables of README.md."""
    asked = _arguments()
    os.environ.update(ENVIRONMENT)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    results = asked.out / "results.json"
    known = json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {}
    with tempfile.TemporaryDirectory() as folder:
        setting = _setting(asked, Path(folder))
        for part in [part for part in PARTS if getattr(asked, part)] or ["ways"]:
            found = {"machine": apart(machine, asked.device), **_measure(part, setting)}
            known.setdefault(_name(asked), {}).setdefault(part, {}).update(rounded(found))
            write_json(results, known)
    # As they are read again: sums in another order may end in another digit.
    write_page(asked.out / "README.md", json.loads(results.read_text(encoding="utf-8")))


def _measure(part: str, setting: Setting) -> dict[str, Any]:
    if part == "ways":
        return measure_ways(setting)
    if part == "growth":
        return measure_growth(setting)
    return {"starts": measure_starts(setting), "stages": measure_stages(setting)}


def _setting(asked: argparse.Namespace, folder: Path) -> Setting:
    params = read_params(AllParams)
    quick = asked.quick
    table = study_table(params, 2 if quick else None)
    if asked.steps:
        table = table.few(asked.steps * params.train.batch_size)
    return Setting(
        device=asked.device,
        table=table,
        sources=sources(params, asked.checkpoint, folder)[: 1 if quick else None],
        tasks=params.tasks[: 1 if quick else None],
        epochs=asked.epochs or params.train.epochs,
        rounds=1 if quick else 3,
        full=not asked.slice,
        matrix=256 if quick else 1024 if asked.device == "cpu" else 8192,
        copied=2**20 if quick else 2**29,
        beads=(40, 80) if quick else (140, 1_000, 10_000, 100_000),
        folds=(2, 3) if quick else (5, 10, 25, 50),
        tokens=(16, 32) if quick else (64, 128, 256, 512),
        grown_steps=1 if quick else 40,
        compiled=asked.compiled,
        grown=asked.growth or (),
        commands=("clean", "split") if quick else (),
    )


def rounded(value: Any) -> Any:
    """Numbers to six digits: more would be noise."""
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _name(asked: argparse.Namespace) -> str:
    checkpoint = Path(asked.checkpoint or "params.yaml").name  # no path of this machine
    return f"{asked.device}, {checkpoint}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study", description=__doc__)
    add = parser.add_argument
    add("--ways", action="store_true", help="the study in every way (the default)")
    add("--growth", nargs="*", choices=GROWN, help="with one or two of these, or with all")
    add("--stages", action="store_true", help="every stage of `make study`, and its imports")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--checkpoint", metavar="FOLDER|base", help="instead of those of params.yaml")
    add("--epochs", type=int, help="of the study, instead of train.epochs")
    add("--steps", type=int, help="cut every epoch to about so many steps")
    add("--compiled", action="store_true", help="torch.compile as well; it needs a C++ compiler")
    add("--slice", action="store_true", help="leave out the study in full")
    add("--quick", action="store_true", help="everything small, to see that it works")
    add("--out", type=Path, default=HERE, help="where README.md and results.json are")
    asked = parser.parse_args()
    asked.growth = list(GROWN) if asked.growth == [] else asked.growth
    if asked.quick:
        asked.steps, asked.epochs = asked.steps or 1, asked.epochs or 2
    return asked


if __name__ == "__main__":
    main()
