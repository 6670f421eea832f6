"""`llm4waam fetch`, from a server on this machine."""

import hashlib
import io
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, SHARED

from llm4waam.card.card import read_card
from llm4waam.commands import fetch, main
from llm4waam.core.files import read_table
from stages import clean

TABLE = b"record,height\n1,2.5\n2,2.75\n"
FILES = {name: f"{name}.{table.format}" for name, table in fetch.read_registry().items()}
AI4I = SHARED / "ai4i2020/ai4i2020.csv"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def workbook() -> bytes:
    """What passes for a workbook: its container with one file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as container:
        container.writestr("[Content_Types].xml", "<Types/>")
    return content.getvalue()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if not self.path.endswith("broken.csv"):
            super().do_GET()
            return
        self.send_response(200)  # breaks off after the first bytes
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(TABLE)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """The address and the folder of a server; the test stands in a folder with data/raw."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("LLM4WAAM_FETCH_FROM", raising=False)
    served, here = tmp_path / "served", tmp_path / "here"
    served.mkdir()
    (here / "data/raw").mkdir(parents=True)
    monkeypatch.chdir(here)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=served)) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", served
        running.shutdown()
        thread.join()


@pytest.fixture
def run(capsys, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, str, int]]:
    """A function: what the command prints on its standard output, its error, its status."""

    def command(*arguments: str) -> tuple[str, str, int]:
        monkeypatch.setattr(sys, "argv", ["llm4waam", "fetch", *arguments])
        with pytest.raises(SystemExit) as left:
            main.main()
        code = left.value.code
        error = code if isinstance(code, str) else ""
        status = 1 if error else code or 0
        return " ".join(capsys.readouterr().out.split()), error, status

    return command


def register(monkeypatch: pytest.MonkeyPatch, folder: Path, **tables: dict) -> None:
    """A registry of made-up tables."""
    told = ("title", "licence", "source", "verified", "know")
    usual = {"format": "csv", "rows": 2, "address": "http://127.0.0.1:9/no"}
    usual |= {key: f"the {key}" for key in told}
    known = {name: usual | table for name, table in tables.items()}
    (folder / "registry.yaml").write_text(yaml.safe_dump(known, sort_keys=False), encoding="utf-8")
    monkeypatch.setattr(fetch, "REGISTRY", folder / "registry.yaml")


def left_behind() -> list[str]:
    return sorted(file.name for file in Path("data/raw").iterdir())


def test_a_table_is_brought_whole_and_its_licence_and_next_step_are_told(
    server, run, monkeypatch, tmp_path
) -> None:
    address, served = server
    (served / "beads.csv").write_bytes(TABLE)
    # As the registry has it: the file has another name at its own address.
    own = {"address": f"{address}/beads.csv", "sha256": sha256(TABLE), "run": "dvc exp run"}
    register(monkeypatch, tmp_path, lab=own)
    Path("data/raw/lab.yaml").write_text("a card", encoding="utf-8")
    said, error, status = run("lab")
    assert (error, status) == ("", 0)
    assert Path("data/raw/lab.csv").read_bytes() == TABLE
    assert left_behind() == ["lab.csv", "lab.yaml"]
    assert Path("data/raw/lab.csv").stat().st_mode & 0o777 == 0o644
    assert f"lab.csv: written, 27 bytes, sha256 {sha256(TABLE)}, as in the registry" in said
    for word in ("title", "licence", "source", "verified", "know"):
        assert f"{word}: the {word}" in said
    assert said.endswith("next: dvc exp run")

    shutil.rmtree(served)  # what is there is not asked for again
    said, _, status = run("lab")
    assert status == 0
    assert "lab.csv: is there already, 27 bytes" in said


def test_a_mirror_has_the_files_under_their_own_names(server, run, monkeypatch, tmp_path) -> None:
    address, served = server
    register(monkeypatch, tmp_path, one={"sha256": sha256(TABLE)}, two={"sha256": sha256(TABLE)})
    (served / "folder").mkdir()
    for name in ("one", "two"):
        (served / f"folder/{name}.csv").write_bytes(TABLE)
    assert run("one", "--from", f"{address}/folder/")[2] == 0
    monkeypatch.setenv("LLM4WAAM_FETCH_FROM", f"{address}/folder")
    assert run("two")[0].endswith(
        "next: llm4waam card data/raw/two.csv (drafts the card, which is missing)"
    )
    assert left_behind() == ["one.csv", "two.csv"]


def test_what_goes_wrong_is_one_line_and_leaves_nothing(server, run, monkeypatch, tmp_path) -> None:
    address, served = server
    (served / "other.csv").write_bytes(TABLE)
    (served / "page.xlsx").write_bytes(b"<html>please sign in</html>")
    register(
        monkeypatch,
        tmp_path,
        other={"sha256": "0" * 64},
        page={"sha256": None, "format": "xlsx"},
        broken={"sha256": None},
        absent={"sha256": None},
        far={"sha256": None},
    )
    wrong = {
        "other": ["0" * 64, sha256(TABLE)],
        "page": ["page.xlsx", "no Excel workbook"],
        "broken": ["broken.csv", "broke off", "--from URL"],
        "absent": ["absent.csv", "answers 404"],
        "unknown": ["'unknown'", "one of other, page, broken, absent, far"],
    }
    for name, words in wrong.items():
        said, error, status = run(name, "--from", address)
        assert (said, status, error.count("\n")) == ("", 1, 0)
        assert [word for word in words if word not in error] == []
    _, error, status = run("far")  # nobody listens there, as without a network
    assert (status, error.count("\n")) == (1, 0)
    assert "127.0.0.1:9 cannot be reached" in error
    assert left_behind() == []
    assert run("far", "--from", "ftp://127.0.0.1")[2] == 2
    monkeypatch.chdir(tmp_path)
    assert "data/raw: no such folder" in run("far")[1]


def test_another_file_of_that_name_is_kept(server, run, monkeypatch, tmp_path) -> None:
    register(monkeypatch, tmp_path, lab={"sha256": sha256(TABLE)})
    mine = b"my own table\n"
    Path("data/raw/lab.csv").write_bytes(mine)
    _, error, status = run("lab", "--from", server[0])
    assert status == 1
    assert sha256(TABLE) in error
    assert sha256(mine) in error
    assert Path("data/raw/lab.csv").read_bytes() == mine


def test_a_hash_that_nobody_knows_is_said(server, run, monkeypatch, tmp_path) -> None:
    address, served = server
    book, other = workbook(), "1" * 64
    unseen = {"sha256": None, "format": "xlsx"}
    by_card = {"same": sha256(book), "differs": other}
    seen = {name: unseen | {"card_sha256": card} for name, card in by_card.items()}
    register(monkeypatch, tmp_path, none=unseen, **seen)
    for name in ("none", "same", "differs"):
        (served / f"{name}.xlsx").write_bytes(book)
    found = {name: run(name, "--from", address)[0] for name in ("none", "same", "differs")}
    assert f"{sha256(book)}, which nobody has verified address:" in found["none"]
    assert f"{sha256(book)}, that of the workbook by which the card was written" in found["same"]
    assert (
        f"nobody has verified; the card was written by another file, with sha256 {other}"
        in (found["differs"])
    )


def test_the_list_names_every_table_with_licence_rows_and_card(run, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    said, _, status = run()
    assert status == 0
    assert "ai4i2020 10,000 ai4i2020.yaml CC BY 4.0 AI4I 2020" in said
    assert "waam_jacobs2025 229, unverified waam_jacobs2025.yaml MIT Real single" in said
    assert "waam_jacobs2025_316 not known none MIT Real single" in said


def test_published_tables_stay_out_of_git_and_their_addresses_are_fixed() -> None:
    for name, table in fetch.read_registry().items():
        file = f"data/raw/{FILES[name]}"
        ignored = subprocess.run(["git", "check-ignore", "-q", file], cwd=ROOT).returncode
        assert ignored in (0, 128), file  # 128: these are files without a repository
        assert any(len(part) == 40 for part in table.address.split("/")), table.address
        if table.run:
            assert f"dataset={name} " in table.run
            card = read_card(ROOT / f"data/raw/{name}.yaml")
            task = table.run.partition("tasks=[")[2].partition("]")[0]
            assert f"target.{task}.loss=" in table.run
            assert task in card.tasks
            assert card.licence == table.licence


def test_the_published_table_is_fetched_and_cleaned_by_its_card(
    server, run, params, workspace
) -> None:
    """And it has the traps that the card and the registry tell."""
    if not AI4I.is_file():
        pytest.skip("the published table ai4i2020/ai4i2020.csv is not on this machine")
    card = (ROOT / "data/raw/ai4i2020.yaml").read_text(encoding="utf-8")
    place = workspace(params=params | {"dataset": "ai4i2020", "tasks": ["failure"]}, card=card)
    (place / "data/raw/ai4i2020.csv").unlink()
    shutil.copy(AI4I, server[1])
    said, error, status = run("ai4i2020", "--from", server[0])
    assert (error, status) == ("", 0)
    assert "as in the registry" in said
    # The file of UCI differs in three things alone: `verified` of the registry says so.
    of_uci = AI4I.read_bytes().replace(b"UID", b"UDI", 1).replace(b"\n", b"\r\n")
    assert sha256(b"\xef\xbb\xbf" + of_uci).startswith("dc6630cd9b1f")
    clean.main()
    beads = read_table(place / "data/clean/beads.csv")
    assert len(beads) == 10_000
    failed = beads["failure"] == "failure"
    modes = ["tool_wear", "heat_dissipation", "power", "overstrain", "random"]
    flags = beads[[f"{mode}_failure" for mode in modes]].astype(bool)
    assert failed.sum() == 339
    assert (failed & ~flags.any(axis=1)).sum() == 9
    assert (flags["random_failure"] & ~failed).sum() == 18
    assert (flags.sum(axis=1) > 1).sum() == 24
    rule = (beads["power_w"] < 3500) | (beads["power_w"] > 9000)
    assert (rule == flags["power_failure"]).all()
