"""Every part of the benchmarks runs; how long anything takes is no test."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from benchmarks import __main__ as benchmarks
from benchmarks import measure, parts

ROWS = 60  # of the study's raw table


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, encoders: Path) -> Path:
    """A small project: some of the study's rows, one task, one epoch, final models of BERT."""
    folder = tmp_path_factory.mktemp("study")
    for name in ("stages", "llm4waam", "benchmarks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(encoders, folder / "data/encoders")
    (folder / "data/raw").mkdir()
    shutil.copy(ROOT / "data/raw/waam_beads.yaml", folder / "data/raw")
    raw = (ROOT / "data/raw/waam_beads.csv").read_bytes().splitlines(keepends=True)
    (folder / "data/raw/waam_beads.csv").write_bytes(b"".join(raw[:ROWS]))
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params |= {"tasks": ["defects"], "split": params["split"] | {"folds": 2}}
    params["train"] |= {"epochs": 1, "workers": 1, "engine": "loop"}
    for encoder in ("bert", "roberta"):
        params["encoder"][encoder]["checkpoint"] = f"data/encoders/{encoder}-mini"
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    stages = {name: stages[name] for name in ("clean", "split", "train-bert")}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}), encoding="utf-8")
    for name in parts.PREPARATION:
        measure.command(["-m", f"stages.{name}"], folder)
    measure.command(["-m", "stages.train", "bert", "defects"], folder)
    return folder


def test_every_part_has_its_rows_and_stands_on_the_page(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "ROOT", study)
    monkeypatch.setattr(parts, "WAYS", {"stacked": parts.WAYS["stacked"]})
    monkeypatch.setattr(parts, "STARTED", ("clean",))
    ways = ("as it is", "one template")
    monkeypatch.setattr(parts, "ANSWERED", {name: parts.ANSWERED[name] for name in ways})
    monkeypatch.setattr(benchmarks, "commit", lambda: "abc1234")
    shutil.copy(ROOT / "benchmarks/README.md", tmp_path)
    benchmarks.main("--out", str(tmp_path), "--beads", "40", "--set", "train.seed=3")
    [(section, found)] = json.loads((tmp_path / "results.json").read_text("utf-8")).items()
    assert section == "train.seed=3"
    first = {name: [row[0] for row in part["rows"]] for name, part in found.items()}
    assert first["ways"] == ["stacked"]
    assert first["stages"] == ["clean", "split", "train-bert@defects", "all of them"]
    assert (first["starts"], first["inference"]) == (["stages.clean"], list(ways))
    assert first["growth"] == [40]
    assert "defects" in first["answers"]
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert all(f"### {part['title']}\n" in page for part in found.values())
    assert page.count(" of commit abc1234.\n") == len(found)
    assert str(study) not in json.dumps(found)


def test_whole_numbers_differ_by_their_size_and_two_empty_cells_not_at_all() -> None:
    words = ["humping", "normal", "normal", "normal"]
    one = pd.DataFrame({"bead": list("abcd"), "quality": words, "energy_j": [100, 200, 300, 400]})
    one["missing"] = ["ctwd_mm", None, None, None]
    other = one.assign(energy_j=[101, 202, 303, 404], quality=["normal", *words[1:]])
    found = parts.differences(one, other)
    assert found == {"quality": "25.00 %", "energy_j": "1.00 %", "missing": "0.00 %"}


def test_a_table_names_the_commit_and_says_that_files_were_changed_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setattr(measure, "ROOT", tmp_path)
    assert measure.commit() == ""
    file = tmp_path / "params.yaml"
    file.write_text("epochs: 1\n", encoding="utf-8")
    person = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "."], [*person, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    clean = measure.commit()
    assert re.fullmatch("[0-9a-f]{7,}", clean)
    file.write_text("epochs: 2\n", encoding="utf-8")
    assert measure.commit() == f"{clean}-dirty"


def test_the_page_in_git_is_made_from_the_results_in_git(tmp_path: Path) -> None:
    page = (ROOT / "benchmarks/README.md").read_text(encoding="utf-8")
    (tmp_path / "README.md").write_text(page, encoding="utf-8")
    results = json.loads((ROOT / "benchmarks/results.json").read_text(encoding="utf-8"))
    benchmarks.write_page(tmp_path / "README.md", results)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == page
