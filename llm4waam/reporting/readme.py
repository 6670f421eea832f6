"""The pages that stages wrote, inside the READMEs: `make readme`, never by hand."""

import re
from pathlib import Path

from llm4waam.core.files import write_text

SWEEPS = ("groups", "information", "calibration", "intervals", "rates", "samples", "noise")
PAGES = {  # README -> name of the marks -> page, levels that its headings go down
    "README.md": {
        "results": ("plots/results.md", 1),
        "protocols": ("plots/trials/protocols.md", 2),
    },
    "README.ko.md": {"results": ("plots/results.md", 1)},
    "sweeps/README.md": {
        "losses": ("plots/losses.md", 1),
        **{name: (f"plots/trials/{name}.md", 1) for name in SWEEPS},
        "ladder": ("plots/ladder.md", 1),
    },
}


def embed(readme: str, name: str, root: Path = Path()) -> str:
    """The text `readme` of the file `name` with every page between its two marks.

    The headings of a page are lowered to their place.
    """
    for mark, (page, levels) in PAGES[name].items():
        start = f"<!-- {mark}: written by `make readme` -->\n"
        end = f"<!-- end of {mark} -->\n"
        text = (root / page).read_text(encoding="utf-8")
        lower = re.sub(r"^#", "#" * (levels + 1), text, flags=re.MULTILINE)
        before, rest = readme.split(start)
        readme = before + start + lower + end + rest.split(end)[1]
    return readme


if __name__ == "__main__":
    for name in PAGES:
        write_text(Path(name), embed(Path(name).read_text(encoding="utf-8"), name))
