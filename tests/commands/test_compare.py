"""`llm4waam compare` and `make review` on a small repository with predictions in git."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT, SMALL_CARD, git

from llm4waam.commands.compare import compare_with
from llm4waam.core.errors import StudyError
from llm4waam.core.files import read_table, write_json, write_table

BEADS = [f"b{n:02d}" for n in range(60)]
TRUE = np.array([(n // 2) % 2 for n in range(60)], float)
WORDS = {"Parameters", "Data", "Predictions", "Other metrics", "Figures"}
SVG = "<svg xmlns='http://www.w3.org/2000/svg'><text>{}</text></svg>"
VERDICT = re.compile(r"\*\*Verdict: (.*?)\.?\*\*.*\n\Z")


def rows(model: str, right: float, task: str = "quality", seed: int = 0) -> pd.DataFrame:
    """Predictions: 50 beads out of fold and 10 held out, a share of them right."""
    hit = np.random.default_rng(seed).random(60) < right
    table = pd.DataFrame({"model": model, "repeat": 0, "bead": BEADS, "label": "Normal"})
    held = np.arange(60) >= 50
    table["fold"] = np.where(held, -1, np.arange(60) // 2 % 5)
    table["role"] = np.where(held, "hold_out", "oof")
    table["target"] = TRUE
    table["score"] = np.where(hit, TRUE, 1 - TRUE) * 0.8 + 0.1
    table = table.assign(loss=0.1, threshold=0.5)
    if task == "heat_input":
        value = 100 + np.arange(60.0)
        table = table.assign(label="heat_input_j_mm", target=value, threshold=None)
        table["score"] = value + np.random.default_rng(seed).normal(0, 20 * (1 - right), 60)
    return table


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one version of a small study on `main`; the folder is entered."""
    monkeypatch.chdir(tmp_path)
    params = {"dataset": "small", "dataset_format": "csv", "tasks": ["quality", "heat_input"]}
    params |= {"train": {"epochs": 12}, "target": {"quality": {"loss": "bce"}}}
    for name, text in {
        "params.yaml": yaml.safe_dump(params),
        "data/raw/small.yaml": SMALL_CARD,
        "data/raw/small.csv": "record\n1\n2\n",
        "plots/a.svg": SVG.format("old"),
        "Makefile": (ROOT / "Makefile").read_text(encoding="utf-8"),
        "requirements.txt": "",
        "pyproject.toml": "",
        "installed": "",
        ".gitignore": "/review/\n",
    }.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    write_json(Path("metrics/advice.json"), {"success": 0.3, "runs": [1, 2]})
    folds = rows("bert", 1)[["bead", "repeat", "fold"]].assign(
        cell=[f"c{n // 2}" for n in range(60)]
    )
    folds["role"] = np.where(folds["fold"] < 0, "test", "train")
    write_table(Path("data/split/folds.csv"), folds)
    for source, model in (("bert", "bert"), ("baselines", "catboost")):
        for task in ("quality", "heat_input"):
            write_table(prediction(task, source), rows(model, 0.6, task))
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "base")
    return tmp_path


def prediction(task: str = "quality", source: str = "bert") -> Path:
    return Path(f"data/predictions/{source}/{task}.csv")


def verdict(text: str) -> str:
    return VERDICT.search(text)[1]


@pytest.mark.usefixtures("version")
def test_where_nothing_differs_nothing_is_said() -> None:
    assert compare_with("main").text == ""


@pytest.mark.usefixtures("version")
def test_noise_of_another_processor_is_no_difference() -> None:
    for task in ("quality", "heat_input"):
        table = read_table(prediction(task))
        noise = 1 + np.random.default_rng(0).normal(0, 1e-6, len(table))
        write_table(prediction(task), table.assign(score=table["score"] * noise))
    assert compare_with("main").text == ""


@pytest.mark.usefixtures("version")
def test_a_planted_gain_is_better_and_its_beads_are_named() -> None:
    write_table(prediction(), rows("bert", 0.97, seed=1))
    review = compare_with("main")
    assert set(re.findall(r"### (.*)", review.text)) == {"Predictions"}
    assert verdict(review.text) == "better"
    assert "2 of 8 predictions" in review.text
    old, new = rows("bert", 0.6), rows("bert", 0.97, seed=1)
    moved = old["bead"][(old["score"] > 0.5) != (new["score"] > 0.5)]
    assert sorted(review.flips["bead"]) == sorted(moved)
    gained = review.flips.query("role == 'oof' and after == outcome")["bead"]
    assert f"now right {len(gained)} ({', '.join(gained[:12])}" in review.text


@pytest.mark.usefixtures("version")
def test_a_loss_is_worse_and_a_small_change_cannot_be_told() -> None:
    write_table(prediction("heat_input"), rows("bert", 0.05, "heat_input"))
    assert verdict(compare_with("main").text) == "worse"
    few = rows("bert", 0.6)
    few.loc[3, "score"] = 1 - few.loc[3, "score"]
    git("checkout", "-q", ".")
    write_table(prediction(), few)
    text = compare_with("main").text
    assert verdict(text) == "cannot be told"
    assert "b03" in text


@pytest.mark.usefixtures("version")
def test_gain_and_loss_are_both_told() -> None:
    write_table(prediction(), rows("bert", 0.99, seed=1))
    write_table(prediction("heat_input"), rows("bert", 0.05, "heat_input"))
    assert verdict(compare_with("main").text) == "better and worse"


@pytest.mark.usefixtures("version")
def test_only_the_beads_that_both_have_are_compared_and_the_others_are_named() -> None:
    folds = read_table(Path("data/split/folds.csv"))
    kept = folds[folds["bead"] != "b07"].copy()
    kept.loc[kept["bead"] == "b02", "fold"] = 4
    write_table(Path("data/split/folds.csv"), kept)
    for source in ("bert", "baselines"):
        for task in ("quality", "heat_input"):
            table = read_table(prediction(task, source)).query("bead != 'b07'")
            table.loc[table["bead"] == "b05", "target"] += 1 if task == "heat_input" else 0
            write_table(prediction(task, source), table)
    write_table(prediction(), rows("bert", 0.97, seed=1).query("bead != 'b07'"))
    text = compare_with("main").text
    assert "1 beads are no longer there: b07." in text
    assert "1 beads stand in another fold, or changed between training and hold-out: b02." in text
    assert "have another outcome and are left out below: b05." in text
    assert "48 out of fold" in text


@pytest.mark.usefixtures("version")
def test_parameters_data_metrics_and_figures_are_told() -> None:
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    params["target"]["quality"]["loss"] = "focal"
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    Path("data/raw/small.csv").write_text("record\n1\n3\n4\n", encoding="utf-8")
    mark = {"made_from": {"folds": "others"}}  # told by params.yaml, and no number
    write_json(Path("metrics/advice.json"), {"success": 0.4, "runs": [1, 3], **mark})
    Path("plots/a.svg").write_text(SVG.format("new"), encoding="utf-8")
    prediction("quality", "baselines").unlink()
    review = compare_with("main")
    assert set(re.findall(r"### (.*)", review.text)) == WORDS
    assert re.search(r"`target.quality.loss`\s*\| bce\s*\| focal", review.text)
    assert "The raw table differs: 1 lines before, 2 after." in review.text
    assert "Only before: catboost for quality." in review.text
    assert "`metrics/advice.json`: 2 values" in review.text
    assert "plots/a.svg (changed)" in review.page
    assert verdict(review.text) == "no prediction differs"


@pytest.mark.usefixtures("version")
def test_beads_of_another_table_are_not_paired_by_their_names() -> None:
    write_table(prediction(), rows("bert", 1))
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    params |= {"dataset": "other", "dataset_format": "xlsx"}
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    Path("data/raw/other.yaml").write_text(SMALL_CARD, encoding="utf-8")
    for there in (False, True):  # git need not hold the table; of a workbook no line is read
        if there:
            Path("data/raw/other.xlsx").write_bytes(b"PK\x03\x04\xff\xfe\n")
        found = compare_with("main")
        assert "`small` before, `other` after: their beads are not those" in found.text
        assert ("The raw table differs" in found.text) == there
        assert "### Predictions" not in found.text
        assert found.flips.empty
        assert verdict(found.text) == "cannot be told"


@pytest.mark.usefixtures("version")
def test_a_bead_with_another_outcome_is_another_bead_in_all_tasks() -> None:
    """As where a table was made anew with the same names, and half of the classes are as before."""
    write_table(prediction(), rows("bert", 1))
    for source, model in (("bert", "bert"), ("baselines", "catboost")):
        table = rows(model, 0.6, "heat_input")
        write_table(prediction("heat_input", source), table.assign(target=table["target"] + 7))
    found = compare_with("main")
    assert "60 beads have another outcome and are left out below" in found.text
    assert found.flips.empty
    assert verdict(found.text) == "cannot be told"


@pytest.mark.usefixtures("version")
def test_names_of_beads_are_no_markup() -> None:
    file = Path("data/split/folds.csv")
    folds = read_table(file)
    more = folds.iloc[:1].assign(bead="<img src=x>[a](b)\x1b[2J")
    write_table(file, pd.concat([folds, more]))
    assert "&lt;img src=x>\\[a\\](b)\\\\x1b\\[2J" in compare_with("main").text


@pytest.mark.usefixtures("version")
def test_a_base_without_predictions_is_one_line() -> None:
    git("rm", "-rq", "--cached", "data/predictions", "data/split")
    git("commit", "-qm", "none")
    with pytest.raises(StudyError, match=r"HEAD: .*folds.csv: there is no such file") as caught:
        compare_with("HEAD")
    assert "/tmp" not in str(caught.value)
    with pytest.raises(StudyError, match="git knows no such commit"):
        compare_with("nowhere")


def review(
    folder: Path, base: str = "main", *, by_environment: bool = False
) -> subprocess.CompletedProcess:
    known = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    known["PYTHONPATH"] = str(ROOT)
    # `make test` runs this too, and an inner make would tell which folder it enters.
    others = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    if by_environment:
        known["BASE"] = base
    named = [] if by_environment else [f"BASE={base}"]
    return subprocess.run(
        ["make", "review", "STAMP=installed", *named],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**others, **known},
    )


def test_make_review_writes_text_beads_and_figures(version: Path) -> None:
    done = review(version)
    assert (done.returncode, done.stdout) == (0, "")
    assert (version / "review/review.md").read_text(encoding="utf-8") == ""
    assert not (version / "review/index.html").exists()
    write_table(prediction(), rows("bert", 0.97, seed=1))
    (version / "plots/a.svg").write_text(SVG.format("new"), encoding="utf-8")
    done = review(version)
    assert done.returncode == 0
    assert done.stdout == (version / "review/review.md").read_text(encoding="utf-8")
    assert len(read_table(version / "review/flips.csv"))
    assert "plots/a.svg" in (version / "review/index.html").read_text(encoding="utf-8")
    done = review(version, base="nowhere")
    assert done.returncode
    assert "error: base: 'nowhere': git knows no such commit" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("place", ["command line", "environment"])
@pytest.mark.parametrize(
    "base",
    [
        "$(shell touch ran)", "${shell touch ran}", "$$(touch ran)", "`touch ran`", "$(touch ran)",
        'x"; touch ran; "', "x'; touch ran; '", "x;touch ran", "--output=ran", "a b", "",
    ],
)  # fmt: skip
def test_no_name_of_a_base_is_carried_out(version: Path, base: str, place: str) -> None:
    done = review(version, base=base, by_environment=place == "environment")
    assert done.returncode
    assert f"error: base: {base!r}: git knows no such commit" in done.stderr
    assert not (version / "ran").exists()


def test_a_branch_may_be_called_anything_that_git_allows(version: Path) -> None:
    for name in ("$(touch${IFS}ran)", "`touch${IFS}ran`", "a;touch${IFS}ran", "it's", 'a"b'):
        git("check-ref-format", "--branch", name)
        git("branch", name)
        done = review(version, base=name)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert not (version / "ran").exists()
