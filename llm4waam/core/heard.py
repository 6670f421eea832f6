"""What is logged while something is done for one person, kept for that person."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_listener: ContextVar[list[str] | None] = ContextVar("listener", default=None)


@contextmanager
def heard() -> Iterator[list[str]]:
    """The messages that are logged inside, by this thread alone; they are shown nowhere else."""
    lines: list[str] = []
    token = _listener.set(lines)
    try:
        yield lines
    finally:
        _listener.reset(token)


def _keep(record: logging.LogRecord) -> bool:
    """A filter of the root logger, by which the library logs: False where somebody listens."""
    lines = _listener.get()
    if lines is not None:
        lines.append(record.getMessage())
    return lines is None


logging.getLogger().addFilter(_keep)
