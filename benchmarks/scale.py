"""What the study costs at the size of BERT base, and what a cluster makes of it.

`python -m benchmarks.scale measure` measures a fit on a GPU (`--device cpu`: on a processor) and
keeps the figures in scale.json.
"""

import argparse
import json
import logging
from pathlib import Path

from benchmarks.base_size import BASE, measure_base_size
from benchmarks.measure import ROOT, machine
from llm4waam.core.errors import StudyError
from llm4waam.core.files import write_json
from llm4waam.core.stage import run_command

LIMIT_S = 140.0  # after so many seconds no further part of `measure` begins
DIGITS = 4  # of measured figures: more would be noise


def main(*arguments: str) -> None:
    """Measure a fit on a device."""
    parser = argparse.ArgumentParser("python -m benchmarks.scale", description=__doc__)
    parser.add_argument("part", choices=["measure"])
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument(
        "--shape", nargs=3, type=int, default=BASE, metavar=("LAYERS", "WIDTH", "HEADS")
    )
    parser.add_argument("--limit", type=float, default=LIMIT_S, metavar="SECONDS")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks")
    options = parser.parse_args(arguments or None)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    file = options.out / "scale.json"
    measure(file, tuple(options.shape), options.device, options.limit)


def measure(file: Path, shape: tuple[int, int, int], device: str, limit_s: float) -> None:
    """Measure a fit and keep what is found; raises StudyError if a part of it failed."""
    known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    measured = known["measured"] = {"machine": machine(gpu=device == "cuda")}
    for name, found in measure_base_size(shape, device, limit_s):
        measured[name] = {key: _rounded(value) for key, value in found.items()}
        print(name, measured[name], flush=True)
        write_json(file, known)
    failed = [name for name, found in measured.items() if "failed" in found]
    if failed:
        raise StudyError(file, f"{', '.join(failed)}: not measured", expected="another try")


def _rounded(value: object) -> object:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


if __name__ == "__main__":
    run_command(main)
