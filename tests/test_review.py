"""`make review` on a small repository, and what the workflows may do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

WORKFLOWS = ROOT / ".github/workflows"
SVG = "<svg xmlns='http://www.w3.org/2000/svg'><text>{}</text></svg>"
PIPELINE = "params:\n  - params.yaml\nmetrics:\n  - metrics/summary.json\nplots:\n  - plots/a.svg\n"


def run(*command: str, folder: Path) -> subprocess.CompletedProcess:
    known = {"GIT_CONFIG_GLOBAL": os.devnull, "DVC_NO_ANALYTICS": "1"}
    known["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, **known}
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small repository in which nothing needs to be installed."""
    files = {
        "metrics/bert/quality.json": json.dumps({"oof": {"accuracy": 0.8, "ece": None}}),
        "metrics/summary.json": json.dumps({"quality": {"score": 0.8}}),
        "plots/a.svg": SVG.format("old"),
        "params.yaml": "train:\n  epochs: 12\n",
        "dvc.yaml": PIPELINE,
        ".gitignore": "/review/\n/review.md\n",
        "Makefile": (ROOT / "Makefile").read_text(encoding="utf-8"),
        "requirements.txt": "",
        "pyproject.toml": "",
        "installed": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    run("git", "init", "-q", "-b", "main", folder=tmp_path)
    run("dvc", "init", "-q", folder=tmp_path)
    run("git", "add", "-A", folder=tmp_path)
    who = ("-c", "user.name=t", "-c", "user.email=t@t")
    assert not run("git", *who, "commit", "-qm", "base", folder=tmp_path).returncode
    return tmp_path


def review(folder: Path, base: str = "main") -> subprocess.CompletedProcess:
    return run("make", "review", "STAMP=installed", f"BASE={base}", folder=folder)


def test_what_changed_stands_in_the_review_and_figures_side_by_side(repository: Path) -> None:
    assert not review(repository).returncode
    before = (repository / "review.md").read_text(encoding="utf-8")
    assert "0.9" not in before
    changes = {
        "metrics/bert/quality.json": json.dumps({"oof": {"accuracy": 0.9, "ece": 0.1}}),
        "plots/a.svg": SVG.format("new"),
        "params.yaml": "train:\n  epochs: 5\n",
    }
    for name, text in changes.items():
        (repository / name).write_text(text, encoding="utf-8")
    assert not review(repository).returncode
    page = (repository / "review.md").read_text(encoding="utf-8")
    parameters, metrics = page.split("## ")[1:]
    assert "train.epochs" in parameters
    assert "oof.accuracy" in metrics
    shown = {file.name: file.read_text("utf-8") for file in repository.glob("review/static/*.svg")}
    assert [name for name in shown if name.startswith("main")]
    assert sorted("new" in text for text in shown.values()) == [False, True]


def test_a_base_that_is_no_commit_ends_the_review(repository: Path) -> None:
    assert review(repository, base="nowhere").returncode


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
    for name in ("dvc.yaml", "ablations/dvc.yaml"):
        pipeline = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
        shown += pipeline.get("metrics", [])
        for stage in pipeline["stages"].values():
            shown += [next(iter(entry)) for entry in stage.get("metrics", [])]
    assert shown == ["metrics/summary.json"]
    summary = json.loads((ROOT / shown[0]).read_text(encoding="utf-8"))
    values = [value for task in summary.values() for value in task.values()]
    assert len(values) <= 40
    for value in values:
        assert isinstance(value, str) or value == float(f"{value:.4g}")
