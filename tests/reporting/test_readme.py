"""The table of results in README.md and README.ko.md holds the numbers that `evaluate` wrote."""

import json
import re
from html import unescape
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT

from llm4waam.evaluation.significance import BETTER, UNTOLD, WORSE
from llm4waam.plotting.pages import number, signed
from llm4waam.reporting.report import FILES as FILES_OF_REPORT
from llm4waam.reporting.report_findings import earned
from llm4waam.reporting.report_words import Words

FILES = {"README.md": Words.read("en"), "README.ko.md": Words.read("ko")}
SAID = {
    "README.md": {UNTOLD: "cannot be told", BETTER: "better", WORSE: "worse"},
    "README.ko.md": {UNTOLD: "구별할 수 없음", BETTER: "더 좋음", WORSE: "더 나쁨"},
}
TO = {"README.md": "to", "README.ko.md": "~"}


def read(name: str) -> dict:
    return json.loads((ROOT / "metrics" / name).read_text(encoding="utf-8"))


def expected(file: str) -> list[str]:
    table = pd.read_csv(ROOT / "plots/results/results.csv").set_index(["task", "model"])
    summary, comparisons = read("summary.json"), read("comparisons.json")
    lines, words = [], FILES[file]
    for task in ("defects", "quality", "heat_input", "energy"):
        found = summary[task]
        pair = comparisons[task][f"{found['best_encoder']}_vs_baseline"]
        formula = (task, "formula_pre_weld")
        ends = f" {TO[file]} ".join(
            number(pair[key]) for key in ("difference_low", "difference_high")
        )
        metric = table.loc[(task, found["best_encoder"]), "metric"]
        lines.append(
            [
                f"{words.name(task)}, {words.name(metric)}",
                f"{words.name(found['best_encoder'])} {number(found['encoder_score'])}",
                f"{words.name(found['best_baseline'])} {number(found['baseline_score'])}",
                number(table.loc[formula, "score"]) if formula in table.index else "–",
                f"{signed(pair['difference'])} ({ends})",
                SAID[file][pair["verdict"]],
            ]
        )
    return ["| " + " | ".join(cells) + " |" for cells in lines]


@pytest.mark.parametrize("file", ["README.md", "README.ko.md"])
def test_the_table_of_results_is_what_evaluate_wrote(file: str) -> None:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    for line in expected(file):
        assert line in lines


@pytest.mark.parametrize("file", ["README.md", "README.ko.md"])
def test_the_answer_is_that_of_the_report(file: str) -> None:
    """The five sentences that the page in git opens with, word by word."""
    text = " ".join((ROOT / file).read_text(encoding="utf-8").split())
    page = (ROOT / "plots/report" / FILES_OF_REPORT[FILES[file].language]).read_text("utf-8")
    answer = re.search(r'<ol class="answer">(.*?)</ol>', page, re.S)[1]
    said = [unescape(one) for one in re.findall(r"<li>(.*?)</li>", answer, re.S)]
    assert len(said) == 5
    for number_of, sentence in enumerate(said, start=1):
        assert f"{number_of}. {sentence}" in text


def test_the_korean_readme_has_no_english_block_and_both_have_the_same_parts() -> None:
    """A line of prose holds Korean; headings, figures and tables are the same in number."""
    english, korean = ((ROOT / file).read_text(encoding="utf-8") for file in FILES)
    for pattern in (r"^#+ ", r"^```", r"^!\[", r"^\|", r"^\d\. "):
        counts = [len(re.findall(pattern, text, re.M)) for text in (english, korean)]
        assert counts[0] == counts[1], pattern
    prose = re.sub(r"^```.*?^```|`[^`]*`|\[[^\]]*\]\([^)]*\)", "", korean, flags=re.M | re.S)
    for line in prose.splitlines():
        words = re.findall(r"[A-Za-z]{3,}", line)
        assert len(words) < 6 or re.search("[가-힣]", line), line
    shown = re.findall(r"^!\[([^\]]*)\]\(([^)]*)\)", korean, re.M)
    for caption, file in shown:
        assert re.search("[가-힣]", caption)
        assert Path(file).stem.endswith(".ko")
        if file.endswith(".svg"):  # a picture of the desk has no texts to read
            assert re.search("[가-힣]", (ROOT / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", ["README.md", "README.ko.md"])
def test_the_main_finding_is_what_robustness_found(file: str) -> None:
    table = pd.read_csv(ROOT / "plots/ablations/robustness/robustness.csv")
    words = Words.read("ko" if "ko" in file else "en")
    text = " ".join((ROOT / file).read_text(encoding="utf-8").split())
    assert earned(words, table) in text


@pytest.mark.parametrize("file", ["README.md", "README.ko.md"])
def test_the_numbers_of_beads_and_cells_are_those_of_the_split(file: str) -> None:
    folds = pd.read_csv(ROOT / "data/split/folds.csv")
    train = folds[folds["role"] == "train"]
    beads, cells = train["bead"].nunique(), train["cell"].nunique()
    text = " ".join((ROOT / file).read_text(encoding="utf-8").split())
    told = {
        "README.md": f"{beads} simulated training beads in {cells} cells",
        "README.ko.md": f"시뮬레이션 학습 비드 {beads}개(셀 {cells}개)",
    }
    assert told[file] in text
    assert str((folds["role"] == "test").sum()) in text


def test_verdicts_and_sentences_come_from_one_place() -> None:
    """results.md says of every pair what metrics/comparisons.json says of it."""
    page = (ROOT / "plots/results/results.md").read_text(encoding="utf-8")
    words = {
        BETTER: "the encoder is better (difference {}",
        WORSE: "the encoder is worse (difference {}",
        UNTOLD: "which is better cannot be told (difference {}",
    }
    summary, comparisons = read("summary.json"), read("comparisons.json")
    for task, found in summary.items():
        pair = comparisons[task][f"{found['best_encoder']}_vs_baseline"]
        assert words[pair["verdict"]].format(signed(pair["difference"])) in page


@pytest.mark.parametrize("file", ["README.md", "README.ko.md"])
def test_the_spread_of_the_draws_is_that_of_the_ablation(file: str) -> None:
    table = pd.read_csv(ROOT / "plots/ablations/splits/spread.csv")
    table = table.set_index(["task", "model", "role"]).loc["quality"].xs("oof", level="role")
    roberta, catboost = table.loc["roberta"], table.loc["catboost"]
    text = " ".join((ROOT / file).read_text(encoding="utf-8").split())
    numbers = [number(roberta[key]) for key in ("study", "mean", "sd")]
    numbers += [number(catboost[key]) for key in ("study", "mean")]
    told = {
        "README.md": "RoBERTa scores {} in this split and {} on average over {} others (standard "
        "deviation {}), CatBoost {} and {}",
        "README.ko.md": "RoBERTa는 이 분할에서 {}이고, 다른 분할 {}번의 평균은 {}입니다"
        "(표준편차 {}). CatBoost는 {}와 {}입니다",
    }[file]
    draws = str(roberta["draws"])
    place = 2 if file == "README.md" else 1
    assert told.format(*numbers[:place], draws, *numbers[place:]) in text


def test_the_table_of_real_beads_is_that_of_the_stage() -> None:
    """Every number of it, in both languages."""
    file = ROOT / "metrics/other_tables/waam_jacobs2025.json"
    runs = json.loads(file.read_text(encoding="utf-8"))["by"]
    names = {"BERT": "bert", "RoBERTa": "roberta", "CatBoost": "catboost"}
    names |= {"extra trees": "extra_trees", "엑스트라 트리": "extra_trees"}
    for readme, to in (("README.md", "to"), ("README.ko.md", "~")):
        text = (ROOT / readme).read_text(encoding="utf-8")
        rows = re.findall(
            r"^\| ([^|]+) \| (0\.\d{3} \([^)]*\)) \| (0\.\d{3} \([^)]*\)) \|$", text, re.M
        )
        assert len(rows) == 4
        for name, *told in rows:
            for said, run in zip(told, runs.values(), strict=True):
                one = run["scores"]["bead_height"][names[name]]
                expected = f"{one['score']:.3f} ({one['low']:.3f} {to} {one['high']:.3f})"
                assert said == expected, name
