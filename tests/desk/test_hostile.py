"""What people and programs do to the desk by mistake or on purpose."""

import asyncio
import base64
import io
import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import ROOT

pytest.importorskip("gradio", reason="requirements-desk.txt is not installed")

from llm4waam.advice.wording import in_language
from llm4waam.card.card import read_card
from llm4waam.core.errors import StudyError
from llm4waam.core.files import rounded
from llm4waam.desk import server
from llm4waam.desk.answer_page import PARTS, answer_page
from llm4waam.desk.answers import open_desk, prediction_of
from llm4waam.desk.bead_tab import Form, Input, _example, _from_log
from llm4waam.desk.beads import form_fields, understand
from llm4waam.desk.guard import MAX_BODY, STARTUP, Guard
from llm4waam.desk.page import _one_line
from llm4waam.desk.server import _own_folder, _require_place
from llm4waam.desk.table import MAX_UNPACKED_MB, answer_table, shown_answers
from llm4waam.desk.tools import tools

CARD = read_card(ROOT / "data/raw/waam_beads.yaml")
BEAD = {"material": "316L", "transfer_mode": "CMT", "wire_feed_speed_m_min": "7",
        "travel_speed_mm_s": "5", "bead_length_mm": "100"}  # fmt: skip
HEADER = "material,transfer_mode,wire_feed_speed_m_min,travel_speed_mm_s,bead_length_mm,note"
MARKUP = "<img src=x onerror=alert(1)>"


def english(text: str) -> str | None:
    """English in a Korean line that no user wrote: words of users stand in quotes or brackets."""
    found = re.search(r"[a-z]{2,} [a-z]{2,}", re.sub(r"'.*?'|\".*?\"|\(.*?\)", "", text))
    return found and found[0]


# ------------------------------------------------------------------------------------ requests


async def _app(scope: dict, receive, send) -> None:
    """An app that answers with the size of the body, and fails where it is asked to."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("cut off")
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    if scope["path"] == "/fails":
        raise ValueError("two\nlines")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


def ask(guard: Guard, path: str = "/", body: tuple[bytes, ...] = (b"",), **headers: str) -> tuple:
    """(status, body) of the answer to one request."""
    sent, parts = [], list(body)

    async def receive() -> dict:
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: dict) -> None:
        sent.append(message)

    told = {"host": "127.0.0.1:7860"} | {k.replace("_", "-"): v for k, v in headers.items()}
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in told.items()]
    scope = {"type": "http", "method": "POST", "path": path, "headers": pairs}
    asyncio.run(guard(scope, receive, send))
    names = {name for name, _ in sent[0]["headers"]}
    assert b"Content-Security-Policy" in names
    return sent[0]["status"], sent[1]["body"]


@pytest.mark.parametrize(
    "said",
    ["", "Basic", "Basic !!", "Basic \xff", "Bearer", "Bearer ", "Bearer \xff\xfe", "Digest geheim",
     "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
     "Basic " + base64.b64encode(b"geheim").decode(), "Basic " + "A" * 99_999],
)  # fmt: skip
def test_what_is_no_password_opens_nothing(said: str) -> None:
    guard = Guard(_app, "geheim", None)
    assert ask(guard, authorization=said)[0] == 401


def test_gradio_may_start_once_without_the_password_and_nobody_else() -> None:
    guard = Guard(_app, "geheim", None)
    assert [ask(guard, STARTUP)[0] for _ in range(3)] == [200, 401, 401]
    assert ask(guard, authorization="Bearer geheim")[0] == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://127.0.0.1:7860", 200), ("http://evil.example", 403), ("null", 403), ("", 403),
     ("http://127.0.0.1:7861", 403), ("http://127.0.0.1:7860.evil.example", 403)],
)  # fmt: skip
def test_pages_of_others_may_not_ask(origin: str, status: int) -> None:
    assert ask(Guard(_app, None, server.LOOPBACK), origin=origin)[0] == status


@pytest.mark.parametrize(
    ("host", "status"),
    [("LOCALHOST", 200), ("[::1]:7860", 200), ("evil.example", 421), ("", 421),
     ("127.0.0.1.evil.example", 421), ("127.0.0.1@evil.example", 421)],
)  # fmt: skip
def test_another_name_of_the_desk_is_refused(host: str, status: int) -> None:
    assert ask(Guard(_app, None, server.LOOPBACK), host=host)[0] == status


def test_a_body_is_as_large_as_it_may_be_whatever_is_announced() -> None:
    guard, half = Guard(_app, None, None), b"x" * (MAX_BODY // 2)
    assert ask(guard, body=(half, half)) == (200, str(MAX_BODY).encode())
    assert ask(guard, content_length=str(MAX_BODY + 1))[0] == 413
    assert ask(guard, content_length="-1")[0] == 413
    status, body = ask(guard, body=(half, half, b"x"))
    assert (status, b"cut off" in body) == (500, True)


def test_a_request_that_fails_is_one_line_and_the_next_is_answered(caplog) -> None:
    guard = Guard(_app, None, None)
    status, body = ask(guard, "/fails")
    assert status == 500
    assert json.loads(body)["error"] == "this could not be answered: two lines"
    [record] = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert record.getMessage() == "POST /fails: two lines"
    assert record.exc_info is None
    assert ask(guard)[0] == 200


def test_a_socket_is_closed() -> None:
    sent = []

    async def send(message: dict) -> None:
        sent.append(message)

    asyncio.run(Guard(_app, "geheim", None)({"type": "websocket", "headers": []}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


# ------------------------------------------------------------------------------ starts and ends


def test_nothing_of_the_environment_opens_the_desk_or_leads_it_astray(monkeypatch) -> None:
    for name in ("GRADIO_SHARE", "GRADIO_ALLOWED_PATHS", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "/")
    monkeypatch.setenv("GRADIO_TEMP_DIR", "/")  # is set back after the test
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "True")
    with _own_folder():
        left = {
            name for name in os.environ if name.startswith("GRADIO_") or "proxy" in name.lower()
        }
        assert left == {"GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED"}
        folder = Path(tempfile.gettempdir())
        assert Path(os.environ["GRADIO_TEMP_DIR"]).parent == folder
        Path(tempfile.mkdtemp(), "answers.csv").write_text("1", encoding="utf-8")
    assert not folder.exists()
    assert tempfile.gettempdir() != str(folder)


@pytest.mark.parametrize(
    ("host", "said"), [("999.1.1.1", "host 999.1.1.1: "), ("no.invalid", "host no.invalid: ")]
)
def test_a_host_that_is_none_of_this_machine_is_one_line(host: str, said: str) -> None:
    with pytest.raises(StudyError, match=f"^{re.escape(said)}.*expected a name or an address"):
        _require_place(host, 7999)


def test_a_taken_port_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            StudyError, match=rf"^port {port}: .*; expected --port with a free one$"
        ):
            _require_place("127.0.0.1", port)
    _require_place("127.0.0.1", port)


@pytest.mark.parametrize("library", ["gradio", "mcp"])
def test_a_library_that_is_missing_is_named(library: str, monkeypatch) -> None:
    found = server.importlib.util.find_spec
    monkeypatch.setattr(
        server.importlib.util, "find_spec", lambda name: None if name == library else found(name)
    )
    with pytest.raises(StudyError, match=f"^{library}: .*make desk"):
        server.serve(None, "127.0.0.1", None, None, browser=False)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_desk_that_is_ended_while_it_starts_leaves_nothing(
    ending: signal.Signals, final_models: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "llm4waam.commands.main", "desk", "--no-browser"]
    process = subprocess.Popen(
        command, cwd=final_models, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    for _ in range(600):
        if any(tmp_path.iterdir()):
            break
        time.sleep(0.1)
    process.send_signal(ending)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")
    assert [*tmp_path.iterdir()] == []


# ---------------------------------------------------------------------------------------- beads


@pytest.fixture
def desk(study):  # noqa: ARG001
    """The desk over the tiny final models of the tests."""
    return open_desk()


@pytest.fixture
def asked(desk):
    """A function (tool, arguments): what the API answers, or the line of its error."""
    import gradio as gr

    by_name = {one.__name__: _one_line(one, desk.card) for one in tools(desk)}

    def ask_tool(name: str, *arguments: object) -> object:
        try:
            return by_name[name](*arguments)
        except gr.Error as error:
            return error.message

    return ask_tool


@pytest.mark.parametrize(
    ("tool", "arguments", "line"),
    [
        ("predict_bead", (BEAD, "xx"), "language: 'xx': there is no such; expected one of en, ko"),
        ("predict_bead", (BEAD, None), "language: there is no such; expected one of en, ko"),
        ("predict_bead", (BEAD, ["ko"]), "language: ['ko']: there is no such; expected one of"),
        ("card", ("\ud800",), "language: '\\ud800': there is no such"),
        ("predict_bead", ([1, 2], "ko"), "bead: [1, 2]: 항목별 값이 아님"),
        ("predict_bead", (None, "ko"), "bead: 항목별 값이 아님"),
        ("predict_bead", (MARKUP, "ko"), f"bead: '{MARKUP}': 항목별 값이 아님"),
        ("predict_bead", ({}, "ko"), "bead: 설정값이 하나도 없음"),
        ("predict_bead", (BEAD | {"../../etc/passwd": "1"}, "ko"), "bead: '../../etc/passwd': "),
        ("predict_bead", (BEAD | {"\ud800": "1"}, "ko"), "bead: '\\ud800': 카드에 없는 항목"),
        ("predict_bead", (BEAD | {"material": [1]}, "ko"), "bead: material: [1]: 글자로 된"),
        ("predict_bead", (BEAD | {"material": {"a": 1}}, "ko"), "bead: material: {'a': 1}: 글자로"),
        ("predict_bead", (BEAD | {"note": "\ud800"}, "ko"), "bead: note: \\ud800: UTF-8이 아님"),
        ("predict_bead", (BEAD | {"note": "a" * 10_000_000}, "ko"), "bead: note: aaaa"),
        ("predict_bead", (BEAD | {"travel_speed": "9 mm/s"}, "ko"), "서로 다른 값이 두 번"),
        ("process_map", ({"material": "316L"}, "ko"), "bead: 공정 지도를 만들 수 없음"),
        ("read_log", (None, "ko"), "log: 글자로 된 값이 아님"),
        ("read_log", (5, "ko"), "log: 글자로 된 값이 아님"),
        ("read_log", ("a" * 10_000_000, "ko"), "log: 10,000,000자는 너무 김. 필요한 것: 최대"),
        ("read_log", ("\ud800", "ko"), "log: UTF-8이 아님"),
    ],
)  # fmt: skip
def test_what_nobody_should_send_is_one_line(asked, tool: str, arguments: tuple, line: str) -> None:
    said = asked(tool, *arguments)
    assert isinstance(said, str)
    assert line in said
    assert "\n" not in said
    if "ko" in arguments[1:2]:
        assert not english(said), said


@pytest.mark.parametrize(
    "cell",
    [float("inf"), -float("inf"), 1e308, 10**400, 2**70, True, False, "1e999", "inf", "\x00", "0",
     "\x1b[31m", MARKUP, "=1+1", "8 parsec", "8 mm/s 9", "1" * 400, "-5", "8\n\n9"],
)  # fmt: skip
def test_a_cell_that_is_no_speed_is_a_line_of_its_column(cell: object) -> None:
    for language in ("en", "ko"):
        given = understand(BEAD | {"travel_speed_mm_s": cell}, CARD, "pre_weld", language)
        assert given.row is None
        assert list(given.problems) == ["travel_speed_mm_s"]
        assert "\x1b" not in given.problems["travel_speed_mm_s"].replace(str(cell), "")


def test_a_text_that_is_too_long_is_told_at_its_field() -> None:
    given = understand(BEAD | {"note": "a" * 5001}, CARD, "pre_weld", "en")
    assert list(given.problems) == ["note"]
    assert given.problems["note"].endswith("5,001 letters are too many; expected at most 5,000")


def test_a_link_in_a_value_is_no_link_at_its_field(desk) -> None:
    import gradio as gr

    with gr.Blocks():
        inputs = [Input(one, gr.Textbox(), None) for one in form_fields(desk.card, "pre_weld")]
    form = Form(desk, inputs)
    value = "![a](http://evil.example)"
    at = [one.field.name for one in inputs].index("travel_speed_mm_s")
    update = form.told({"travel_speed_mm_s": f"{value}: not a number"}, [""] * len(inputs), "en")
    assert update[at]["info"] == "![a] (http://evil.example): not a number"


def test_people_who_ask_at_once_in_their_languages_get_their_own_answers(desk) -> None:
    beads = [BEAD | {"travel_speed_mm_s": str(speed)} for speed in (4, 5, 6, 7)]
    asked = [(bead, language) for bead in beads for language in ("en", "ko")] * 2

    def answered(of, bead: dict, language: str) -> tuple:
        row = of.understand(bead, language).row
        return answer_page(of, row, language), rounded(prediction_of(of, row, language))

    with ThreadPoolExecutor(8) as pool:
        together = [*pool.map(lambda one: answered(desk, *one), asked)]
    alone = open_desk()
    for one, found in zip(asked, together, strict=True):
        assert found == answered(alone, *one)


def test_a_bead_on_which_the_models_fail_leaves_the_others(desk, monkeypatch) -> None:
    row = desk.understand(BEAD, "en").row
    with monkeypatch.context() as patch:
        patch.setattr(type(desk.examiner), "first_look", lambda *_: 1 / 0)
        for _ in range(5):  # more than may ask at a time
            with pytest.raises(ZeroDivisionError):
                desk.look(row)
    assert desk.look(row)[0].chance > 0


# --------------------------------------------------------------------------------------- tables


def workbook_of(size_mb: int) -> bytes:
    """A small file that is so large when it is unpacked."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b" " * (size_mb * 2**20))
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a  b.csv", b"", "a b.csv: 파일이 비어 있음. 필요한 것: 열 이름과 행"),
        ("h.csv", HEADER.encode(), "h.csv: 비드가 하나도 없음"),
        ("b.csv", bytes(range(256)), "b.csv: 1번째 줄에 NUL이 있음"),
        ("o.xlsx", b"\xd0\xcf\x11\xe0" + b"\0" * 99, "o.xlsx: 옛 Excel 파일(.xls)이거나"),
        ("p.xlsx", b"\x89PNG", "p.xlsx: Excel 파일이 아니거나 암호가 걸려 있음"),
        ("z.xlsx", workbook_of(1), "z.xlsx: Excel 파일이 아니거나 손상됨"),
        ("bomb.xlsx", workbook_of(MAX_UNPACKED_MB + 1), "bomb.xlsx: 압축을 풀면 100 MB가 넘는"),
        ("bomb.csv", workbook_of(MAX_UNPACKED_MB + 1), "bomb.csv: 압축을 풀면 100 MB가 넘는"),
        ("k.csv", f"{HEADER}\n316L,CMT,6,8,100,아크가 튐 용접 불안정\n".encode("cp949"),
         "k.csv: 2번째 줄이 UTF-8이 아님. 한국어 Windows의 CP949인 듯함"),
        ("x.exe", b"MZ", "x.exe: 파일 이름의 끝이 표의 것이 아님"),
        ("d.csv", b"material,material\n316L,316L\n", "d.csv, 항목 material: 같은 이름의 열이 둘"),
        ("u.csv", b"qq,zz\n1,2\n", "u.csv: 카드의 항목이 하나도 없음"),
        ("s.csv", b"material,travelspeed\n316L,8\n", "s.csv, 항목 travelspeed: 카드에 없는 항목"),
        ("q.csv", f'{HEADER}\n"316L,CMT\n'.encode(), "q.csv: CSV 표가 아님"),
        ("w.csv", (",".join(f"zq{n}w" for n in range(100_000)) + "\n1" + "," * 99_999).encode(),
         "w.csv: 카드에 없는 열이 100,000개임. 필요한 것: 그런 열은 최대 5,000개"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_is_one_line_in_the_language(
    desk, tmp_path: Path, name: str, content: bytes, line: str
) -> None:
    file = tmp_path / "sub folder" / name
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(StudyError) as error:
        answer_table(desk, file, "ko", lambda *_: None)
    said = str(error.value)
    assert said.startswith(line)
    assert "\n" not in said
    assert "folder" not in said
    assert not english(said.split(":", 1)[1]), said
    with pytest.raises(StudyError) as error:
        answer_table(desk, file, "en", lambda *_: None)
    assert not re.search("[가-힣]", str(error.value))


def test_rows_that_cannot_be_taken_are_skipped_with_their_reason(desk, tmp_path: Path) -> None:
    file = tmp_path / "beads.csv"
    rows = [
        "316L,CMT,6,8,100,<script>alert(1)</script>",
        f"{MARKUP},CMT,6,8,100,",
        "316L,CMT,6,=1+1,100,",
        "316L,CMT,1e999,inf,100,",
        f"316L,CMT,6,8,100,{'a' * 5001}",
        "316L,CMT",
    ]
    file.write_text("\n".join([f"{HEADER},{MARKUP}", *(f"{row},1" for row in rows)]) + "\n")
    found = answer_table(desk, file, "ko", lambda *_: None)
    assert len(found.answers) == 1
    assert found.said == [f"카드에 없는 열: {MARKUP}"]
    reasons = found.skipped.groupby("row")["reason"].first().to_dict()
    assert list(reasons) == [2, 3, 4, 5, 6]
    assert reasons[5] == "note 열: 5,001자는 너무 김"
    assert reasons[6] == "칸이 3개임. 열 이름은 7개"
    assert not [one for one in reasons.values() if english(one)]
    assert not shown_answers(desk, found.answers, "ko").isna().all(axis=None)


def test_what_a_user_wrote_is_not_translated() -> None:
    line = "bead: 'no row: not a number': no such column"
    assert in_language(line, CARD, "ko") == "bead: 'no row: not a number': 카드에 없는 항목"
    assert in_language(line, CARD, "en") == line


# -------------------------------------------------------------------------------- another table

SHOP = """
title: 어느 공장의 용접
simulated: false
columns:
  speed: {role: set_point, kind: number, unit: mm/s, header: "이송 속도(mm/s)"}
  gas: {role: set_point, kind: category, levels: {Ar: {}, CO2: {}}, header: 가스}
  brushed: {role: set_point, kind: flag, header: 솔질}
  current: {role: measurement, kind: number, unit: A, header: "전류(A)"}
  grade: {role: outcome, kind: category, levels: {B: {}, C: {}, D: {}}}
  width: {role: outcome, kind: number, unit: mm}
tasks:
  grade: {kind: multi_class, columns: [grade]}
  width: {kind: regression, columns: [width]}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory, encoders):
    """A desk without a binary task, a set-point to turn or a note, with flags and measurements."""
    from stages import clean, serialize_to_text, split, train

    folder = tmp_path_factory.mktemp("shop")
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params |= {"dataset": "shop", "tasks": ["grade", "width"], "encoders": ["bert"]}
    params["text"] |= {"derived": 0, "information": "post_weld"}
    params["split"] |= {"folds": 2}
    params["train"] |= {"epochs": 1, "workers": 1, "engine": "loop"}
    params["encoder"]["bert"]["checkpoint"] = "data/encoders/bert-mini"
    params["target"] = {"grade": {"loss": "cross_entropy"}, "width": {"loss": "mse"}}
    rng, rows = np.random.default_rng(3), ["이송 속도(mm/s),가스,솔질,전류(A),grade,width"]
    for bead in range(40):
        speed, gas, width = 2 + bead / 2, ("Ar", "CO2")[bead % 2], 12 - bead / 4 + rng.normal()
        grade = "BCD"[min(int(speed // 8), 2)]
        rows.append(f"{speed},{gas},{bead % 3 == 0:d},{100 + bead},{grade},{width:.1f}")
    raw = folder / "data/raw"
    raw.mkdir(parents=True)
    (raw / "shop.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (raw / "shop.yaml").write_text(SHOP, encoding="utf-8")
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    shutil.copytree(encoders, folder / "data/encoders")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in (clean, split, serialize_to_text):
            stage.main()
        for task in params["tasks"]:
            train.main("bert", task)
        yield open_desk()


def test_another_table_has_its_own_form_whose_example_can_be_asked(shop) -> None:
    import gradio as gr

    fields = form_fields(shop.card, shop.information)
    assert [one.name for one in fields] == ["speed", "gas", "brushed", "current"]
    with gr.Blocks():
        inputs = [Input(one, gr.Textbox(), None) for one in fields]
    example = _example(Form(shop, inputs))
    assert example["brushed"] in ("yes", "no")
    assert example["gas"] in ("Ar", "CO2")
    assert shop.understand(example, "ko").row is not None
    _, _, *parts = _from_log(Form(shop, inputs), "gas Ar, brushed yes, speed 5 mm/s", "ko")
    assert parts[2]["value"] in ("", "yes")
    assert parts[1]["value"] == "Ar"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_beads_of_another_table_are_answered_without_advice_and_map(shop, language: str) -> None:
    import gradio as gr

    bead = {"speed": "5", "gas": "Ar", "brushed": True, "current": "120 A"}
    row = shop.understand(bead, language).row
    for part in PARTS:
        page = answer_page(shop, row, language, part)
        facts = re.search(r'data-facts="(.*?)"', page)[1].replace("&#34;", '"')
        assert "NaN" not in facts
        assert json.loads(facts)["prediction"]["outcomes"]
    by_name = {one.__name__: _one_line(one, shop.card) for one in tools(shop)}
    read = by_name["predict_bead"](bead, language)["read_as"]
    assert {"column": "brushed", "value": "yes", "unit": ""} in read
    assert by_name["explain_bead"](bead, language)["reasons"] == []
    assert by_name["advise_bead"](bead, language)["options"] == []
    assert by_name["advise_bead"](bead, language)["sentences"]
    assert json.dumps(by_name["card"](language), allow_nan=False)
    with pytest.raises(gr.Error, match=r"process map|공정 지도"):
        by_name["process_map"](bead, language)


def test_the_page_of_another_table_is_built(shop) -> None:
    from llm4waam.desk.page import build_page

    for language in ("en", "ko"):
        assert build_page(shop, language).get_config_file()["components"]
