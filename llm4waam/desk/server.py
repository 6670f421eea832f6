"""The desk as a server: for this machine unless asked otherwise, with nothing from outside.

Gradio serves the page, the API and the tools. What it would send or fetch (usage figures, fonts, a
public link) is turned off, and `guard` stands before everything that it answers.
"""

import contextlib
import errno
import importlib.util
import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
import webbrowser
from collections.abc import Iterator
from pathlib import Path

from llm4waam.core.errors import StudyError

HERE = "127.0.0.1"
LOOPBACK = (HERE, "localhost", "::1")
# Ctrl-C, a service that is stopped, and a terminal that is closed (Windows knows no SIGHUP).
ENDINGS = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
LOOK_S = 0.2  # how soon an ending is seen


def serve(
    encoder: str | None, host: str, port: int | None, password: str | None, *, browser: bool
) -> None:
    """Open the desk and answer until it is interrupted.

    Raises StudyError where Gradio is not installed, where there are no final models, and where the
    port is taken.
    """
    for library in ("gradio", "mcp"):
        if importlib.util.find_spec(library) is None:
            reason = "the desk needs a library that is not installed"
            raise StudyError(library, reason, expected="make desk, which installs it")
    if host not in LOOPBACK and not password:
        logging.warning(
            "%s is open to the network and there is no --password: whoever reaches this machine "
            "may ask the models and send them tables", host,
        )  # fmt: skip
    for name in ("httpx", "mcp"):  # of each request; what goes wrong is a warning
        logging.getLogger(name).setLevel(logging.WARNING)
    with (
        contextlib.suppress(KeyboardInterrupt),
        _endings() as ended,
        _own_folder(),
        _running(encoder, host, port, password, ended) as url,
    ):
        logging.info("the desk is at %s (Ctrl-C ends it)", url)
        logging.info("tools for assistants (MCP): %sgradio_api/mcp/", url)
        if browser:
            webbrowser.open(url)
        _wait(ended)


@contextlib.contextmanager
def _endings() -> Iterator[list[int]]:
    """The signals that asked the desk to end; who waits for one looks at the list.

    No exception is raised at the first: in the middle of a library that is starting it may get
    lost, and the desk would go on. A second signal ends the process as it always does.
    """
    asked: list[int] = []
    before = {one: signal.getsignal(one) for one in ENDINGS}

    def ask(number: int, _: object) -> None:
        asked.append(number)
        signal.signal(number, before[number])

    for one in ENDINGS:
        signal.signal(one, ask)
    try:
        yield asked
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _wait(ended: list[int]) -> None:
    while not ended:
        time.sleep(LOOK_S)


def _end_if_asked(ended: list[int]) -> None:
    if ended:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _own_folder() -> Iterator[None]:
    """A folder for uploaded tables that goes when the desk ends, and none of Gradio's switches.

    Gradio takes many from the environment, such as GRADIO_SHARE: what the desk does must not depend
    on what stands there. A proxy is not needed for what never leaves this machine, and Gradio would
    look for the desk behind it.
    """
    for name in list(os.environ):
        if name.startswith("GRADIO_") or name.lower().endswith("_proxy"):
            del os.environ[name]
    folder = tempfile.mkdtemp(prefix="llm4waam-desk-")
    uploaded = str(Path(folder) / "uploaded")
    os.environ |= {"GRADIO_TEMP_DIR": uploaded, "GRADIO_ANALYTICS_ENABLED": "False"}
    tempfile.tempdir = folder  # for every other file that is not kept
    try:
        yield
    finally:
        tempfile.tempdir = None
        shutil.rmtree(folder, ignore_errors=True)


def _require_place(host: str, port: int | None) -> None:
    """Raise StudyError where nobody can listen at `host`, or not at its `port`."""
    try:
        [(family, *_, address), *_] = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, os.name == "posix")
            tried.bind(address)
    except (OSError, UnicodeError) as error:
        place, expected = f"host {host}", "a name or an address of this machine"
        if port and getattr(error, "errno", None) in (errno.EADDRINUSE, errno.EACCES):
            place, expected = f"port {port}", "--port with a free one"
        said = getattr(error, "strerror", None) or str(error)
        raise StudyError(place, said, expected=expected) from None


@contextlib.contextmanager
def _running(
    encoder: str | None, host: str, port: int | None, password: str | None, ended: list[int]
) -> Iterator[str]:
    """The running server; yields its address.

    Raises KeyboardInterrupt between two steps where `ended` is not empty any more.
    """
    _require_place(host, port)
    # Seconds, and not before the environment is as it should be.
    from llm4waam.desk.answers import open_desk

    _end_if_asked(ended)
    desk = open_desk(encoder)
    _end_if_asked(ended)
    for line in desk.warnings:
        logging.warning("%s", line)
    from starlette.middleware import Middleware

    from llm4waam.desk.guard import Guard
    from llm4waam.desk.page import build_page
    from llm4waam.desk.site import launch

    hosts = tuple({*LOOPBACK, host}) if host in LOOPBACK else None
    guard = Middleware(Guard, password=password, hosts=hosts)
    page = build_page(desk)
    _end_if_asked(ended)
    try:
        url = launch(page, host, port, guard)
    except OSError as error:  # no port from 7860 on is free, or it was taken meanwhile
        said = " ".join(str(error).split())
        raise StudyError(f"port {port}", said, expected="--port with a free one") from None
    threading.Thread(target=desk.warm_up, daemon=True).start()
    try:
        _end_if_asked(ended)
        yield url
    finally:
        desk.close()
        page.close(verbose=False)
