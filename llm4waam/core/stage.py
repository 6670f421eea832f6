"""How every stage script starts and how it ends when the user made a mistake."""

import logging
import sys
from collections.abc import Callable

from llm4waam.core.errors import StudyError


def run_stage(main: Callable[..., None], *arguments: str) -> None:
    """Run a stage with logging on; a StudyError ends it with one line and exit status 1."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        main(*arguments)
    except StudyError as error:
        sys.exit(f"error: {error}")
