"""The running desk as programs and assistants reach it: API, tools, password, command line."""

import asyncio
import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from running_desk import BEAD, address, desk, running, tool  # noqa: F401

from llm4waam.core.files import rounded
from llm4waam.desk import server

NAMES = ["read_log", "predict_bead", "explain_bead", "advise_bead", "process_map", "card"]
LOG = "316L, CMT, WFS 7 m/min, TS 30 cm/min, bead 100 mm"


def assistant(address: str, ask: Callable, headers: dict | None = None) -> object:
    """What a client of the Model Context Protocol gets; `ask` is a coroutine of its session."""
    import httpx
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def talk() -> object:
        async with (
            httpx.AsyncClient(headers=headers, timeout=60) as client,
            streamable_http_client(f"{address}gradio_api/mcp/", http_client=client) as (
                read, write, _,
            ),
            ClientSession(read, write) as session,
        ):  # fmt: skip
            await session.initialize()
            return await ask(session)

    return asyncio.run(talk())


def test_an_assistant_finds_the_tools_and_what_they_need(address: str) -> None:
    listed = assistant(address, lambda session: session.list_tools()).tools
    assert [one.name for one in listed] == NAMES
    by_name = {one.name: one for one in listed}
    predict = by_name["predict_bead"]
    assert predict.inputSchema["required"] == ["bead"]
    assert predict.inputSchema["properties"]["bead"]["type"] == "object"
    assert predict.inputSchema["properties"]["language"]["enum"] == ["en", "ko"]
    for unit in ("J/mm", "0 to 1", "90 %"):
        assert unit in predict.description
    assert all(len(one.description) > 80 and "Returns:" in one.description for one in listed)
    arguments = by_name["read_log"].inputSchema["properties"]["text"]
    assert arguments["description"] == "the log of one bead, at most 5,000 letters."


def test_an_assistant_a_program_and_a_function_get_the_same(address: str, tool) -> None:
    from gradio_client import Client

    client = Client(address, verbose=False)
    asked = {"read_log": {"text": LOG}, "card": {}}

    async def ask_all(session: object) -> dict:
        return {n: await session.call_tool(n, asked.get(n, {"bead": BEAD})) for n in NAMES}

    for name, found in assistant(address, ask_all).items():
        assert not found.isError
        [content] = found.content
        expected = json.loads(json.dumps(rounded(tool(name)(**asked.get(name, {"bead": BEAD})))))
        assert json.loads(content.text) == expected
        assert client.predict(**asked.get(name, {"bead": BEAD}), api_name=f"/{name}") == expected


def test_a_mistake_of_the_asker_is_one_line_everywhere(address: str) -> None:
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    bead = BEAD | {"travel_speed_mm_s": "99"}
    line = "bead: travel_speed_mm_s: 99: outside 1 to 30 mm/s"
    ask = lambda session: session.call_tool("predict_bead", {"bead": bead})  # noqa: E731
    found = assistant(address, ask)
    assert found.isError
    assert found.content[0].text.strip("'") == line
    with pytest.raises(AppError, match=f"^{line}$"):
        Client(address, verbose=False).predict(bead=bead, api_name="/predict_bead")


def test_the_page_asks_nobody_else_and_says_so(address: str) -> None:
    import httpx

    got = httpx.get(address)
    assert got.status_code == 200
    policy = got.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert httpx.get(address, headers={"Host": "evil.example"}).status_code == 421
    assert httpx.get(f"{address}plots/../params.yaml").status_code == 404
    assert httpx.get(f"{address}gradio_api/file=params.yaml").status_code in (403, 404)


def test_without_the_password_nothing_is_answered(final_models: Path) -> None:
    import httpx
    from gradio_client import Client

    with running(final_models, LLM4WAAM_DESK_PASSWORD="weld 용접") as address:
        for path in ("", "config", "gradio_api/info", "gradio_api/mcp/schema", "gradio_api/mcp/",
                     "plots/report/report.html", "theme.css", "gradio_api/upload"):  # fmt: skip
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic !"}):
                got = httpx.post(address + path, headers=headers)
                assert (got.status_code, "password" in got.text) == (401, True), path
                assert httpx.get(address + path, headers=headers).status_code == 401
        user = httpx.BasicAuth("welder", "weld 용접".encode())
        assert httpx.get(address, auth=user).status_code == 200
        headers = {"Authorization": user._auth_header}
        client = Client(address, verbose=False, headers=headers)
        assert client.predict(api_name="/card")["encoder"] == "bert"
        found = assistant(address, lambda session: session.call_tool("card", {}), headers)
        assert json.loads(found.content[0].text)["encoder"] == "bert"


@pytest.mark.parametrize(
    ("host", "password", "warned"),
    [("127.0.0.1", None, False), ("0.0.0.0", None, True), ("0.0.0.0", "x", False)],
)
def test_an_open_host_without_a_password_is_a_warning(
    host: str, password: str | None, warned: bool, monkeypatch, caplog
) -> None:
    monkeypatch.setattr(server, "_running", lambda *_: nullcontext("http://x/"))
    monkeypatch.setattr(server, "_wait", lambda _: None)
    with caplog.at_level(logging.WARNING):
        server.serve(None, host, None, password, browser=False)
    assert ("is open to the network" in caplog.text) == warned


def test_without_models_it_says_what_to_run(final_models: Path, tmp_path: Path) -> None:
    for name in ("params.yaml", "data/raw", "data/clean", "data/split"):
        source = final_models / name
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True, parents=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    command = [sys.executable, "-m", "llm4waam.commands.main", "desk", "--no-browser"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "dvc repro" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_taken_port_is_one_line(address: str, final_models: Path) -> None:
    port = address.rstrip("/").rpartition(":")[2]
    command = [sys.executable, "-m", "llm4waam.commands.main", "desk", "--no-browser"]
    done = subprocess.run(
        [*command, "--port", port], cwd=final_models, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: port {port}: ")
