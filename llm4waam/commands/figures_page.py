"""Figures of a commit beside those of the working tree, on one page that needs no network."""

import base64
import subprocess
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from llm4waam.core.errors import StudyError

TEMPLATE = "figures_page.html.j2"
FIGURES = "plots"


def changed_figures(base: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The SVG files below plots/ by path: those of the commit `base`, those of the working tree.

    Run in the folder of the repository. Raises StudyError for a base that is no commit.
    """
    commit = _commit(base)
    listed = _git("ls-tree", "-r", "-z", "--name-only", commit, f"{FIGURES}/").decode().split("\0")
    before = {
        name: _git("cat-file", "blob", f"{commit}:{name}")
        for name in listed
        if name.endswith(".svg")
    }
    after = {file.as_posix(): file.read_bytes() for file in Path(FIGURES).rglob("*.svg")}
    return before, after


def side_by_side(
    base: str,
    figures_before: Mapping[str, bytes],
    figures_after: Mapping[str, bytes],
    title: str,
    intro_html: str = "",
) -> str:
    """The page: each figure that differs, before and after, with its path.

    `base` is what readers call the commit of `figures_before`. `intro_html` stands below the title
    as it is. Figures that are equal to the byte are left out and counted.
    """
    paths = sorted(figures_before.keys() | figures_after.keys())
    changed = [name for name in paths if figures_before.get(name) != figures_after.get(name)]
    pairs = [(name, _uri(figures_before, name), _uri(figures_after, name)) for name in changed]
    here, shared = Path(__file__).parent, Path(__file__).parents[1] / "plotting"
    environment = Environment(
        loader=FileSystemLoader([here, shared]), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template(TEMPLATE).render(
        base=base,
        title=title,
        intro=Markup(intro_html),
        pairs=pairs,
        same=len(paths) - len(changed),
    )


def _uri(figures: Mapping[str, bytes], name: str) -> str | None:
    """The figure as an address that holds it: an image of its own, whose ids nothing else sees."""
    if name not in figures:
        return None
    return f"data:image/svg+xml;base64,{base64.b64encode(figures[name]).decode('ascii')}"


def _commit(base: str) -> str:
    try:
        return (
            _git("rev-parse", "--verify", "--end-of-options", f"{base}^{{commit}}").decode().strip()
        )
    except StudyError:
        expected = "a branch, a tag or a commit of this repository"
        raise StudyError(
            "base", "git knows no such commit", value=base, expected=expected
        ) from None


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], capture_output=True)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise StudyError(f"git {arguments[0]}", said[-1])
    return done.stdout
