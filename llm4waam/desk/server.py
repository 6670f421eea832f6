"""The desk as a server: for this machine unless asked otherwise, with nothing from outside.

Gradio serves the page, the API and the tools. What it would send or fetch (usage figures, fonts, a
public link) is turned off, and a policy of the page forbids the browser every other host.
"""

import base64
import binascii
import contextlib
import importlib.util
import logging
import os
import secrets
import shutil
import signal
import tempfile
import threading
import webbrowser
from collections.abc import Iterator
from pathlib import Path

from llm4waam.core.errors import StudyError

HERE = "127.0.0.1"
LOOPBACK = (HERE, "localhost", "::1")
MAX_BODY = 12 * 2**20  # bytes of a request; a table may have 10 MB
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
# What Gradio asks itself when it starts; it answers "true", and nothing else.
STARTED = "/gradio_api/startup-events"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


class Guard:
    """What every request passes: the password, a limit of its size, headers of the answer.

    It stands before everything that Gradio answers, the page, its files, the API and the tools for
    assistants alike. The name of the user is not looked at. `hosts` are the names under which the
    server may be called; None allows all. (Another name may be that of a page of somebody else,
    which was made to lead here.)
    """

    def __init__(self, app: object, password: str | None, hosts: tuple[str, ...] | None) -> None:
        """`app` is what answers where nothing is wrong."""
        self.app, self.password, self.hosts = app, password, hosts

    async def __call__(self, scope: dict, receive: object, send: object) -> None:
        """Answer one request of the ASGI protocol."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # nothing of the desk needs a socket of another kind
        headers = {name.decode("latin-1").lower(): value.decode("latin-1")
                   for name, value in scope["headers"]}  # fmt: skip
        if self.hosts and _host(headers.get("host", "")) not in self.hosts:
            await _refuse(send, 421, "this is not the name of the desk")
        elif not (scope["path"] == STARTED or self._allowed(headers.get("authorization", ""))):
            ask = {"WWW-Authenticate": 'Basic realm="llm4waam desk", charset="UTF-8"'}
            await _refuse(send, 401, "the password is needed; any user name will do", ask)
        elif not headers.get("content-length", "0").isdecimal() or (
            int(headers.get("content-length", "0")) > MAX_BODY
        ):
            await _refuse(send, 413, f"at most {MAX_BODY // 2**20} MB are taken")
        else:
            await self.app(scope, _limited(receive), _with_headers(send))

    def _allowed(self, said: str) -> bool:
        if not self.password:
            return True
        kind, _, value = said.partition(" ")
        if kind.lower() == "bearer":
            given = value
        elif kind.lower() == "basic":
            try:
                _, _, given = base64.b64decode(value, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return False
        else:
            return False
        return secrets.compare_digest(given.encode(), self.password.encode())


def _host(header: str) -> str:
    """The name without the port: "[::1]:7860" is "::1"."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].lower()


async def _refuse(
    send: object, status: int, line: str, headers: dict[str, str] | None = None
) -> None:
    told = HEADERS | {"Content-Type": "text/plain; charset=utf-8"} | (headers or {})
    pairs = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": f"{line}\n".encode()})


def _limited(receive: object) -> object:
    """`receive`, of which no more than MAX_BODY bytes are taken, whatever the request announced."""
    taken = 0

    async def limited() -> dict:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        return message if taken <= MAX_BODY else {"type": "http.disconnect"}

    return limited


def _with_headers(send: object) -> object:
    async def sent(message: dict) -> None:
        if message["type"] == "http.response.start":
            own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            message = message | {"headers": [*message.get("headers", []), *own]}
        await send(message)

    return sent


def serve(
    encoder: str | None, host: str, port: int | None, password: str | None, *, browser: bool
) -> None:
    """Open the desk and answer until it is interrupted.

    Raises StudyError where Gradio is not installed, where there are no final models, and where the
    port is taken.
    """
    if importlib.util.find_spec("gradio") is None:
        reason = "the desk needs a library that is not installed"
        raise StudyError("gradio", reason, expected="make desk, which installs it")
    if host not in LOOPBACK and not password:
        logging.warning(
            "%s is open to the network and there is no --password: whoever reaches this machine "
            "may ask the models and send them tables", host,
        )  # fmt: skip
    for name in ("httpx", "mcp"):  # of each request; what goes wrong is a warning
        logging.getLogger(name).setLevel(logging.WARNING)
    with _own_folder(), _running(encoder, host, port, password) as url:
        logging.info("the desk is at %s (Ctrl-C ends it)", url)
        logging.info("tools for assistants (MCP): %sgradio_api/mcp/", url)
        if browser:
            webbrowser.open(url)
        ended = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
        with contextlib.suppress(KeyboardInterrupt):
            ended.wait()


@contextlib.contextmanager
def _own_folder() -> Iterator[None]:
    """A folder for uploaded tables that goes when the desk ends, and none of Gradio's switches.

    Gradio takes many from the environment, such as GRADIO_SHARE: what the desk does must not depend
    on what stands there.
    """
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]
    folder = Path(tempfile.mkdtemp(prefix="llm4waam-desk-"))
    os.environ |= {"GRADIO_TEMP_DIR": str(folder), "GRADIO_ANALYTICS_ENABLED": "False"}
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _running(
    encoder: str | None, host: str, port: int | None, password: str | None
) -> Iterator[str]:
    """The running server; yields its address."""
    # Seconds, and not before the environment is as it should be.
    from llm4waam.desk.answers import open_desk

    desk = open_desk(encoder)
    for line in desk.warnings:
        logging.warning("%s", line)
    from starlette.middleware import Middleware

    from llm4waam.desk.page import build_page
    from llm4waam.desk.site import launch

    hosts = tuple({*LOOPBACK, host}) if host in LOOPBACK else None
    guard = Middleware(Guard, password=password, hosts=hosts)
    page = build_page(desk)
    try:
        url = launch(page, host, port, guard)
    except OSError as error:
        expected = "--port with a free one"
        raise StudyError(f"port {port}", str(error).splitlines()[0], expected=expected) from None
    threading.Thread(target=desk.warm_up, daemon=True).start()
    try:
        yield url
    finally:
        page.close(verbose=False)
