"""A report tells of its table alone: nothing of the study that was run before on another one."""

import json
import re
import shutil
from html import unescape
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from made_study import make_other_study

from llm4waam.core.files import write_metrics
from llm4waam.core.made_from import KEY, STUDY, made_from
from llm4waam.plotting.pages import drawing
from stages import evaluate, explain, explore, report, robustness, serialize_to_text

# What only the simulated study of WAAM beads says.
STRANGE = (
    r"simulat|시뮬레이션|WAAM|Wire Arc|와이어 아크|Humping|험핑|Bead cut|laborator|실험실|operator"
    r"|작업자|voltage|전압|wire feed|송급|heat input|입열량|ER316L|material|(?<![.\d])(112|140)\b"
)
PAGES = ("report.html", "report.ko.html")


@pytest.fixture
def other(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The made study, all products of the real one, and then a run on another table on top."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for name in ("metrics/ablations", "plots/ablations", "plots/explore", "plots/advice"):
        shutil.copytree(ROOT / name, name, dirs_exist_ok=True)
    shutil.copytree(ROOT / "plots/report/cards", "plots/report/cards")
    for name in ("metrics/advice.json", "metrics/simulator.json"):
        shutil.copy(ROOT / name, name)
    for encoder in ("bert", "roberta"):
        shutil.copytree(*[f"{root}data/encoders/{encoder}-mini-tier1" for root in (f"{ROOT}/", "")])
    make_other_study(tmp_path)
    counts = {"rows": 61, "rows_rejected": 1, "beads": 60, "cells": 30, "missing": {}}
    write_metrics(Path("metrics/clean.json"), counts)
    write_metrics(Path("metrics/split.json"), {"by": "cell", "groups": {}, "beads": {"train": 60}})
    evaluate.main()
    serialize_to_text.main()
    explore.main()
    return tmp_path


def said(name: str) -> str:
    """The words of a page, without its drawings."""
    page = Path("plots/report", name).read_text(encoding="utf-8")
    return unescape(re.sub(r"<(svg|style).*?</\1>", "", page, flags=re.DOTALL))


def left_over() -> list[str]:
    return [drawing(f.read_text("utf-8")) for f in Path("plots/ablations").rglob("*.svg")]


@pytest.mark.usefixtures("other")
def test_nothing_of_the_study_before_is_shown() -> None:
    report.main()
    for name in PAGES:
        page = said(name)
        assert not re.findall(f".{{0,30}}(?:{STRANGE}).{{0,30}}", page), name
        assert "Spot welds of a workshop" in page
        assert page.count("make ablations KIND=losses") == 1
        assert page.count("make ablations KIND=nested") == 1
        for gone in ("KIND=note", "KIND=information", "advice.html", "advice.ko.html"):
            assert gone not in page
        whole = Path("plots/report", name).read_text(encoding="utf-8")
        drawn = left_over()
        assert len(drawn) > 12
        assert not any(one in whole for one in drawn)
    cards = {file.stem for file in Path("plots/report/cards").iterdir()}
    models = {f"{e}_{t}" for e in ("bert", "roberta") for t in ("sound", "nugget")}
    assert cards == {"data", *models}
    # Where the encoder comes from is true of every table.
    origin = "were pretrained on sentences about WAAM beads of a simulator"
    for file in Path("plots/report/cards").iterdir():
        text = " ".join(file.read_text(encoding="utf-8").split())
        text = text.replace(origin, "").replace("not for a material or machine", "")
        assert not re.findall(f".{{0,30}}(?:{STRANGE}).{{0,30}}", text), file
    text = Path("plots/results/results.md").read_text(encoding="utf-8")
    assert not re.findall(f".{{0,30}}(?:{STRANGE}|Ceiling)", text)


@pytest.mark.usefixtures("other")
def test_the_page_of_advice_is_that_of_the_table() -> None:
    explain.main()
    assert {f.name for f in Path("plots/advice").iterdir()} == {
        "advice.html",
        "advice.ko.html",
        "none.txt",
    }
    for file in Path("plots/advice").glob("*.html"):
        assert not re.findall("simulat|시뮬레이션|Humping", file.read_text(encoding="utf-8"))
    report.main()
    assert all("../advice/advice" in said(name) for name in PAGES)


@pytest.mark.usefixtures("other")
def test_robustness_is_not_made_of_tables_of_another_study() -> None:
    with pytest.raises(ValueError, match="made from another table; expected this one: make abl"):
        robustness.main()


@pytest.mark.usefixtures("other")
def test_a_product_of_this_table_is_shown_and_says_which_settings_differ() -> None:
    names = ("engine", "tasks", "leave_out")
    mark = made_from(STUDY, names)
    file = Path("metrics/ablations/groups.json")
    write_metrics(file, {**json.loads(file.read_text("utf-8")), KEY: mark})
    report.main()
    assert "KIND=groups" not in said(PAGES[0])
    assert "other settings" not in said(PAGES[0])

    raw = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    raw["train"]["epochs"], raw["ablations"]["leave_out"] = 9, "sheet"
    Path("params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    report.main()
    english, korean = map(said, PAGES)
    told = "(ablations.leave_out: material, now sheet; train.epochs: 6, now 9)"
    assert f"with other settings than it has by now {told}" in english
    told = "(ablations.leave_out: material, 지금은 sheet; train.epochs: 6, 지금은 9)"
    assert f"지금과 설정이 다릅니다{told}" in korean
