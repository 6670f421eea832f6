"""How long the study takes and where the time goes: `python -m benchmarks [PART ...]`.

Writes the parts that were measured into results.json, and the tables of README.md from all of it.
"""

import argparse
import json
import logging
from pathlib import Path

import yaml

from benchmarks.measure import ROOT, commit, machine
from benchmarks.page import table, write_between
from benchmarks.parts import PARTS, Part, Setting
from llm4waam.core.files import write_json
from llm4waam.core.stage import run_command

ORDER = ("ways", "stages", "starts", "inference", "answers", "growth")  # of the page


def main(*arguments: str) -> None:
    """Measure the parts that were asked for (else all) and write the page."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="train.epochs=1")
    parser.add_argument("--beads", nargs="+", type=int, help="sizes of `growth` and `inference`")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks")
    options = parser.parse_args(arguments or None)
    if unknown := {*options.parts} - {*PARTS}:
        parser.error(f"no part is called {min(unknown)}; expected {', '.join(PARTS)}")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    pairs = (one.partition("=") for one in options.set)
    changes = {key: yaml.safe_load(value) for key, _, value in pairs}
    setting = Setting(changes, options.beads)
    section = ", ".join(sorted(options.set)) or "params.yaml as it is"
    results = options.out / "results.json"
    known = json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {}
    code = commit()
    for name in options.parts or PARTS:
        measured = {one: vars(part) for one, part in PARTS[name](setting).items()}
        on = machine(gpu=changes.get("train.device") == "cuda")
        for part in measured.values():
            part |= {"machine": on, "commit": code}
        known.setdefault(section, {}).update(measured)
        write_json(results, known)
    write_page(options.out / "README.md", known)


def write_page(readme: Path, results: dict[str, dict[str, dict]]) -> None:
    """Put the tables of all results between the two marks of the README."""
    lines = []
    for section, parts in results.items():
        lines += ["", f"## Measured with {section}"]
        for part in (Part(**parts[name]) for name in ORDER if name in parts):
            code = f" Code and parameters of commit {part.commit}." if part.commit else ""
            told = f"{part.work} On {part.machine}.{code}"
            lines += ["", f"### {part.title}", "", told, "", table(part.columns, part.rows)]
    write_between(readme, "benchmarks", lines)


if __name__ == "__main__":
    run_command(main)
