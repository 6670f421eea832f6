"""DVC's run cache: going back to a parameter, or to a commit, runs nothing.

The stages of dvc.yaml with their deps, params and outputs, in a small repository of its own; only
the commands are others, which write each output in a moment.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from llm4waam.commands.restore import restore
from stages import ablate_all

# Writes every output of a stage from the parameters: a file, or a folder with a file in it.
STUB = """
import sys
from pathlib import Path

text = Path("params.yaml").read_text()
for name in sys.argv[1:]:
    path = Path(name) if Path(name).suffix else Path(name) / "file"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(name + text)
"""
SEEDS = ("text", "split", "train", "baselines", "advice")


def outputs(stage: dict) -> list[str]:
    entries = [entry for kind in ("outs", "plots", "metrics") for entry in stage.get(kind, [])]
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def run(*command: str) -> str:
    known = {"GIT_CONFIG_GLOBAL": os.devnull, "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **known})
    assert not done.returncode, done.stderr
    return done.stdout


def repro(seed: int, *targets: str) -> str:
    """What `dvc repro` says with another seed in every section that has one."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["tasks"] = ["quality"]
    for section in SEEDS:
        params[section]["seed"] = seed
    write_yaml("params.yaml", params)
    return run(sys.executable, "-m", "dvc", "repro", *targets)


def write_yaml(name: str, content: dict) -> None:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def lay_out(pipeline: dict) -> None:
    """Every stage becomes a stub; the scripts, rooms and tables that they need are there."""
    for stage in pipeline["stages"].values():
        stage["cmd"] = " ".join([sys.executable, "stub.py", *outputs(stage)])
        for name in stage["deps"]:
            path = Path(
                name.replace("${dataset}", "waam_beads").replace("${dataset_format}", "csv")
            )
            if path.suffix and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(name, encoding="utf-8")
            elif name.startswith("llm4waam/"):
                path.mkdir(parents=True, exist_ok=True)
                (path / "room.py").write_text(name, encoding="utf-8")


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    """The pipeline in a folder of its own, which is entered."""
    monkeypatch.chdir(tmp_path)
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    pipeline.pop("plots")
    lay_out(pipeline)
    for name in ("data/encoders", "plots/pretraining"):  # of a stage that is frozen
        Path(name).mkdir(parents=True)
        Path(name, "file").write_text(name, encoding="utf-8")
    write_yaml("dvc.yaml", pipeline)
    Path("stub.py").write_text(STUB, encoding="utf-8")
    run("git", "init", "-q")
    for name in ("name", "email"):  # git stash signs what it keeps
        run("git", "config", f"user.{name}", "t")
    run(sys.executable, "-m", "dvc", "init", "-q")
    return pipeline


def test_there_and_back_every_stage_is_cached(pipeline: dict) -> None:
    made = {name for name, stage in pipeline["stages"].items() if not stage.get("frozen")}

    def told(text: str, words: str) -> set[str]:
        return {name.partition("@")[0] for name in re.findall(words, text)}

    assert told(repro(1), "Running stage '(.+)'") >= made
    first = Path("data/models/bert/quality/file").read_text(encoding="utf-8")
    run("git", "add", "-A")
    run("git", "commit", "-qm", "one")
    assert told(repro(2), "Running stage '(.+)'") >= made
    assert Path("data/models/bert/quality/file").read_text(encoding="utf-8") != first
    # DVC writes dvc.lock in place, after every stage: a signal may leave a part of it. Then git has
    # an older one.
    lock = Path("dvc.lock")
    whole = lock.read_bytes()
    lock.write_bytes(whole[: len(whole) // 2])
    run("git", "checkout", "dvc.lock")
    assert lock.read_bytes() != whole
    assert not told(repro(2), "Running stage '(.+)'")
    assert lock.read_bytes() == whole
    back = repro(1)
    assert not told(back, "Running stage '(.+)'")
    cached = told(back, "Stage '(.+)' is cached") | told(back, "Stage '(.+)' didn't change")
    assert cached >= made
    assert Path("data/models/bert/quality/file").read_text(encoding="utf-8") == first


@pytest.mark.usefixtures("pipeline")
def test_restore_keeps_the_models_of_a_machine_that_the_lock_does_not_know() -> None:
    """As after a commit of another machine: dvc.lock names models that were never made here."""
    repro(1)
    lock = Path("dvc.lock").read_text(encoding="utf-8")
    other = re.sub(r"(path: data/models/\w+/quality\n +hash: md5\n +md5: )....", r"\1dead", lock)
    assert other.count("md5: dead") == 2
    Path("dvc.lock").write_text(other, encoding="utf-8")
    run("git", "add", "-A")
    run("git", "commit", "-qm", "made elsewhere")
    model = Path("data/models/bert/quality/file")
    first = model.read_text(encoding="utf-8")
    repro(2)
    Path("params.yaml").write_text(Path("params.yaml").read_text() + "# mine\n", encoding="utf-8")
    said = list(restore())
    assert model.read_text(encoding="utf-8") == first
    assert any("train-bert@quality, train-roberta@quality" in line for line in said)
    assert "# mine" not in Path("params.yaml").read_text(encoding="utf-8")
    assert "# mine" in run("git", "show", "stash@{0}:params.yaml")


@pytest.mark.usefixtures("pipeline")
def test_what_was_edited_in_the_simulated_table_is_not_overwritten() -> None:
    repro(1, "clean")
    table = Path("data/raw/waam_beads.csv")
    table.write_text(edited := table.read_text(encoding="utf-8") + "mine\n", encoding="utf-8")
    said = repro(1, "clean")
    assert "Running stage 'clean'" in said
    assert "Running stage 'simulate'" not in said
    assert table.read_text(encoding="utf-8") == edited


@pytest.mark.usefixtures("pipeline")
def test_a_lock_that_ctrl_c_cut_is_mended_as_the_page_says() -> None:
    target = "train-bert@quality"
    repro(1, target)
    run("git", "add", "-A")
    run("git", "commit", "-qm", "made")
    repro(2, target)
    model = Path("data/models/bert/quality/file")
    whole, lock = model.read_bytes(), Path("dvc.lock")
    text = lock.read_text(encoding="utf-8")
    # In the middle of a stage, and between two, where what is left is a lock with fewer stages.
    for cut in (len(text) // 2, text.index("  split:")):
        lock.write_text(text[:cut], encoding="utf-8")
        run("git", "checkout", "dvc.lock")
        assert "Running stage" not in repro(2, target)
        assert model.read_bytes() == whole
        assert lock.read_text(encoding="utf-8") == text


@pytest.mark.usefixtures("pipeline")
def test_the_fits_of_ablations_are_asked_for_before_there_are_any_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in a clone: DVC cannot even try pages whose rows were never made."""
    ablations = yaml.safe_load((ROOT / "ablations/dvc.yaml").read_text(encoding="utf-8"))
    kinds = ablations["stages"]["ablate"]["matrix"]["kind"]
    ablations["stages"] = {name: ablations["stages"][name] for name in ("ablate", "page")}
    lay_out(ablations)
    write_yaml("ablations/dvc.yaml", ablations)
    Path("ablations/dvc.lock").unlink()  # the report reads it, here it is no lock
    fitted: list[tuple[str, str]] = []
    monkeypatch.setattr(ablate_all, "fits_of", lambda kind, source, _: (None, [(kind, source)]))
    monkeypatch.setattr(ablate_all, "run_fits", lambda _, jobs, __: fitted.extend(jobs) or [])

    def wanted(*kind: str) -> set[tuple[str, str]]:
        fitted.clear()
        ablate_all.main(*kind)
        return set(fitted)

    def all_of(names: list[str]) -> set[tuple[str, str]]:
        return {(kind, source) for kind in names for source in ("bert", "roberta", "baselines")}

    repro(1, "split")
    assert wanted("nested") == all_of(["nested"])
    assert wanted() == all_of(kinds)
    repro(1, "ablations/dvc.yaml:ablate@nested-bert")
    made = {("nested", "bert")}
    assert wanted("nested") == all_of(["nested"]) - made
    assert wanted() == all_of(kinds) - made
