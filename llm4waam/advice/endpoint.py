"""A language model behind an address that speaks OpenAI's chat completions."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

import requests

from llm4waam.advice.failures import RewriteError

LARGEST = 256 * 1024  # bytes of an answer


@dataclass(frozen=True)
class EndpointRewriter:
    """POST {url}/chat/completions, at temperature 0, in at most `timeout` seconds all in all."""

    url: str = field(repr=False)
    model: str
    key: str = field(default="", repr=False)
    timeout: float = 20.0
    tokens: int = 1024

    def rewrite(self, prompt: list[dict[str, str]]) -> str:
        """The model's answer; raises RewriteError for any other than a whole one.

        A redirect is not followed: the key is for this address alone.
        """
        # requests' own timeout is of each read, and a server may drip; so a thread is left behind.
        answer: dict[str, str | Exception] = {}

        def ask() -> None:
            try:
                answer["text"] = _content(self._ask(prompt))
            except Exception as error:
                answer["error"] = error

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(self.timeout)
        error = answer.get("error")
        if isinstance(error, requests.Timeout) or not answer:
            raise RewriteError(f"no answer within {self.timeout:g} s")
        if isinstance(error, RewriteError):
            raise error
        if error is not None:  # its message may hold the address or the key
            raise RewriteError(f"the request failed ({type(error).__name__})")
        return answer["text"]

    def _ask(self, prompt: list[dict[str, str]]) -> bytes:
        end = monotonic() + self.timeout
        body = {
            "model": self.model,
            "messages": prompt,
            "temperature": 0,
            "max_tokens": self.tokens,
            "stream": False,
        }
        with requests.post(
            self.url.rstrip("/") + "/chat/completions",
            json=body,
            auth=self._authorise(),
            timeout=self.timeout,
            allow_redirects=False,
            stream=True,
        ) as response:
            if response.status_code != 200:
                raise RewriteError(f"HTTP status {response.status_code}")
            received = bytearray()
            for chunk in response.iter_content(8192):
                received += chunk
                if len(received) > LARGEST:
                    raise RewriteError(f"the answer is larger than {LARGEST} bytes")
                if monotonic() > end:
                    raise RewriteError(f"no answer within {self.timeout:g} s")
        return bytes(received)

    def _authorise(self) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
        """Also without a key, as requests would else look for a password in ~/.netrc."""

        def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
            if self.key:
                request.headers["Authorization"] = f"Bearer {self.key}"
            return request

        return sign


def _content(body: bytes) -> str:
    """The text of a chat completion; raises RewriteError where it is not a whole one."""
    try:
        choice = json.loads(body)["choices"][0]
        text, end = choice["message"]["content"], choice.get("finish_reason")
        refusal = choice["message"].get("refusal")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise RewriteError("the answer is no chat completion") from None
    if refusal:
        raise RewriteError("the model refused")
    if end == "length":
        raise RewriteError("the answer is truncated")
    if end != "stop":
        raise RewriteError("the answer did not end by itself")
    if not isinstance(text, str) or not text.strip():
        raise RewriteError("the answer is empty")
    return text
