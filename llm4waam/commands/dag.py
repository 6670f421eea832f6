"""`llm4waam dag`: the stages of dvc.yaml from first to last, each with what it waits for."""

import re
from graphlib import TopologicalSorter

import yaml

from llm4waam.commands.ask_dvc import PIPELINE, ask_dvc
from llm4waam.commands.columns import in_columns, last_width

WIDTHS = [17, 36]  # of the names of a stage and of those that it waits for
LEGEND = """
*: a run for each task of params.yaml; frozen: runs only when asked (docs/pipeline.md)
What a stage waits for through another one is left out; every arrow: docs/pipeline.md
"""


def dag_table() -> str:
    """The table of stages, at most 100 columns wide."""
    graph = ask_dvc("dag", "--dot", "--collapse-foreach-matrix", str(PIPELINE))
    return render(graph, yaml.safe_load(PIPELINE.read_text(encoding="utf-8"))["stages"])


def render(graph: str, stages: dict[str, dict]) -> str:
    """The table of a graph in DVC's dot; `stages` are those of dvc.yaml."""
    needs: dict[str, set[str]] = {name: set() for name in stages}
    for before, after in re.findall(r'"(.+)" -> "(.+)";', graph):
        needs[after].add(before)
    waits = nearest(needs)
    table = [["stage", "waits for", "what it does"]]
    for name in TopologicalSorter(waits).static_order():
        stage = stages[name]
        table.append([_titled(name, stage), ", ".join(waits[name]), stage.get("desc", "")])
    return in_columns(table, [*WIDTHS, last_width(WIDTHS)], ["left"] * 3) + LEGEND


def nearest(needs: dict[str, set[str]]) -> dict[str, list[str]]:
    """What each stage needs, in alphabetical order, without what it needs through another one."""
    through: dict[str, set[str]] = {}
    for name in TopologicalSorter(needs).static_order():
        through[name] = set().union(*(needs[one] | through[one] for one in needs[name]))
    return {name: sorted(needs[name] - through[name]) for name in needs}


def _titled(name: str, stage: dict) -> str:
    if stage.get("frozen"):
        return f"{name} (frozen)"
    return f"{name} *" if "matrix" in stage else name
