"""The results page inside README.md: `make readme`, never by hand."""

import re
from pathlib import Path

from stages.beads.files import write_text

README, RESULTS = Path("README.md"), Path("plots/results.md")
START, END = "<!-- results: written by `make readme` -->\n", "<!-- end of results -->\n"


def embed(readme: str, results: str) -> str:
    """`readme` with `results` between its two marks, headings one level down."""
    lower = re.sub(r"^#", "##", results, flags=re.MULTILINE)
    before, rest = readme.split(START)
    return before + START + lower + END + rest.split(END)[1]


if __name__ == "__main__":
    page = embed(README.read_text(encoding="utf-8"), RESULTS.read_text(encoding="utf-8"))
    write_text(README, page)
