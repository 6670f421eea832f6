"""How every stage script starts and how it ends when the user made a mistake."""

import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from llm4waam.core.errors import StudyError
from llm4waam.core.settings import PARAMS_FILE

LOCKS = Path("data/unfinished/locks")
WAIT_S = 10.0  # for a stage that is just ending: its DVC is gone


def run_stage(main: Callable[..., None], *arguments: str) -> None:
    """Run a stage: alone of its kind in this folder, and no longer than the DVC that started it.

    Ends as `run_command` when the user made a mistake.
    """
    try:
        run_command(_run_alone, main, *arguments)
    except KeyboardInterrupt:
        sys.exit("interrupted; run it again: finished folds are kept")


def run_command(main: Callable[..., None], *arguments: object) -> None:
    """Run with logging on; a StudyError ends it with one line and exit status 1."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        main(*arguments)
    except StudyError as error:
        sys.exit(f"error: {error}")


def _run_alone(main: Callable[..., None], *arguments: str) -> None:
    # Only here: a command on a machine that has the models alone needs neither.
    from llm4waam.core.processes import leave_with_caller

    if os.environ.get("DVC_STAGE"):
        leave_with_caller()
    with _alone("-".join([Path(sys.argv[0]).stem, *arguments])):
        main(*arguments)


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Hold the lock of this name, which the system takes back when the process dies.

    Raises StudyError where another process keeps it.
    """
    from filelock import FileLock, Timeout

    if not PARAMS_FILE.is_file():  # not the folder of a study: nothing is made in it
        yield
        return
    file = LOCKS / (re.sub(r"[^\w.-]", "_", name) + ".lock")
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(file).acquire(timeout=WAIT_S)
    except Timeout:
        reason = "another process is at the same work in this folder"
        raise StudyError(file, reason, expected="to be run again when that has ended") from None
    with lock:
        yield
