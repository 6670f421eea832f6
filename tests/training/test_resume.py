"""A training killed at any moment goes on with the next fold and ends in the same bytes."""

import multiprocessing
import os
import shutil
import signal
import threading
import time
from multiprocessing.process import BaseProcess

import pytest
from conftest import outputs
from tqdm import tqdm

from llm4waam.core import unfinished
from llm4waam.core.errors import StudyError
from llm4waam.core.processes import Work, share_out
from llm4waam.training import save
from stages import train

TASK = ("bert", "quality")


@pytest.fixture
def study(ready):
    """Epochs enough to be killed between two of them."""
    return lambda **changes: ready(**({"epochs": 15} | changes))


def start() -> BaseProcess:
    """A training in the folder entered, as a process of its own: forked, with torch imported."""

    def run() -> None:
        # Killed while it draws its bar, it would keep the lock that all processes share for ever.
        tqdm.set_lock(threading.RLock())
        train.main(*TASK)

    process = multiprocessing.get_context("fork").Process(target=run)
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


@pytest.mark.parametrize("changes", [{}, {"selection": "inner", "patience": 50, "seeds": 2}])
def test_a_killed_training_goes_on_and_ends_in_the_same_bytes(study, changes: dict) -> None:
    folder = study(**changes)
    train.main(*TASK)
    undisturbed = outputs(folder, "bert", "quality")
    for path in ("data/predictions", "data/models", "plots"):
        shutil.rmtree(folder / path)
    unfinished = folder / "data/unfinished/bert/quality"
    done = [unfinished / f"fold_0_{fold}.json" for fold in (0, 1)]
    kill_when(start(), lambda: all(file.is_file() for file in done))
    assert not (folder / "data/predictions").exists()
    written = [file.stat().st_mtime_ns for file in done]
    again = start()
    while again.is_alive() and not (unfinished / "fold_0_2.json").exists():
        time.sleep(0.005)
    assert [file.stat().st_mtime_ns for file in done] == written, "a finished fold was fitted again"
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
    kill_when(start(), lambda: (unfinished / "fold_0_0.json").is_file())
    study(epochs=2)
    train.main(*TASK)
    assert outputs(folder, "bert", "quality") == expected


def test_a_model_that_is_taken_again_tells_the_title_of_the_card_as_it_is(study) -> None:
    folder = study(epochs=1)
    card, page = folder / "data/raw/small.yaml", folder / "data/models/bert/quality/README.md"
    with pytest.MonkeyPatch.context() as patch:
        ended = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)  # noqa: E731
        patch.setattr(save.ModelFolder, "finish", ended)
        with pytest.raises(KeyboardInterrupt):
            train.main(*TASK)
    assert (folder / "data/unfinished/bert/quality/model/README.md").is_file()
    text = card.read_text(encoding="utf-8")
    title = next(line for line in text.splitlines() if line.startswith("title: "))
    card.write_text(text.replace(title, "title: Another title"), encoding="utf-8")
    train.main(*TASK)
    assert "Another title" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("what", ["params.yaml", "data/text/prompts.jsonl", "the code"])
def test_a_training_whose_inputs_have_changed_writes_nothing(study, monkeypatch, what: str) -> None:
    """DVC would take the outcome of the old inputs for that of the new ones."""
    folder, real = study(epochs=1), train.fit_task

    def changed_after(*given: object):
        yield from real(*given)
        if what == "the code":
            monkeypatch.setattr(unfinished, "code_hash", lambda _: "other")
        elif what == "params.yaml":
            study(epochs=2)
        else:
            text = (folder / what).read_text(encoding="utf-8")
            (folder / what).write_text(text.replace("speed is", "speed was"), encoding="utf-8")

    monkeypatch.setattr(train, "fit_task", changed_after)
    with pytest.raises(StudyError, match=r"changed while the stage ran.*dvc repro again"):
        train.main(*TASK)
    for name in ("predictions", "models"):
        assert not (folder / "data" / name).exists()


def test_a_killed_worker_is_one_line() -> None:
    line = "2 workers: one was killed.* expected to be run again"
    with pytest.raises(StudyError, match=line):
        list(share_out(Work(_die, "deaths"), [1, 2], 2))


def _die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
