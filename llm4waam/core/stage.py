"""How every stage script starts and how it ends when the user made a mistake."""

import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from llm4waam.core.errors import StudyError
from llm4waam.core.escapes import visible
from llm4waam.core.settings import PARAMS_FILE

LOCKS = Path("data/unfinished/locks")
WAIT_S = 10.0  # for a stage that is just ending: its DVC is gone


class _Line(logging.Formatter):
    """What is logged holds texts of users: none of them moves the cursor of a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def run_stage(main: Callable[..., None], *arguments: str) -> None:
    """Run a stage: alone of its kind in this folder, and no longer than the DVC that started it.

    Ends as `run_command` when the user made a mistake.
    """
    try:
        run_command(_run_alone, main, *arguments)
    except KeyboardInterrupt:
        sys.exit("interrupted; run it again: finished folds are kept")


def run_command(main: Callable[..., None], *arguments: object) -> None:
    """Run with logging on; a StudyError ends it with one line and exit status 1.

    So does what the machine refuses, such as a full disk. Where nobody reads the output any more
    (`| head`) it ends without a word, and with the same status.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    try:
        try:
            main(*arguments)
        except SystemExit:
            sys.stdout.flush()
            raise
        sys.stdout.flush()
    except StudyError as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:
        _give_up_output()
        sys.exit(1)
    except OSError as error:
        _give_up_output()
        place = error.filename if isinstance(error.filename, str) else "the output"
        sys.exit(f"error: {StudyError(place, error.strerror or str(error))}")


def _give_up_output() -> None:
    """Let what is left of the output go nowhere: else Python fails once more when it ends."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # no file of the system stands behind it
        return


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
