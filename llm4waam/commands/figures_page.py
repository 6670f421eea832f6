"""Figures of a commit beside those of the working tree, on one page that needs no network."""

import base64
from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from llm4waam.plotting.pages import templates

TEMPLATE = "figures_page.html.j2"
FIGURES = "plots"


def figures_of(root: Path) -> dict[str, bytes]:
    """The SVG files below plots/ of a version of the study, by path."""
    files = sorted((root / FIGURES).rglob("*.svg"))
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in files}


def changed(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[str]:
    """The paths of the figures that are not equal to the byte, or that one side alone has."""
    paths = sorted(before.keys() | after.keys())
    return [name for name in paths if before.get(name) != after.get(name)]


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
    pairs = [
        (name, _uri(figures_before, name), _uri(figures_after, name))
        for name in changed(figures_before, figures_after)
    ]
    environment = templates(Path(__file__).parent)
    return environment.get_template(TEMPLATE).render(
        base=base,
        title=title,
        intro=Markup(intro_html),
        pairs=pairs,
        same=len(figures_before.keys() | figures_after.keys()) - len(pairs),
    )


def _uri(figures: Mapping[str, bytes], name: str) -> str | None:
    """The figure as an address that holds it: an image of its own, whose ids nothing else sees."""
    if name not in figures:
        return None
    return f"data:image/svg+xml;base64,{base64.b64encode(figures[name]).decode('ascii')}"
