"""What comes through a pipe, as a file: a table is read more than once, a pipe can be only once."""

import atexit
import shutil
import stat
import sys
import tempfile
from pathlib import Path

from llm4waam.core.errors import StudyError

STDIN = ("-", "/dev/stdin")
MOST = 1 << 30  # bytes
PART = 1 << 20


def as_file(path: Path) -> Path:
    """`path`, or a copy of what it brings where it is a pipe, a terminal or the standard input.

    The copy has the ending that its first character tells, and is removed at the end of the
    program. Raises StudyError for more than a gigabyte.
    """
    name = str(path)
    try:
        mode = path.stat().st_mode
    except OSError:
        mode = 0
    if name not in STDIN and not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return path
    folder = Path(tempfile.mkdtemp(prefix="llm4waam-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    stem = "stdin" if name in STDIN else path.name
    copy, size = folder / stem, 0
    pipe = sys.stdin.buffer if name in STDIN else path.open("rb")
    with pipe, copy.open("wb") as target:
        while part := pipe.read(PART):
            size += len(part)
            if size > MOST:
                raise StudyError(path, "more than a gigabyte comes through the pipe")
            target.write(part)
    with copy.open("rb") as file:
        first = file.read(PART).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    ending = {b"{": ".jsonl", b"[": ".json"}.get(first, ".csv")
    return copy.rename(copy.with_name(stem + ending))
