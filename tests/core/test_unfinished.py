"""Finished parts of unfinished work, and stages whose parameters or code changed meanwhile."""

from pathlib import Path

import pytest

from llm4waam.core import unfinished
from llm4waam.core.errors import StudyError
from llm4waam.core.files import move_folder, remove_folder, write_text
from llm4waam.core.settings import Params, read_params
from llm4waam.core.unfinished import Start, Unfinished


def test_a_part_is_taken_whole_and_by_its_own_mark_alone(tmp_path: Path) -> None:
    work = Unfinished(tmp_path / "work", "one")
    assert work.load("fold") is None
    work.store("fold", {"score": 0.1 + 0.2})
    assert work.load("fold") == {"score": 0.1 + 0.2}
    assert Unfinished(tmp_path / "work", "other").load("fold") is None
    file = tmp_path / "work/fold.json"
    whole = file.read_bytes()
    for content in [b"", whole[:-3], bytes(len(whole)), b"[1]", b"3", b"null", b"\xff"]:
        file.write_bytes(content)
        assert work.load("fold") is None, content
    work.clear()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_write_left_is_removed_by_the_next(tmp_path: Path) -> None:
    for name in (".a[1].csv.123.part", ".a[1].csv.9.part", ".b.csv.1.part"):
        (tmp_path / name).write_text("half", encoding="utf-8")
    write_text(tmp_path / "a[1].csv", "whole")
    assert {file.name for file in tmp_path.iterdir()} == {"a[1].csv", ".b.csv.1.part"}


def test_a_folder_takes_the_place_of_another_and_of_half_a_removed_one(tmp_path: Path) -> None:
    for name in ("new", "old", ".old.gone.part"):
        write_text(tmp_path / name / "file", name)
    move_folder(tmp_path / "new", tmp_path / "old")
    assert [file.name for file in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old/file").read_text(encoding="utf-8") == "new"
    remove_folder(tmp_path / "old")
    remove_folder(tmp_path / "old")
    assert list(tmp_path.iterdir()) == []


def test_a_stage_whose_parameters_or_code_changed_is_told_so(
    workspace, params, monkeypatch
) -> None:
    folder = workspace()
    start = Start(read_params(Params))
    start.check()
    params["advice"]["shown"] += 1  # of no interest to who reads `Params` alone
    workspace(params=params)
    start.check()
    params["tasks"] = ["quality"]
    workspace(params=params)
    line = "params.yaml: changed while the stage ran; nothing is written; expected dvc repro again"
    with pytest.raises(StudyError, match=line):
        start.check()
    start = Start(read_params(Params))
    monkeypatch.setattr(unfinished, "LIBRARY", folder)
    with pytest.raises(StudyError, match="the code: changed while the stage ran"):
        start.check()
