"""A user's mistake at the command line: one line, no traceback, exit status 1, nothing written."""

import os
import pickle
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from llm4waam.core import stage
from llm4waam.core.errors import StudyError
from llm4waam.core.files import write_text
from llm4waam.core.processes import Work, share_out


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "error: data/raw/small.csv: there is a header and no row; expected at least one row"),
        (
            ["a,b,ER70S-6,5,miles,15,150,1,,Normal"],
            "error: data/raw/small.csv, row 1, column travel_speed_mm_s: '5': no usable row is "
            "left; the first: 'miles': the card does not accept this unit; expected cm/min, mm/s",
        ),
    ],
)
def test_a_broken_table_ends_the_stage_with_one_line(workspace, rows, message: str) -> None:
    folder = workspace(rows=rows)
    result = run(folder, "stages.clean")
    assert result.returncode == 1
    assert result.stderr.strip() == message
    assert not (folder / "data/clean").exists()


def test_a_misspelt_parameter_of_any_stage_is_told_with_one_line(workspace, params) -> None:
    params["train"]["epoch"] = 3
    folder = workspace(params=params)
    result = run(folder, "stages.check_params")
    assert result.returncode == 1
    assert result.stderr.startswith("error: params.yaml: 3: train.epoch: Extra inputs")
    assert "Traceback" not in result.stderr


def test_a_clean_table_is_cleaned(workspace) -> None:
    folder = workspace()
    result = run(folder, "stages.clean")
    assert result.returncode == 0
    assert "24 rows -> 24 beads" in result.stderr
    written = yaml.safe_load((folder / "metrics/clean.json").read_text(encoding="utf-8"))
    assert written["beads"] == 24


WRITES = (
    "import logging, sys\nfrom llm4waam.core.stage import run_stage\n"
    "def main():\n    for _ in range({lines}): print('a line of an answer')\n"
    "    logging.info('said \\x1b[31m')\n    sys.exit({status})\nrun_stage(main)"
)


@pytest.mark.parametrize("lines", [1, 100_000])
@pytest.mark.parametrize("status", [0, 3])
def test_a_reader_who_leaves_ends_it_without_a_word(lines: int, status: int) -> None:
    code = WRITES.format(lines=lines, status=status)
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert result.returncode == 1
    assert result.stderr.replace("said \\x1b[31m\n", "") == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this machine")
@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_full_disk_is_one_line(lines: int, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-c", WRITES.format(lines=lines, status=0)]
        result = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "error: the output: No space left on device"
    (tmp_path / "a file.txt").mkdir()
    with pytest.raises(StudyError, match=r"a file\.txt: cannot be written \(Is a directory\)"):
        write_text(tmp_path / "a file.txt", "x")


def refuse(value: int) -> int:
    """A job that finds a mistake of the user."""
    raise StudyError("beads.csv", "no such wire", row=3, column="wire", value=value, expected="1")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_mistake_found_in_a_worker_process_is_the_same_line(workers: int) -> None:
    line = "beads.csv, row 3, column wire: 7: no such wire; expected 1"
    with pytest.raises(StudyError) as caught:
        list(share_out(Work(refuse, "refusals"), [7, 7], workers))
    assert str(caught.value) == line
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again), again.args) == (StudyError, line, (line,))


STAGE = """
import sys, time
from pathlib import Path
from llm4waam.core.stage import run_stage

def main(seconds):
    Path("started").touch()
    time.sleep(float(seconds))
    Path("written").write_text("outcome of the old parameters")

sys.argv[0] = "slow"
run_stage(main, *sys.argv[1:])
"""
CALLER = "import subprocess, sys; subprocess.run({command!r}, shell={shell}); print('never')"


def start(folder: Path, *command: str, **variables: str) -> subprocess.Popen:
    known = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=known, stdout=pipe, stderr=pipe, text=True)


def until(found) -> None:
    deadline = time.monotonic() + 20
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("way", ["at once", "by a shell", "unread"])
def test_a_stage_whose_dvc_was_killed_writes_nothing(workspace, way: str) -> None:
    folder, shell = workspace(), way == "by a shell"
    command = [sys.executable, "-c", STAGE, "1"]
    if shell:  # which stays between the two, as the shells do that do not become the command
        (folder / "stage.py").write_text(STAGE, encoding="utf-8")
        command = f"{sys.executable} stage.py 1; true"
    caller = CALLER.format(command=command, shell=shell)
    dvc = start(folder, sys.executable, "-c", caller, DVC_STAGE="slow")
    until((folder / "started").exists)
    dvc.kill()
    if way == "unread":
        dvc.stderr.close()
        time.sleep(1.5)
    else:
        said = dvc.communicate(timeout=20)[1]  # ends with the stage, which has the pipe as well
        line = (
            r"error: \S+ is gone, which started this: it ends unfinished; expected dvc repro again"
        )
        assert re.fullmatch(line, said.strip())
    assert not (folder / "written").exists()


def test_by_hand_a_stage_outlives_the_shell_that_started_it(workspace) -> None:
    folder = workspace()
    caller = CALLER.format(command=[sys.executable, "-c", STAGE, "0.5"], shell=False)
    other = start(folder, sys.executable, "-c", caller, DVC_STAGE="")
    until((folder / "started").exists)
    other.kill()
    other.communicate(timeout=20)
    assert (folder / "written").exists()


def test_of_two_equal_stages_one_waits_and_says_so(workspace, monkeypatch) -> None:
    folder = workspace()
    first = start(folder, sys.executable, "-c", STAGE, "30")
    until((folder / "started").exists)
    monkeypatch.setattr(sys, "argv", ["slow"])
    monkeypatch.setattr(stage, "WAIT_S", 0.1)
    done: list[str] = []
    with pytest.raises(StudyError, match=r"locks/slow-30.lock: another process is at the same"):
        stage._run_alone(done.append, "30")
    stage._run_alone(done.append, "another task")
    monkeypatch.setattr(stage, "WAIT_S", 10)
    first.kill()
    stage._run_alone(done.append, "30")  # a kill releases the lock
    first.communicate()
    assert done == ["another task", "30"]
