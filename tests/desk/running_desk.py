"""A running desk over the tiny final models of the tests."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("gradio", reason="requirements-desk.txt is not installed")

BEAD = {
    "material": "316L",
    "transfer_mode": "CMT",
    "wire_feed_speed_m_min": "7 m/min",
    "travel_speed_mm_s": "30 cm/min",
    "bead_length_mm": "100",
}
ADDRESS = re.compile(r"the desk is at (http://\S+)")


@contextmanager
def running(folder: Path, *options: str, **environment: str) -> Iterator[str]:
    """A desk in a process of its own; yields its address, and ends it."""
    command = [sys.executable, "-m", "llm4waam.commands.main", "desk", "--no-browser", *options]
    with subprocess.Popen(
        command, cwd=folder, stderr=subprocess.PIPE, text=True, env=os.environ | environment
    ) as process:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if found := ADDRESS.search(line):
                break
        else:
            raise AssertionError("".join(lines))
        # Else a full pipe would stop it.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        try:
            yield found[1]
        finally:
            process.terminate()
            assert process.wait(timeout=20) == 0


@pytest.fixture(scope="module")
def address(final_models: Path) -> Iterator[str]:
    """The address of a desk that is running while the tests of a file are."""
    with running(final_models) as found:
        yield found


@pytest.fixture
def desk(study):  # noqa: ARG001
    """The desk itself, without a server."""
    from llm4waam.desk.answers import open_desk

    return open_desk()


@pytest.fixture
def tool(desk) -> Callable[[str], Callable]:
    """A function: the tool of a name."""
    from llm4waam.desk.tools import tools

    by_name = {one.__name__: one for one in tools(desk)}
    return by_name.__getitem__
