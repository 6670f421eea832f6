"""A cut between any two operations on files at the end of a training, and a loss of power.

Each leaves something that the next run understands: it ends in the bytes of an undisturbed run.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import outputs

from llm4waam.training import fit, save
from stages import train

TASK = ("bert", "quality")
UNFINISHED = Path("data/unfinished/bert/quality")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Cut(BaseException):
    """The process is gone: nothing after this is carried out."""


class FileOperations:
    """Counts what changes files, by Python's audit events, and cuts before one of them.

    From then on nothing changes a file any more: `finally` does not either, where a kill is meant.
    """

    def __init__(self) -> None:
        self.armed, self.count, self.cut_before = False, 0, None
        sys.addaudithook(self._hear)  # for good: Python has no way to take a hook back

    def _hear(self, event: str, arguments: tuple) -> None:
        if not self.armed:
            return
        changing = event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir")
        if changing or (event == "open" and arguments[2] & WRITING):
            self.count += 1
            if self.cut_before is not None and self.count >= self.cut_before:
                raise Cut

    def run(self, work: Callable[[], None], cut_before: int | None = None) -> int:
        """Call `work`; returns how many operations there were, or were tried."""
        self.armed, self.count, self.cut_before = True, 0, cut_before
        try:
            work()
        except Cut:
            pass
        finally:
            self.armed = False
        return self.count


OPERATIONS = FileOperations()


@pytest.fixture
def trained(ready, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose training takes a moment: data and fits of one real training, told again."""
    folder = ready(epochs=1)
    fitted, real, read = {}, fit.fit_folds, []

    def told(data, jobs, engine, **asked):
        places = tuple(place for place, _, _ in jobs)
        if places not in fitted:
            fitted[places] = real(data, jobs, engine, **asked)
        return [replace(one) for one in fitted[places]]

    monkeypatch.setattr(fit, "fit_folds", told)
    first = train.make_task_data
    again = lambda *what: read or read.extend(first(*what)) or read  # noqa: E731
    monkeypatch.setattr(train, "make_task_data", again)
    monkeypatch.setattr(save, "export", lambda _, file: file.write_text("graph"))
    return folder


def left_over(folder: Path) -> list[Path]:
    return [file for file in (folder / "data").rglob("*.part") if "unfinished" not in file.parts]


def test_every_cut_of_a_training_ends_in_the_same_bytes(trained: Path) -> None:
    train.main(*TASK)
    whole = outputs(trained, *TASK)
    shutil.rmtree(trained / "data/models")
    many = OPERATIONS.run(lambda: train.main(*TASK))
    assert many > 40, many
    for number in range(1, many + 1):
        # As DVC does, which removes the outputs first; and by hand, over those of the last run.
        for name in (
            ("data/predictions", "data/incomplete", "data/models", "plots") if number % 2 else ()
        ):
            shutil.rmtree(trained / name)
        tried = OPERATIONS.run(lambda: train.main(*TASK), cut_before=number)
        assert tried >= number
        train.main(*TASK)
        assert outputs(trained, *TASK) == whole, f"cut before operation {number} of {many}"
        assert not UNFINISHED.exists(), number
        assert not left_over(trained), number


def test_short_files_after_a_loss_of_power_are_made_anew(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train.main(*TASK)
    whole = outputs(trained, *TASK)

    def cut(*_: object, **__: object) -> None:
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(save.ModelFolder, "finish", cut)
        with pytest.raises(Cut):
            train.main(*TASK)
    kept = trained / "kept"
    shutil.copytree(UNFINISHED, kept)
    files = sorted(file.relative_to(kept) for file in kept.rglob("*") if file.is_file())
    assert {"fold_0_0.json", "fold_0_-1.json", "head.safetensors"} <= {file.name for file in files}
    for number, file in enumerate(files):
        content = (kept / file).read_bytes()
        short = (b"", content[: len(content) // 2], bytes(len(content)))[number % 3]
        shutil.copytree(kept, UNFINISHED, dirs_exist_ok=True)
        (UNFINISHED / file).write_bytes(short)
        train.main(*TASK)
        assert outputs(trained, *TASK) == whole, file
