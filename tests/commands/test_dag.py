"""`llm4waam dag` and the graph of docs/pipeline.md against dvc.yaml."""

import re
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT

from llm4waam.commands import main
from llm4waam.commands.dag import nearest, render

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


@pytest.fixture(scope="module")
def graph() -> str:
    """The stages of dvc.yaml in DVC's dot."""
    command = [sys.executable, "-m", "dvc", "dag", "--dot", "--collapse-foreach-matrix", "dvc.yaml"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_what_is_needed_through_another_one_is_left_out() -> None:
    needs = {"c": {"a", "b"}, "b": {"a"}, "a": set(), "d": {"a", "c"}, "alone": set()}
    assert nearest(needs) == {"c": ["b"], "b": ["a"], "a": [], "d": ["c"], "alone": []}


def test_the_default_pipeline_fits_a_screen(graph: str) -> None:
    lines = render(graph, STAGES).splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) <= 40
    stages = [line.split()[0] for line in lines[2 : lines.index("")] if not line.startswith(" ")]
    assert sorted(stages) == sorted(STAGES)
    arrows = re.findall(r'"(.+)" -> "(.+)";', graph)
    assert arrows
    for before, after in arrows:
        assert stages.index(before) < stages.index(after)
    [report] = [line for line in lines if line.startswith("report ")]
    assert report.split()[1:4] == ["evaluate,", "explain,", "explore"]


def test_the_command_prints_the_table(graph: str, monkeypatch, capsys) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["llm4waam", "dag"])
    with pytest.raises(SystemExit) as left:
        main.main()
    assert not left.value.code
    assert capsys.readouterr().out == render(graph, STAGES)


def test_the_graph_in_the_docs_is_that_of_the_pipeline(graph: str) -> None:
    page = (ROOT / "docs/pipeline.md").read_text(encoding="utf-8")
    names = dict(re.findall(r'(node\d+)\["(.+)"\]', page))
    drawn = {
        (names[one], names[other]) for one, other in re.findall(r"(node\d+)-->(node\d+)", page)
    }
    assert set(names.values()) == set(STAGES)
    assert drawn == set(re.findall(r'"(.+)" -> "(.+)";', graph))
