"""A cluster of two nodes on this machine makes the bytes of local processes, and loses nothing."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, outputs

from llm4waam.core.errors import StudyError
from llm4waam.core.files import pack_folder, unpack_folder
from llm4waam.core.processes import ADDRESS, Work, share_out
from stages import ablate, baselines, train

pytest.importorskip("ray", reason="requirements-cluster.txt is not installed")

from benchmarks.cluster import Nodes, two_nodes

CASES = ROOT / "tests/core/cluster_cases.py"
STUDY = """
from stages import ablate, baselines, train
train.main("bert", "quality")
baselines.main("quality")
ablate.main("nested", "bert")
ablate.main("nested", "baselines")
"""
WAITS = """
from llm4waam.core.processes import Work, share_out
list(share_out(Work(abs, "training", gpus=1), [1], 1))
"""


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with two_nodes() as started:
        yield started


def driver(*arguments: str, address: str) -> subprocess.Popen:
    """A process that hands out work: not this one, whose threads a fork would not survive."""
    known = {"PYTHONPATH": str(ROOT), ADDRESS: address}
    return subprocess.Popen(
        [sys.executable, *arguments], env=os.environ | known, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.fixture(scope="module")
def said(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What the cases of cluster_cases.py came to, and under "" what was said to people."""
    folder = tmp_path_factory.mktemp("cases")
    run = driver(str(CASES), str(folder), address=nodes.address)
    told = run.communicate(timeout=120)[1]
    assert not run.returncode, told
    return json.loads((folder / "said.json").read_text()) | {"": told}


def test_work_of_a_killed_process_is_done_again(said: dict) -> None:
    assert said["killed once"] == [10, 20]
    assert "Its work is done again" in said[""]


def test_work_that_always_kills_its_process_is_one_line(said: dict) -> None:
    line = said["always killed"]
    assert "2 processes or nodes in turn were lost at the same work" in line
    assert line.endswith("what is finished is kept")


def test_a_mistake_found_at_a_node_is_the_same_line(said: dict) -> None:
    assert said["refused"] == "beads.csv, row 3, column wire: 7: no such wire; expected 1"


def test_what_a_job_keeps_comes_back_and_what_is_finished_is_not_done_again(said: dict) -> None:
    first, *others = said["kept"]
    assert first == "from before"
    assert others == ["b in llm4waam-job", "c in llm4waam-job"]
    expected = {}
    for name in ("b", "c"):  # the folder of an older run is gone as a whole
        expected[f"kept/{name}/done.json"] = "{}"
        expected[f"kept/{name}/model/weights"] = f"given {name}"
    assert said["files"] == expected


def test_a_node_that_computes_with_something_else_is_refused(said: dict) -> None:
    line = "has another torch than the machine that hands out the work; expected 1.0"
    assert said["another torch"].endswith(line)


def test_the_study_has_the_same_bytes(nodes: Nodes, ready) -> None:
    folder = ready(epochs=2, workers=2)

    def made() -> dict[str, bytes]:
        others = [f"data/ablations/nested/{one}.csv" for one in ("bert", "baselines")]
        others.append("data/predictions/baselines/quality.csv")
        return outputs(folder, "bert", "quality") | {f: Path(f).read_bytes() for f in others}

    train.main("bert", "quality")
    baselines.main("quality")
    for source in ("bert", "baselines"):
        ablate.main("nested", source)
    expected = made()
    for place in ("data/predictions", "data/incomplete", "data/models", "data/ablations", "plots"):
        shutil.rmtree(place)
    run = driver("-c", STUDY, address=nodes.address)
    told = run.communicate(timeout=240)[1]
    assert not run.returncode, told
    assert made() == expected
    assert "done" in told, "no node is named in the bar"
    assert not Path("data/unfinished/bert/quality").exists()


def test_work_that_no_node_can_do_waits_and_says_so(nodes: Nodes) -> None:
    run = driver("-c", WAITS, address=nodes.address)
    line = next(line for line in run.stderr if "no node" in line)
    assert "no node of the cluster has 1 CPU and 1 GPU (training); work waits" in line
    assert run.poll() is None
    run.kill()
    run.communicate()


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1:1", "no cluster can be reached there"),
        ("ray://127.0.0.1:1", "work is handed out by a machine of the cluster"),
        ("http://127.0.0.1:8265", "work is handed out by a machine of the cluster"),
    ],
)
def test_an_address_where_no_cluster_is_is_one_line(address: str, reason: str) -> None:
    run = driver("-c", WAITS, address=address)
    told = run.communicate(timeout=60)[1].strip().splitlines()[-1]
    assert told.startswith(f"llm4waam.core.errors.StudyError: {ADDRESS}: '{address}': {reason}")


def test_an_address_without_ray_is_one_line(monkeypatch) -> None:
    monkeypatch.setenv(ADDRESS, "127.0.0.1:6379")
    monkeypatch.delitem(sys.modules, "llm4waam.core.cluster", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not there
    with pytest.raises(StudyError, match="Ray is not installed; expected `pip"):
        list(share_out(Work(abs, "k"), [1], 2))


def test_nothing_imports_ray_unless_asked() -> None:
    code = "import sys\nimport stages.ablate, stages.train\n" + WAITS.replace(", gpus=1", "")
    run = driver("-c", code + "\nprint('ray' in sys.modules)", address="")
    assert run.communicate(timeout=60)[0].strip() == "False"


def test_finished_jobs_are_not_done_again_and_results_keep_their_order() -> None:
    done = []
    work = Work(lambda n: done.append(n) or -n, "k", found=lambda n: 0 if n == 2 else None)
    assert list(share_out(work, [1, 2, 3], 1)) == [-1, 0, -3]
    assert done == [1, 3]


def test_a_packed_folder_comes_out_whole(tmp_path: Path) -> None:
    for name in ("model/a/weights", "model/card", "part.json", ".part.json.7.part"):
        (tmp_path / "one" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "one" / name).write_text(name)
    packed = pack_folder(tmp_path / "one")
    assert sorted(packed) == ["model/a/weights", "model/card", "part.json"]
    (tmp_path / "other/model").mkdir(parents=True)
    (tmp_path / "other/model/old").touch()
    (tmp_path / "other/beside.json").touch()
    unpack_folder(packed, tmp_path / "other")
    assert pack_folder(tmp_path / "other") == packed | {"beside.json": b""}
