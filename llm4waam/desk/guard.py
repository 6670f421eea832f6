"""What every request to the desk passes: password, names, size; and what every answer carries."""

import base64
import json
import logging
import secrets
from urllib.parse import urlsplit

from llm4waam.core.escapes import short

STARTUP = "/gradio_api/startup-events"
MAX_BODY = 12 * 2**20  # bytes of a request; a table may have 10 MB
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
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
        self._started = False

    async def __call__(self, scope: dict, receive: object, send: object) -> None:
        """Answer one request of the ASGI protocol."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing of the desk needs a socket of another kind
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1")
                   for name, value in scope["headers"]}  # fmt: skip
        if self.hosts and _host(headers.get("host", "")) not in self.hosts:
            await _refuse(send, 421, "this is not the name of the desk")
        elif _from_elsewhere(headers):
            await _refuse(send, 403, "only pages of the desk itself may ask it")
        elif not self._starts(scope) and not self._allowed(headers.get("authorization", "")):
            ask = {"WWW-Authenticate": 'Basic realm="llm4waam desk", charset="UTF-8"'}
            await _refuse(send, 401, "the password is needed; any user name will do", ask)
        elif not headers.get("content-length", "0").isdecimal() or (
            int(headers.get("content-length", "0")) > MAX_BODY
        ):
            await _refuse(send, 413, f"at most {MAX_BODY // 2**20} MB are taken")
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: dict, receive: object, send: object) -> None:
        """Let the app answer; what it cannot take is one line here and for who asked."""
        begun = False

        async def sent(message: dict) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = message | {"headers": [*message.get("headers", []), *own]}
            begun = True
            await send(message)

        try:
            await self.app(scope, _limited(receive), sent)
        except Exception as error:
            said = " ".join(str(error).split()) or type(error).__name__
            logging.error("%s %s: %s", scope["method"], short(scope["path"]), short(said))
            logging.debug("how that came", exc_info=True)
            if not begun:
                await _refuse(send, 500, f"this could not be answered: {short(said)}")

    def _starts(self, scope: dict) -> bool:
        """Whether this is how Gradio starts: it calls itself once, and knows no password."""
        starts = scope["path"] == STARTUP and not self._started
        self._started |= starts
        return starts

    def _allowed(self, said: str) -> bool:
        if not self.password:
            return True
        kind, _, value = said.partition(" ")
        if kind.lower() == "bearer":
            given = value
        elif kind.lower() == "basic":
            try:
                _, _, given = base64.b64decode(value, validate=True).decode().partition(":")
            except ValueError:  # no Base64, no ASCII or no UTF-8
                return False
        else:
            return False
        return secrets.compare_digest(given.encode(), self.password.encode())


def _host(header: str) -> str:
    """The name without the port: "[::1]:7860" is "::1"."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].lower()


def _from_elsewhere(headers: dict[str, str]) -> bool:
    """Whether a browser asks for a page of another site, which may not use the reader's desk."""
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()


async def _refuse(
    send: object, status: int, line: str, headers: dict[str, str] | None = None
) -> None:
    """One line, in the form in which Gradio's page and its client of Python look for one."""
    told = HEADERS | {"Content-Type": "application/json"} | (headers or {})
    pairs = [(name.encode(), value.encode()) for name, value in told.items()]
    body = json.dumps({"error": line, "detail": line}).encode() + b"\n"
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


def _limited(receive: object) -> object:
    """`receive`, of which no more than MAX_BODY bytes are taken, whatever the request announced."""
    taken = 0

    async def limited() -> dict:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        return message if taken <= MAX_BODY else {"type": "http.disconnect"}

    return limited
