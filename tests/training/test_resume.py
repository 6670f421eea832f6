"""A training killed at any moment goes on and ends in the same bytes."""

import json
import multiprocessing
import shutil
import signal
import time
from multiprocessing.process import BaseProcess

import pytest
from conftest import outputs

from llm4waam.core.files import read_table
from stages import train

TASK = ("bert", "quality")
SELECTING = {"selection": "inner", "select_by": "val_loss", "patience": 50, "inner_folds": 2}


@pytest.fixture
def study(ready):
    """Epochs enough to be killed between two of them."""
    return lambda **changes: ready(**({"epochs": 15} | changes))


def start() -> BaseProcess:
    """A training in the folder entered, as a process of its own: forked, with torch imported."""
    process = multiprocessing.get_context("fork").Process(target=train.main, args=TASK)
    process.start()
    return process


def kill_when(process: BaseProcess, ready) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert process.is_alive(), "the training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("changes", "member"),
    [({}, 0), (SELECTING | {"seeds": 2}, 1)],
    ids=["fixed epochs", "selecting, the second of two seeds"],
)
def test_a_killed_training_goes_on_and_ends_in_the_same_bytes(
    study, changes: dict, member: int
) -> None:
    folder = study(**changes)
    train.main(*TASK)
    undisturbed = outputs(folder, "bert", "quality")
    for path in ("data/predictions", "data/models", "plots"):
        shutil.rmtree(folder / path)
    unfinished = folder / "data/unfinished/bert/quality"

    def in_the_middle_of(fold: int, epoch: int) -> bool:
        place = unfinished / f"fold_0_{fold}/member_{member}/place.json"
        try:
            return json.loads(place.read_text(encoding="utf-8"))["epoch"] >= epoch
        except FileNotFoundError:
            return False

    kill_when(start(), lambda: in_the_middle_of(1, 6))
    assert not (folder / "data/predictions").exists()
    done = unfinished / "fold_0_0.csv"
    written = done.stat().st_mtime_ns
    again = start()
    while (unfinished / f"fold_0_1/member_{member}/place.json").exists():
        time.sleep(0.005)
    assert done.stat().st_mtime_ns == written, "a finished fold was trained again"
    again.join()
    assert again.exitcode == 0
    assert outputs(folder, "bert", "quality") == undisturbed
    assert not unfinished.exists()


def test_folds_of_another_recipe_are_not_taken(study) -> None:
    folder = study(epochs=2)
    train.main(*TASK)
    expected = outputs(folder, "bert", "quality")
    study(epochs=30)
    unfinished = folder / "data/unfinished/bert/quality"
    kill_when(start(), lambda: (unfinished / "fold_0_0.csv").is_file())
    study(epochs=2)
    train.main(*TASK)
    assert outputs(folder, "bert", "quality") == expected


def test_folds_together_go_on_after_a_kill(study) -> None:
    """All of them at the epoch they had reached; a kill between two bookmarks may round."""
    folder = study(engine="stacked", epochs=40)
    train.main(*TASK)
    table = folder / "data/predictions/bert/quality.csv"
    undisturbed, files = read_table(table), outputs(folder, "bert", "quality").keys()
    for path in ("data/predictions", "data/models", "plots"):
        shutil.rmtree(folder / path)
    places = [
        folder / f"data/unfinished/bert/quality/fold_0_{n}/member_0/place.json" for n in (0, -1)
    ]
    kill_when(start(), lambda: all(place.is_file() for place in places))
    assert not table.exists()
    history = json.loads(places[0].read_text(encoding="utf-8"))["history"]
    assert 1 <= len(history) < 40
    train.main(*TASK)
    again = read_table(table)
    assert again["score"].to_numpy() == pytest.approx(undisturbed["score"].to_numpy(), abs=1e-4)
    assert outputs(folder, "bert", "quality").keys() == files
    curve = read_table(folder / "plots/history/bert/quality.csv")
    first = curve[curve["fold"] == 0]["train_loss"].to_numpy()
    assert first[: len(history)] == pytest.approx([h["train_loss"] for h in history], abs=1e-6)
