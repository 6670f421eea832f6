"""`make review` on a small repository, and what the workflows may do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

SCRIPT = ROOT / ".ci/review.py"
WORKFLOWS = ROOT / ".github/workflows"
SVG = "<svg xmlns='http://www.w3.org/2000/svg'><text>{}</text></svg>"


def run(*command: str, folder: Path) -> subprocess.CompletedProcess:
    known = {"GIT_CONFIG_GLOBAL": os.devnull, "DVC_NO_ANALYTICS": "1"}
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, **known}
    )


def review(folder: Path, base: str = "main") -> subprocess.CompletedProcess:
    return run(sys.executable, str(SCRIPT), "--base", base, folder=folder)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    for name, text in {
        "metrics/bert/quality.json": json.dumps({"oof": {"accuracy": 0.8, "ece": None}}),
        "metrics/summary.json": json.dumps({"quality": {"score": 0.8}}),
        "plots/a.svg": SVG.format("old"),
        "plots/b.svg": SVG.format("same"),
        "params.yaml": "train:\n  epochs: 12\n",
        "dvc.yaml": "params:\n  - params.yaml\nmetrics:\n  - metrics/summary.json\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    run("git", "init", "-q", "-b", "main", folder=folder)
    run("dvc", "init", "-q", folder=folder)
    run("git", "add", "-A", folder=folder)
    who = ("-c", "user.name=t", "-c", "user.email=t@t")
    assert not run("git", *who, "commit", "-qm", "base", folder=folder).returncode
    return folder


def test_nothing_changed_is_said_and_a_wrong_base_is_one_line(repository: Path) -> None:
    assert not review(repository).returncode
    page = (repository / "review.md").read_text(encoding="utf-8")
    assert page.count("No change.") == 4
    wrong = review(repository, base="nowhere")
    assert wrong.returncode != 0
    assert wrong.stderr.strip().count("\n") == 0
    assert "'nowhere'" in wrong.stderr


def test_what_changed_stands_in_the_review(repository: Path) -> None:
    changes = {
        "metrics/bert/quality.json": json.dumps({"oof": {"accuracy": 0.9, "ece": 0.1}}),
        "metrics/summary.json": json.dumps({"quality": {"score": 0.9}}),
        "plots/a.svg": SVG.format("new"),
        "plots/c.svg": SVG.format("added"),
        "params.yaml": "train:\n  epochs: 5\n",
    }
    for name, text in changes.items():
        (repository / name).write_text(text, encoding="utf-8")
    assert not review(repository).returncode
    page = (repository / "review.md").read_text(encoding="utf-8")
    assert "| metrics/bert/quality.json | oof.accuracy | 0.8 | 0.9 | +0.1 |" in page
    assert "| metrics/bert/quality.json | oof.ece | – | 0.1 |  |" in page
    parameters, headline = page.split("## ")[1:3]
    assert "train.epochs" in parameters
    assert "12" in parameters
    assert "quality.score" in headline
    assert "`plots/a.svg`" in page
    assert "plots/b.svg" not in page
    figures = (repository / "review/plots.html").read_text(encoding="utf-8")
    assert figures.count("data:image/svg+xml") == 3  # old and new, and the added one alone
    assert figures.count("not there") == 1
    assert "<script" not in figures


def test_what_runs_the_code_of_a_fork_may_only_read() -> None:
    text = (WORKFLOWS / "review.yml").read_text(encoding="utf-8")
    assert "pull_request_target" not in text
    assert "secrets." not in text
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    steps = workflow["jobs"]["review"]["steps"]
    # A branch may be called anything: its name must not become a part of a shell line.
    assert not any("${{" in step.get("run", "") for step in steps)


def test_what_may_write_runs_nothing_of_a_fork() -> None:
    workflow = yaml.safe_load((WORKFLOWS / "comment.yml").read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"actions": "read", "pull-requests": "write"}
    steps = workflow["jobs"]["comment"]["steps"]
    assert not any("checkout" in step.get("uses", "") or "run" in step for step in steps)
    script = next(step["with"]["script"] for step in steps if "script" in step.get("with", {}))
    assert "${{" not in script
    assert "head_sha" in script


def test_the_metrics_that_dvc_shows_unasked_are_few() -> None:
    shown = []
    for name in ("dvc.yaml", "sweeps/dvc.yaml"):
        pipeline = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
        shown += pipeline.get("metrics", [])
        for stage in pipeline["stages"].values():
            shown += [next(iter(entry)) for entry in stage.get("metrics", [])]
    assert shown == ["metrics/summary.json"]
    summary = json.loads((ROOT / shown[0]).read_text(encoding="utf-8"))
    values = [value for task in summary.values() for value in task.values()]
    assert len(values) <= 40
    for value in values:
        assert isinstance(value, str) or value == float(f"{value:.3g}")
