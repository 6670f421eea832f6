"""What the workflows of a review may do, and what DVC shows of it unasked."""

import json
import re

import yaml
from conftest import ROOT

WORKFLOWS = ROOT / ".github/workflows"
PINNED = f"a/b@{'0' * 40}"


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
    started = workflow["jobs"]["comment"]["if"]
    for part in ("conclusion == 'success'", "event == 'pull_request'", "review.yml'"):
        assert part in started


def test_every_action_is_the_commit_that_was_read_and_no_script_pastes_text() -> None:
    for file in WORKFLOWS.glob("*.yml"):
        for job in yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"].values():
            for step in job["steps"]:
                assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step.get("uses", PINNED)), file
                assert "${{" not in step.get("run", "") + step.get("with", {}).get("script", "")


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
