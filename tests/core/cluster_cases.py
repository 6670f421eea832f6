"""Jobs for a cluster, run by tests/core/test_cluster.py: what came of each goes to said.json."""

import json
import os
import signal
import sys
from pathlib import Path

from llm4waam.core import cluster
from llm4waam.core.errors import StudyError
from llm4waam.core.processes import Work, share_out


def killed_once(job: tuple[str, int]) -> int:
    """Dies the first time that a job is done anywhere; `job` is (a folder, a number)."""
    seen = Path(job[0]) / f"seen-{job[1]}"
    if not seen.exists():
        seen.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 10 * job[1]


def always_killed(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refused(value: int) -> int:
    raise StudyError("beads.csv", "no such wire", row=3, column="wire", value=value, expected="1")


def keeps(name: str) -> str:
    """Reads a file that is brought to it; leaves a folder, and a file that tells of it."""
    folder = Path("kept") / name
    (folder / "model").mkdir(parents=True)
    (folder / "model/weights").write_text(Path("data/given/file").read_text() + name)
    (folder / "done.json").write_text("{}")
    return f"{name} in {Path.cwd().name[:12]}"


def found(name: str) -> str | None:
    return "from before" if name == "a" else None


def main(folder: str) -> None:
    said = {}
    said["killed once"] = list(share_out(Work(killed_once, "k"), [(folder, n) for n in (1, 2)], 2))
    work = Work(
        keeps,
        "k",
        found=found,
        kept_in=lambda n: Path("kept") / n,
        reads=lambda _: [Path("data/given")],
    )
    os.chdir(folder)
    for name, text in (("data/given/file", "given "), ("kept/b/model/old", "of an older run")):
        Path(name).parent.mkdir(parents=True)
        Path(name).write_text(text)
    said["kept"] = list(share_out(work, ["a", "b", "c"], 2))
    said["files"] = {
        f.as_posix(): f.read_text() for f in sorted(Path("kept").rglob("*")) if f.is_file()
    }
    cluster.TRIES = 2
    versions = cluster._versions()
    cases = {"always killed": always_killed, "refused": refused, "another torch": abs}
    for name, run in cases.items():
        if name == "another torch":
            cluster._versions = lambda: versions | {"torch": "1.0"}
        try:
            said[name] = list(share_out(Work(run, "k"), [7], 2))
        except StudyError as error:
            said[name] = str(error)
    Path("said.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1])
