"""The pages that stages wrote, inside README.md: `make readme`, never by hand."""

import re
from pathlib import Path

from stages.beads.files import write_text

README = Path("README.md")
PAGES = {  # name of the marks -> page, levels that its headings go down
    "results": (Path("plots/results.md"), 1),
    "parity": (Path("plots/parity.md"), 2),
    "ladder": (Path("plots/ladder.md"), 2),
    "losses": (Path("plots/losses.md"), 2),
}


def embed(readme: str, root: Path = Path()) -> str:
    """`readme` with every page between its two marks, its headings lowered to their place."""
    for name, (page, levels) in PAGES.items():
        start = f"<!-- {name}: written by `make readme` -->\n"
        end = f"<!-- end of {name} -->\n"
        text = (root / page).read_text(encoding="utf-8")
        lower = re.sub(r"^#", "#" * (levels + 1), text, flags=re.MULTILINE)
        before, rest = readme.split(start)
        readme = before + start + lower + end + rest.split(end)[1]
    return readme


if __name__ == "__main__":
    write_text(README, embed(README.read_text(encoding="utf-8")))
