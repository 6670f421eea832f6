"""Figures of a commit beside those of the working tree, in a small repository."""

import base64
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from conftest import git

from llm4waam.commands.figures_page import figures_of, side_by_side
from llm4waam.core.ask_git import unpack
from llm4waam.core.errors import StudyError

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text id="a">{}</text></svg>\n'


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with figures: one that stays, one that changes, one that is removed, a new one.

    The folder is entered.
    """
    for name in ("stays", "changes", "goes/deep/down"):
        file = tmp_path / f"plots/{name}.svg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(SVG.format(name), encoding="utf-8")
    (tmp_path / "plots/table.csv").write_text("a\n1\n", encoding="utf-8")
    (tmp_path / "params.yaml").write_text("tasks: []\n", encoding="utf-8")
    (tmp_path / "elsewhere.svg").write_text(SVG.format("no plot"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "base")
    (tmp_path / "plots/changes.svg").write_text(SVG.format("changed"), encoding="utf-8")
    (tmp_path / "plots/goes/deep/down.svg").unlink()
    (tmp_path / "plots/bläu & new.svg").write_text(SVG.format("new"), encoding="utf-8")
    return tmp_path


def changed_figures(base: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The figures of the commit `base` and those of the folder."""
    with TemporaryDirectory() as folder:
        unpack(base, ["plots"], Path(folder))
        return figures_of(Path(folder)), figures_of(Path())


@pytest.mark.usefixtures("repository")
def test_both_sides_are_read_by_path() -> None:
    before, after = changed_figures("main")
    assert before == {
        f"plots/{name}.svg": SVG.format(name).encode()
        for name in ("stays", "changes", "goes/deep/down")
    }
    assert sorted(after) == ["plots/bläu & new.svg", "plots/changes.svg", "plots/stays.svg"]
    assert b"changed" in after["plots/changes.svg"]


@pytest.mark.parametrize("base", ["nowhere", "--all", "", "main:plots", "two\nlines"])
@pytest.mark.usefixtures("repository")
def test_a_base_that_is_no_commit_is_one_line(base: str) -> None:
    with pytest.raises(StudyError, match="git knows no such commit; expected a branch") as caught:
        changed_figures(base)
    assert "\n" not in str(caught.value)


def test_a_commit_or_tree_without_figures_has_none(repository: Path) -> None:
    git("rm", "-rqf", "plots")
    git("commit", "-qm", "no figures")
    (repository / "plots/bläu & new.svg").unlink()
    assert changed_figures("HEAD") == ({}, {})
    assert len(changed_figures("HEAD~1")[0]) == 3


@pytest.mark.usefixtures("repository")
def test_the_page_shows_what_differs_and_counts_the_rest() -> None:
    before, after = changed_figures("main")
    page = side_by_side("main", before, after, "Old & new", "<p>By <b>hand</b>.</p>")
    assert "<h1>Old &amp; new</h1>" in page
    assert "<p>By <b>hand</b>.</p>" in page
    headings = re.findall(r"<h2>(.*)</h2>", page)
    assert headings == [
        "plots/bläu &amp; new.svg (new)",
        "plots/changes.svg (changed)",
        "plots/goes/deep/down.svg (removed)",
    ]
    assert "3 figures differ between main and the working tree; 1 is the same" in page
    assert "plots/stays.svg" not in page
    shown = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert [base64.b64decode(one).decode() for one in shown] == [
        SVG.format(text) for text in ("new", "changes", "changed", "goes/deep/down")
    ]
    assert page.count("before (main)") == page.count("after (working tree)") == 3


@pytest.mark.usefixtures("repository")
def test_the_page_needs_no_network_and_runs_nothing() -> None:
    page = side_by_side("<script>", *changed_figures("main"), "<script>")
    assert "<script" not in page
    assert not re.search(r"https?:|url\(|@import|<link|<svg", page)


@pytest.mark.usefixtures("repository")
def test_without_a_difference_the_page_says_so() -> None:
    _, after = changed_figures("main")
    page = side_by_side("main", after, after, "Nothing")
    assert "No figure differs between main and the working tree; 3 are the same" in page
    assert "<h2>" not in page
