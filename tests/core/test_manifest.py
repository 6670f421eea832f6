"""A folder of a final model that is not as it was made is named, by the file that differs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from llm4waam.core.errors import StudyError
from llm4waam.core.files import JsonLines, read_json, read_table
from llm4waam.core.manifest import FILE, check_manifest, write_manifest

MARK = {"dataset": "beads"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "quality"
    (made / "seed-1").mkdir(parents=True)
    (made / "fitted.json").write_text("{}\n", encoding="utf-8")
    (made / "seed-1/model.onnx").write_bytes(bytes(range(200)))
    write_manifest(made, "bert", "quality", MARK)
    return made


def refused(folder: Path) -> str:
    with pytest.raises(StudyError) as caught:
        check_manifest(folder, "bert", "quality")
    line = str(caught.value)
    assert "dvc repro" in line
    assert "\n" not in line
    return line


def test_a_whole_folder_says_what_it_was_made_from(folder: Path) -> None:
    (folder / ".DS_Store").write_bytes(b"x")
    manifest = check_manifest(folder, "bert", "quality")
    assert manifest.made_from == MARK
    assert list(manifest.files) == ["fitted.json", "seed-1/model.onnx"]
    assert manifest.files["seed-1/model.onnx"].bytes == 200


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "there is no such file"),
    "empty": (lambda file: file.write_bytes(b""), "has 0 bytes and was made with 200"),
    "half": (lambda file: file.write_bytes(file.read_bytes()[:100]), "has 100 bytes"),
    "longer": (lambda file: file.write_bytes(file.read_bytes() + b"x"), "has 201 bytes"),
    "foreign": (lambda file: file.write_bytes(b"x" * 200), "is not the file that was made with"),
    "a folder": (lambda file: (file.unlink(), file.mkdir()), "there is no such file"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_is_not_as_it_was_made_is_named(folder: Path, change: str) -> None:
    spoil, reason = CHANGES[change]
    spoil(folder / "seed-1/model.onnx")
    assert refused(folder).startswith(f"{folder}/seed-1/model.onnx: {reason}")


def test_a_file_too_many_and_another_model_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="'quality': the folder holds the model of another task"):
        check_manifest(folder, "bert", "defects")
    with pytest.raises(StudyError, match="'bert': the folder holds the model of another encoder"):
        check_manifest(folder, "roberta", "quality")
    shutil.copytree(folder / "seed-1", folder / "seed-2")
    assert "seed-2/model.onnx: is no file of this model" in refused(folder)
    assert "there is no final model" in refused(tmp_path / "nothing")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"files": {}}', "[" * 50_000, "\0"])
def test_a_broken_manifest_is_named(folder: Path, text: str) -> None:
    (folder / FILE).write_text(text, encoding="utf-8")
    assert refused(folder).startswith(f"{folder}/{FILE}: is no manifest of a model")


def test_an_encoder_that_is_left_out_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "left_out.txt").write_text("roberta\n", encoding="utf-8")
    assert "there is no final model of this encoder; expected encoders in" in refused(tmp_path)


@pytest.mark.parametrize("read", [read_table, read_json, lambda file: [*JsonLines(file)]])
def test_a_product_that_is_not_there_or_cut_is_one_line(read: Callable, tmp_path: Path) -> None:
    file = tmp_path / "product"
    with pytest.raises(StudyError, match="there is no such file; expected what dvc repro makes"):
        read(file)
    file.write_bytes(json.dumps({"a": [1, 2]}).encode()[:-4] + b"\xff")
    with pytest.raises(StudyError, match=r"product: cannot be read \("):
        read(file)
