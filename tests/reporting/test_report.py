"""The report: both languages, no number of its own, nothing from elsewhere."""

import json
import random
import re
import shutil
from html import unescape
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from llm4waam.ablations.variations import KINDS, variations_of
from llm4waam.card.card import read_card
from llm4waam.core.made_from import KEY, STUDY, made_from
from llm4waam.core.settings import read_params
from llm4waam.evaluation.significance import BETTER, UNTOLD, WORSE
from llm4waam.plotting.pages import number, probability
from llm4waam.reporting.report_findings import verdicts
from llm4waam.reporting.report_words import FILE, LANGUAGES, Words
from llm4waam.splits.tasks import make_task
from stages import report
from stages.check_params import AllParams

TEXTS = yaml.safe_load(FILE.read_text(encoding="utf-8"))
EN, KO = Words.read("en"), Words.read("ko")


def leaves(node: object, path: str = "") -> list[tuple[str, dict]]:
    """Every text of the words: a mapping of languages."""
    if isinstance(node, list):
        return [leaf for n, part in enumerate(node) for leaf in leaves(part, f"{path}[{n}]")]
    if not isinstance(node, dict):
        return []
    if set(node) & set(LANGUAGES):
        return [(path, node)]
    return [leaf for key, part in node.items() for leaf in leaves(part, f"{path}.{key}")]


@pytest.fixture
def told(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the evaluated study, with what other stages wrote for the report."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "data/encoders/bert-mini-tier1", "data/encoders/bert-mini-tier1")
    shutil.copytree(ROOT / "data/encoders/roberta-mini-tier1", "data/encoders/roberta-mini-tier1")
    for name in ("explore/label_sets", "explore/defect_map", "ablations/parity/parity"):
        Path("plots", name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / f"plots/{name}.svg", f"plots/{name}.svg")
    counts = {"rows": 91, "rows_rejected": 7, "beads": 84, "cells": 42, "missing": {"ctwd_mm": 3}}
    Path("metrics/clean.json").write_text(json.dumps(counts), encoding="utf-8")
    groups = {"campaign": {"in_several_folds": 2, "groups": 3}}
    split = {"by": "cell", "groups": groups, "beads": {"train": 76}}
    Path("metrics/split.json").write_text(json.dumps(split), encoding="utf-8")
    return tmp_path


def read(name: str) -> str:
    return Path("plots/report", name).read_text(encoding="utf-8")


def test_every_text_is_there_in_both_languages_with_the_same_blanks() -> None:
    found = leaves(TEXTS)
    assert len(found) > 150
    for path, text in found:
        assert set(text) == set(LANGUAGES), path
        blanks = [set(re.findall(r"{(\w+)}", text[language])) for language in LANGUAGES]
        assert blanks[0] == blanks[1], path
    assert leaves({"a": {"en": "x"}})[0][1].keys() != set(LANGUAGES)  # a lack would be seen


def test_every_variation_has_words() -> None:
    params = read_params(AllParams, ROOT / "params.yaml")
    file = ROOT / "data/raw/waam_beads.yaml"
    tasks = {name: make_task(read_card(file), name, file) for name in params.tasks}
    groups = read_card(file).named("group")
    for kind in KINDS:
        for one in variations_of(kind, params.ablations, tasks, groups):
            if one.group == "baselines":  # of the ladder: they stand in no table
                continue
            said, code = KO.title(one.title), kind in ("losses", "choice")
            assert re.search("[가-힣]", said) or code, one.title
            assert not re.search(r"[a-z]{4,} [a-z]{3,}", said), one.title
    assert KO.title("20 training beads") == "학습 비드 20개"
    assert KO.title("10% of outcomes wrong") == "결과의 10%가 틀림"
    assert EN.title("10% of outcomes wrong") == "10% of outcomes wrong"


@pytest.mark.usefixtures("told")
def test_a_page_stands_alone_and_says_simulated_everywhere() -> None:
    report.main()
    for name, language, mark in (
        ("report.html", "en", "simulated data"),
        ("report.ko.html", "ko", "시뮬레이션 데이터"),
    ):
        page = read(name)
        assert f'<html lang="{language}">' in page
        assert "<script" not in page
        assert not re.search(r"(src|href)=\"(https?:)?//", page)
        assert "@import" not in page
        captions = re.findall(r"<(?:caption|figcaption)>(.*?)</", re.sub(r"</?b>", "", page))
        assert len(captions) > 12
        assert all(mark in caption for caption in captions)
        assert ("report.ko.html" if language == "en" else "report.html") in page
        assert not re.search(r">(nan|None|inf)<", page)
    english = re.sub(r"<svg.*?</svg>", "", read("report.html"), flags=re.DOTALL)
    assert not re.search("[가-힣]", english.replace("한국어", ""))


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("changed", [None, "folds", "parameters", "beads", "all"])
def test_an_ablation_of_another_study_says_so(changed: str | None) -> None:
    made = made_from(STUDY)
    if changed == "parameters":
        made["parameters"]["train"]["epochs"] = "12"
    elif changed:
        made[changed] = "of another study"
    ablated("information", pd.read_csv(ROOT / "plots/ablations/information/information.csv"))
    product = {} if changed == "all" else {KEY: made}
    Path("metrics/ablations/information.json").write_text(json.dumps(product), "utf-8")
    report.main()
    page, told = read("report.html"), "but with other settings than it has by now ({}): compare"
    assert (told.format("other folds") in page) is (changed == "folds")
    assert (told.format("train.epochs: 12, now 6") in page) is (changed == "parameters")
    assert ("KIND=information</code> makes" in page) is (changed in ("beads", "all"))


def ablated(kind: str, table: pd.DataFrame) -> None:
    """A product of an ablation of the made study."""
    Path("plots/ablations", kind).mkdir(exist_ok=True, parents=True)
    table.to_csv(f"plots/ablations/{kind}/{kind}.csv", index=False)
    Path("metrics/ablations").mkdir(exist_ok=True)
    mark = {KEY: made_from(STUDY)}
    Path(f"metrics/ablations/{kind}.json").write_text(json.dumps(mark), "utf-8")


@pytest.mark.usefixtures("told")
def test_an_ablation_that_was_not_run_is_named_with_its_command() -> None:
    report.main()
    page = unescape(read("report.html"))
    for kind in ("nested", "splits", "losses", "groups", "information", "samples", "rates"):
        assert page.count(f"<code>make ablations KIND={kind}</code>") == 1, kind
    assert page.count("<code>make ablations KIND=protocols</code>") == 2  # its section, its rows

    ablated("protocols", leaks())
    report.main()
    page = unescape(read("report.html"))
    assert "KIND=protocols" not in page
    assert "scores 0.949 instead of 0.512, BERT 0.912 instead of 0.712 (quality, accuracy)" in page
    assert "Looking up gains more from the leak than the language model" in page
    assert re.search(r"<td[^>]*>ungrouped rows[^<]*</td>(<td[^>]*>[^<]*</td>)?<td[^>]*>0.912", page)


def leaks(probe: float = 0.94912) -> pd.DataFrame:
    """A table of the kind `protocols`."""
    return pd.DataFrame(
        {
            "task": "quality",
            "model": ["bert", "bert", "nearest_neighbour", "nearest_neighbour"],
            "variation": ["grouped", "rows"] * 2,
            "title": ["grouped folds, as in this study", "ungrouped rows of doubled templates"] * 2,
            "group": "",
            "metric": "accuracy",
            "score": [0.71234, 0.91234, 0.51234, probe],
            "low": [0.6, 0.8, None, None],
            "high": [0.8, 1.0, None, None],
            "beads": 76,
        }
    )


@pytest.mark.usefixtures("told")
def test_a_score_that_is_not_the_headline_says_why() -> None:
    """A reader who sees two scores of one model is told what is different."""
    best = json.loads(Path("metrics/summary.json").read_text())["quality"]["encoder_score"]
    encoder = json.loads(Path("metrics/summary.json").read_text())["quality"]["best_encoder"]
    table = leaks().replace({"model": {"bert": encoder}})
    ablated("protocols", table)
    report.main()
    told = f"scores 0.712 (quality), in the tables of the tasks {number(best)}: here it is the mean"
    assert told in unescape(read("report.html"))
    ablated("protocols", table.assign(score=best))
    report.main()
    assert "in the tables of the tasks" not in unescape(read("report.html"))


@pytest.mark.usefixtures("told")
def test_numbers_are_those_of_the_metrics() -> None:
    report.main()
    pages = [unescape(read(name)) for name in ("report.html", "report.ko.html")]
    chosen = random.Random(3)
    for task in ("defects", "quality", "heat_input", "energy"):
        for encoder in ("bert", "roberta"):
            found = json.loads(Path(f"metrics/{encoder}/{task}.json").read_text())["oof"]
            for key in chosen.sample(["val_loss", "mae" if "mae" in found else "macro_f1"], 2):
                assert all(f">{number(found[key])}</td>" in page for page in pages), (task, key)
    compared = json.loads(Path("metrics/comparisons.json").read_text())["quality"]
    assert f">{probability(compared['bert_vs_baseline']['p_holm'])}</td>" in pages[0]
    before = read("report.html")
    file = Path("metrics/bert/quality.json")
    file.write_text(file.read_text().replace('"val_loss": 0.', '"val_loss": 7.'))
    report.main()
    assert read("report.html") != before


@pytest.mark.usefixtures("told")
def test_columns_that_are_the_same_stand_once_and_are_named() -> None:
    report.main()
    page = unescape(read("report.html"))
    said = "Micro F1, partial score, exact match and label-wise accuracy are the same as accuracy"
    assert said in page
    table = next(t for t in page.split("<table") if said in t)
    assert "exact match</th>" not in table


@pytest.mark.usefixtures("told")
def test_the_page_opens_with_the_answer_and_folds_the_rest() -> None:
    report.main()
    for name, heading in (("report.html", "The answer"), ("report.ko.html", "답")):
        page = read(name)
        body = page[page.index("<h1>") :]
        assert re.findall(r"<h2>(.*?)</h2>", body)[0] == heading
        answer = body[: body.index("</ol>")]
        assert answer.count("<li>") == 5
        assert all(re.search(r"\d", one) for one in answer.split("<li>")[1:])
        assert body.index("<figure>") < body.index("<nav")
        assert body.count("<details") == body.count("<summary>") >= 5
        sections = re.findall(r'<section id="(\w+)">(.*?)</section>', body, flags=re.DOTALL)
        for key, section in sections:
            if key in ("answer", "limits"):
                continue
            assert section.count('class="careful"') == 1, key
            assert 'class="shows"' in section or "<code>" in section, key


@pytest.mark.usefixtures("told")
def test_commands_and_paths_are_code() -> None:
    report.main()
    for name in ("report.html", "report.ko.html"):
        text = re.sub(r"<code>.*?</code>|<style.*?</style>|<svg.*?</svg>|href=\S+", "",
                      read(name), flags=re.DOTALL)  # fmt: skip
        assert not re.search(
            r"make (?:study|ablations)|dvc (?:repro|metrics)|metrics/|plots/", text
        )
        assert "`" not in text


@pytest.mark.usefixtures("told")
def test_two_runs_write_the_same_bytes() -> None:
    report.main()
    first = {file: file.read_bytes() for file in Path("plots").rglob("*") if file.is_file()}
    report.main()
    assert {f: f.read_bytes() for f in Path("plots").rglob("*") if f.is_file()} == first


@pytest.mark.usefixtures("told")
def test_a_measured_table_is_not_called_simulated_and_its_title_is_escaped() -> None:
    file = Path("data/raw/waam_beads.yaml")
    text = file.read_text(encoding="utf-8").replace("simulated: true", "simulated: false")
    text = text.replace("title: Simulated single-bead WAAM trials", "title: <b>Beads</b> & more")
    file.write_text(text, encoding="utf-8")
    report.main()
    page = re.sub(r"<svg.*?</svg>", "", read("report.html"), flags=re.DOTALL)
    assert "&lt;b&gt;Beads&lt;/b&gt; &amp; more" in page
    assert "<b>Beads" not in page
    assert "(simulated data)" not in page
    assert "No row of the table is an experiment" not in page
    assert "simulated" not in read("cards/bert_quality.md")


@pytest.mark.usefixtures("told")
def test_markup_of_a_card_s_texts_is_shown_and_not_obeyed() -> None:
    file = Path("data/raw/waam_beads.yaml")
    text = file.read_text(encoding="utf-8")
    for old, new in (
        ("title: Simulated single-bead WAAM trials", "title: Beads <script>x</script> *a* $5 | b"),
        ("meaning: wire alloy", "meaning: alloy | wire <img src=x>"),
        ("question: Will the bead be normal?", "question: Normal | not? [x](http://y) `z`"),
    ):
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    report.main()
    cards = {name: read(f"cards/{name}.md") for name in ("data", "bert_quality")}
    for card in cards.values():
        assert "Beads &lt;script>x&lt;/script> \\*a\\* $5 | b" in card
        assert not re.search(r"<script|<img|(?<!\\)\[x\]|(?<!\\)`z", card)
    [row] = [line for line in cards["data"].splitlines() if line.startswith("| `material`")]
    assert "alloy \\| wire &lt;img src=x>" in row
    assert len(re.findall(r"(?<!\\)\|", row)) == 7  # six columns
    assert "Normal | not? \\[x\\](http://y) \\`z\\`" in cards["bert_quality"]


@pytest.mark.parametrize(
    ("gap", "verdict", "said"),
    [
        (0.1, BETTER, "better by 0.100"),
        (-0.1, WORSE, "worse by 0.100"),
        (-0.1, UNTOLD, "cannot be told"),
    ],
)
def test_only_a_real_difference_is_called_one(gap: float, verdict: str, said: str) -> None:
    file = ROOT / "data/raw/waam_beads.yaml"
    task = make_task(read_card(file), "quality", file)
    ends = {"difference_low": gap - 0.02, "difference_high": gap + 0.03}
    pair = {"one": "bert", "other": "catboost", "difference": gap, **ends}
    pair |= {"p_holm": 0.6 if verdict == UNTOLD else 0.01, "verdict": verdict}
    metrics = {m: {"oof": {"accuracy": 0.8}} for m in ("bert", "catboost")}
    summary = {"quality": {"best_encoder": "bert"}}
    known = {"quality": task}, summary, {"quality": {"bert_vs_baseline": pair}}
    [sentence] = verdicts(EN, *known, {"quality": metrics}, encoders=False)
    assert said in sentence
    assert ("is real" in sentence) is (verdict != UNTOLD)
    if verdict == WORSE:
        assert "(95 % interval 0.070 to 0.120)" in sentence
    undefined = {"quality": {"bert_vs_baseline": pair | {"verdict": None}}}
    assert not verdicts(EN, *known[:2], undefined, {"quality": metrics}, encoders=False)


@pytest.mark.usefixtures("told")
def test_cards_hold_the_metrics_and_what_the_model_must_not_be_used_for() -> None:
    report.main()
    cards = {file.stem for file in Path("plots/report/cards").glob("*.md")}
    assert cards == {"data"} | {
        f"{e}_{t}"
        for e in ("bert", "roberta")
        for t in ("defects", "quality", "heat_input", "energy")
    }
    card, found = read("cards/bert_quality.md"), json.loads(read_metrics("bert/quality.json"))
    row = f"accuracy | {number(found['oof']['accuracy'])} |"
    assert row in re.sub(" +", " ", card)
    assert "data/encoders/bert-mini-tier1" in card
    assert "Not for releasing a part" in card
    assert "| `ctwd_mm`" in read("cards/data.md")


def read_metrics(name: str) -> str:
    return Path("metrics", name).read_text(encoding="utf-8")
