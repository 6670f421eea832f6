"""What requirements-inference.txt installs is enough for a prediction, and nothing of training."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

PYTHON = ROOT / ".venv-inference/bin/python"
BEAD = [
    *("travel_speed=30 cm/min", "material=316L", "wire_feed_speed=7 m/min"),
    *("transfer_mode=CMT", "bead_length_mm=100"),
]


def listed(name: str) -> dict[str, str]:
    """Package -> the versions that a file of requirements allows."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = (re.match(r"([\w-]+)(.*)", line) for line in lines if not line.startswith("#"))
    return {match.group(1): match.group(2) for match in found if match}


def test_a_prediction_needs_the_versions_of_the_study_and_no_library_of_training() -> None:
    few, all_of_them = listed("requirements-inference.txt"), listed("requirements.txt")
    assert not {"torch", "transformers", "accelerate", "catboost", "dvc", "matplotlib"} & set(few)
    assert {name: all_of_them[name] for name in few if name != "numpy"} == {
        name: versions for name, versions in few.items() if name != "numpy"
    }

    desk = listed("requirements-desk.txt")
    assert desk["matplotlib"] == all_of_them["matplotlib"]


@pytest.mark.skipif(not PYTHON.is_file(), reason="no .venv-inference: run `make test`")
@pytest.mark.parametrize("options", [[], ["--explain", "--language", "ko"]])
def test_a_prediction_is_made_where_nothing_else_is_installed(study, options: list[str]) -> None:  # noqa: ARG001
    def run(*words: str) -> subprocess.CompletedProcess:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [PYTHON, *words], cwd=Path.cwd(), env=environment, capture_output=True, text=True
        )

    assert "No module named" in run("-c", "import torch").stderr
    asked = ("-m", "llm4waam.commands.main", "predict", "--format", "json", "--set", *BEAD)
    done = run(*asked, *options)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert 0 < answer["quality_p_normal"] < 1
    assert ("narration" in answer) is bool(options)
