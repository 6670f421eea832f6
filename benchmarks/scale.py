"""What the study costs at the size of BERT base, and what a cluster makes of it.

python -m benchmarks.scale measure   seconds of a fit on a GPU (`--device cpu`: on a processor)
python -m benchmarks.scale driver    seconds that handing out a fit takes, on this machine
python -m benchmarks.scale count     how much there is to do; nothing is fitted
python -m benchmarks.scale           the tables of docs/scale.md from all of that

The first three keep what they find in scale.json. Nothing on the page is written by hand.
"""

import argparse
import json
import logging
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import ROOT, machine
from llm4waam.core.errors import StudyError
from llm4waam.core.files import write_json
from llm4waam.core.stage import run_command

BASE = (12, 768, 12)  # layers, width, heads of BERT base
LIMIT_S = 140.0  # after so many seconds no further part of `measure` begins
DIGITS = 4  # of measured figures: more would be noise
FITS = 1000  # that do nothing, for `driver`


def main(*arguments: str) -> None:
    """Do what is asked for, else write the page."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", nargs="?", choices=PARTS, default="page")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    shape = ("LAYERS", "WIDTH", "HEADS")
    parser.add_argument("--shape", nargs=3, type=int, default=BASE, metavar=shape)
    parser.add_argument("--limit", type=float, default=LIMIT_S, metavar="SECONDS")
    parser.add_argument("--fits", type=int, default=FITS, help="of `driver`")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks")
    options = parser.parse_args(arguments or None)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    file = options.out / "scale.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    PARTS[options.part](file, known, options)


def measure(file: Path, known: dict, options: argparse.Namespace) -> None:
    """Measure a fit and keep what is found; raises StudyError if a part of it failed."""
    # Each part imports what it needs: a machine that is lent for its GPU need not have the rest.
    from benchmarks.base_size import measure_base_size

    measured = known["measured"] = {"machine": machine(gpu=options.device == "cuda")}
    found = measure_base_size(tuple(options.shape), options.device, options.limit)
    for name, figures in found:
        measured[name] = {key: _rounded(value) for key, value in figures.items()}
        print(name, measured[name], flush=True)
        write_json(file, known)
    failed = [name for name, figures in measured.items() if "failed" in figures]
    if failed:
        raise StudyError(file, f"{', '.join(failed)}: not measured", expected="another try")


def driver(file: Path, known: dict, options: argparse.Namespace) -> None:
    """Measure what handing out a fit costs."""
    from benchmarks.cluster import overhead

    rows = overhead(options.fits).to_dict("records")
    ms = {row["way"]: _rounded(row["ms a fit"]) for row in rows}
    known["driver"] = {"fits": options.fits, "machine": machine(gpu=False), "ms": ms}
    print(known["driver"])
    write_json(file, known)


def count(file: Path, known: dict, _: argparse.Namespace) -> None:
    """Count the fits of the study, of one with more repeats, and of the ablations.

    What is counted is kept as it comes; the page says what is lacking.
    """
    from benchmarks.counts import REPEATS, Stage, ablation_stages, count_ablation, count_study

    def told(stage: Stage) -> dict:
        logging.info("%s: %d jobs", stage.name, sum(n for n, _ in stage.jobs))
        return {key: _rounded(value) for key, value in stage.to_json().items()}

    lacking = [f"{kind} {encoder}" for kind, encoder in ablation_stages()]
    counted = known["counted"] = {
        "study": list(map(told, count_study(1))),
        "repeated": list(map(told, count_study(REPEATS))),
        "ablations": [],
        "lacking": lacking,
        "repeats": REPEATS,
        "machine": machine(gpu=False),
    }
    for kind, encoder in ablation_stages():
        stage = count_ablation(kind, encoder)
        counted["ablations"] += [told(stage)] if stage else []
        lacking.pop(0)
        write_json(file, known)


def page(file: Path, known: dict, options: argparse.Namespace) -> None:
    """Compute what follows, keep it, and write the tables of docs/scale.md."""
    from benchmarks.scale_page import compute, write_page

    lacking = [part for part in ("measured", "driver", "counted") if part not in known]
    if lacking:
        reason = f"nothing is {lacking[0]} in it"
        raise StudyError(file, reason, expected="measure, driver and count first")
    known["computed"] = compute(known, ROOT)
    write_json(file, known)
    on_page = options.out / "scale.md"
    write_page(on_page if on_page.is_file() else ROOT / "docs/scale.md", known)


def _rounded(value: object) -> object:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


PARTS: dict[str, Callable[[Path, dict, argparse.Namespace], None]] = {
    "measure": measure,
    "driver": driver,
    "count": count,
    "page": page,
}

if __name__ == "__main__":
    run_command(main)
