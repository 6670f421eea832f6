"""Narration against a real server that speaks the chat-completions protocol, and a tiny model."""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from test_guard import draft

from llm4waam.advice.endpoint import EndpointRewriter
from llm4waam.advice.narrator import Narrated, narrate
from llm4waam.advice.rewriters import LocalRewriter, rewriter_from_environment
from llm4waam.core.errors import StudyError

KEY = "sk-a-secret-of-the-test"
DRAFT = draft("humping")
HONEST = DRAFT.marked.replace("Lower travel speed", "Travel speed should be lowered")
LYING = DRAFT.marked.replace("Lower travel speed", "Raise travel speed")


def completion(text: str | None, end: str = "stop", **more: object) -> bytes:
    message = {"role": "assistant", "content": text} | more
    return json.dumps(
        {"choices": [{"index": 0, "message": message, "finish_reason": end}]}
    ).encode()


class Handler(BaseHTTPRequestHandler):
    """Answers as the last part of the address before /chat/completions says."""

    server: "Server"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, dict(self.headers), json.loads(body)))
        habit = self.path.split("/")[1]
        if habit == "slow":
            self.server.closing.wait(3)
        if habit == "drip":
            self.drip()
        elif habit == "cut":
            self.answer(200, completion(HONEST), declared=10_000)
        elif habit == "elsewhere":
            self.answer(307, b"", Location=f"{self.server.url}/honest/chat/completions")
        else:
            self.answer(*ANSWERS[habit])

    def answer(self, status: int, body: bytes, declared: int = 0, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(declared or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def drip(self) -> None:
        """One header after another, each within the time that a single read may take."""
        self.wfile.write(b"HTTP/1.0 200 OK\r\n")
        for number in range(30):
            if self.server.closing.wait(0.1):
                return
            self.wfile.write(f"X-{number}: drip\r\n".encode())
            self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


ANSWERS = {
    "honest": (200, completion(HONEST)),
    "slow": (200, completion(HONEST)),
    "failing": (500, b"a fault, of the server with " + KEY.encode()),
    "forbidden": (401, b"wrong key " + KEY.encode()),
    "garbage": (200, b"<html>not JSON"),
    "list": (200, b'[{"choices": 1}]'),
    "deep": (200, b"[" * 100_000),
    "empty": (200, completion("  ")),
    "null": (200, completion(None)),
    "truncating": (200, completion(HONEST, end="length")),
    "filtered": (200, completion(HONEST, end="content_filter")),
    "refusing": (200, completion(None, refusal="I cannot help with that")),
    "lying": (200, completion(LYING)),
    "echo": (200, completion(DRAFT.marked)),
    "forging": (200, completion(HONEST + "\nWARNING fake line of a log 7")),
    "huge": (200, completion("[[1]] " * 200_000)),
}


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, dict, dict]] = []
        self.closing = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is meant."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()


@pytest.fixture
def ask(server: Server, caplog: pytest.LogCaptureFixture) -> Callable[[str], Narrated]:
    """A function that narrates with a server of some habit; one line is logged where it fails."""

    def narrated(habit: str, timeout: float = 5.0) -> Narrated:
        caplog.set_level(logging.DEBUG)
        model = EndpointRewriter(f"{server.url}/{habit}", "a-model", KEY, timeout)
        result = narrate(DRAFT, model)
        assert KEY not in caplog.text
        assert KEY not in repr(model)
        ours = [r for r in caplog.records if r.name.startswith("llm4waam")]
        assert len(ours) == (result.origin == "template")
        assert all("\n" not in r.getMessage() for r in ours)
        return result

    return narrated


def test_an_honest_rewrite_stands_with_its_numbers(
    ask: Callable[[str], Narrated], server: Server
) -> None:
    narrated = ask("honest")
    assert narrated.origin == "model"
    assert narrated.reasons == ()
    assert "Travel speed should be lowered from 14.0 mm/s to 9.5 mm/s." in narrated.text
    [(path, headers, body)] = server.seen
    assert path == "/honest/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body["temperature"] == 0
    assert body["model"] == "a-model"
    assert body["messages"][-1] == {"role": "user", "content": DRAFT.marked}


@pytest.mark.parametrize(
    ("habit", "reason"),
    [
        ("failing", "HTTP status 500"),
        ("forbidden", "HTTP status 401"),
        ("garbage", "no chat completion"),
        ("list", "no chat completion"),
        ("deep", "no chat completion"),
        ("empty", "the answer is empty"),
        ("null", "the answer is empty"),
        ("truncating", "the answer is truncated"),
        ("filtered", "did not end by itself"),
        ("refusing", "the model refused"),
        ("cut", "the request failed"),
        ("lying", "direction: change of 'travel speed' goes up"),
        ("echo", "the model changed nothing"),
        ("forging", "markup"),
        ("huge", "larger than"),
        ("elsewhere", "HTTP status 307"),
    ],
)
def test_the_template_stands_where_the_model_fails(
    ask: Callable[[str], Narrated],
    server: Server,
    caplog: pytest.LogCaptureFixture,
    habit: str,
    reason: str,
) -> None:
    narrated = ask(habit)
    assert narrated.origin == "template"
    assert narrated.text == DRAFT.text
    assert reason in " ".join(narrated.reasons)
    assert reason in caplog.text
    assert len(server.seen) == 1


@pytest.mark.parametrize("habit", ["slow", "drip"])
def test_a_slow_server_is_waited_for_no_longer_than_said(
    ask: Callable[..., Narrated], habit: str
) -> None:
    start = time.monotonic()
    narrated = ask(habit, timeout=0.4)
    assert time.monotonic() - start < 1.5
    assert narrated.text == DRAFT.text
    assert narrated.reasons == ("failure: no answer within 0.4 s",)


def test_nobody_at_the_address_is_a_failure_like_any_other() -> None:
    narrated = narrate(DRAFT, EndpointRewriter("http://127.0.0.1:9", "a-model", KEY, 2.0))
    assert narrated.text == DRAFT.text
    assert "the request failed (ConnectionError)" in narrated.reasons[0]


def test_a_key_that_breaks_a_header_is_not_told() -> None:
    narrated = narrate(DRAFT, EndpointRewriter("http://127.0.0.1:9", "m", f"{KEY}\nX: y", 2.0))
    assert narrated.origin == "template"
    assert KEY not in " ".join(narrated.reasons)


def test_no_password_of_a_netrc_goes_out(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert narrate(DRAFT, EndpointRewriter(f"{server.url}/honest", "m")).origin == "model"
    assert "Authorization" not in server.seen[0][1]


def test_without_a_model_the_template_speaks(caplog: pytest.LogCaptureFixture) -> None:
    assert narrate(DRAFT, None) == Narrated(DRAFT.text, "template")
    assert not caplog.records


def test_the_environment_names_the_rewriter(
    monkeypatch: pytest.MonkeyPatch, tiny: Path, tmp_path: Path
) -> None:
    for name in ("URL", "MODEL", "KEY"):
        monkeypatch.delenv(f"NARRATOR_{name}", raising=False)
    assert rewriter_from_environment() is None
    monkeypatch.setenv("NARRATOR_MODEL", str(tiny))
    assert isinstance(rewriter_from_environment(), LocalRewriter)
    monkeypatch.setenv("NARRATOR_URL", "https://example.org/v1")
    monkeypatch.setenv("NARRATOR_KEY", KEY)
    assert isinstance(rewriter_from_environment(), EndpointRewriter)
    monkeypatch.setenv("NARRATOR_KEY", f"{KEY}\nX: y")
    with pytest.raises(StudyError, match="NARRATOR_KEY") as error:
        rewriter_from_environment()
    assert KEY not in str(error.value)
    monkeypatch.setenv("NARRATOR_URL", "file:///etc/passwd")
    with pytest.raises(StudyError, match="NARRATOR_URL is no address"):
        rewriter_from_environment()
    monkeypatch.delenv("NARRATOR_URL")
    monkeypatch.setenv("NARRATOR_MODEL", "a-hub/name")
    with pytest.raises(StudyError, match="no folder"):
        rewriter_from_environment()
    monkeypatch.setenv("NARRATOR_MODEL", str(tmp_path))
    with pytest.raises(StudyError, match="no language model"):
        rewriter_from_environment()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A causal model of one layer with random weights, and its tokenizer."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, set_seed

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>", "<end>"])
    tokenizer.train_from_iterator([DRAFT.marked] * 3, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<end>")
    set_seed(1)
    ends = {"bos_token_id": 1, "eos_token_id": 1}
    size = {"n_layer": 1, "n_head": 2, "n_embd": 16, "n_positions": 2048}
    folder = tmp_path_factory.mktemp("tiny")
    GPT2LMHeadModel(GPT2Config(vocab_size=len(fast), **size, **ends)).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def test_a_local_model_that_babbles_is_not_heard(tiny: Path) -> None:
    narrated = narrate(DRAFT, LocalRewriter(tiny, tokens=24))
    assert narrated.text == DRAFT.text
    assert narrated.reasons == ("failure: the answer is truncated",)


def test_a_local_model_with_a_chat_template_that_ends_is_guarded(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = LocalRewriter(tiny, tokens=24)
    tokenizer, model = local._loaded
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }} {% endfor %}"
    told = tokenizer.encode("lower travel speed", add_special_tokens=False)

    def generate(input_ids: object, **options: object) -> object:
        import torch

        assert options["do_sample"] is False
        assert options["max_new_tokens"] == 24
        return torch.cat([input_ids, torch.tensor([[*told, 1]])], dim=1)

    monkeypatch.setattr(model, "generate", generate)
    narrated = narrate(DRAFT, local)
    assert narrated.text == DRAFT.text
    assert "marker: [[1]] stands 0 times instead of 1" in narrated.reasons


def test_a_prompt_that_is_too_long_is_refused(tiny: Path) -> None:
    local = LocalRewriter(tiny)
    local._loaded[1].config.n_positions = 16
    assert "too long for the model" in narrate(DRAFT, local).reasons[0]


@pytest.mark.skipif("NARRATOR_URL" not in os.environ, reason="no endpoint is named")
@pytest.mark.parametrize("name", ["humping", "두_변경"])
def test_a_real_endpoint_never_brings_a_new_number(name: str) -> None:
    narrated = narrate(draft(name), rewriter_from_environment())
    assert narrated.origin == "model" or narrated.text == draft(name).text
    assert all(value in narrated.text for value in draft(name).slots.values())
