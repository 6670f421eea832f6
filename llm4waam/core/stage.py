"""How every stage script starts and how it ends when the user made a mistake."""

import logging
import os
import sys
from collections.abc import Callable

from llm4waam.core.errors import StudyError
from llm4waam.core.escapes import visible


class _Line(logging.Formatter):
    """What is logged holds texts of users: none of them moves the cursor of a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def run_stage(main: Callable[..., None], *arguments: str) -> None:
    """Run a stage with logging on; a StudyError ends it with one line and exit status 1.

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
