"""What a branch changes, for its review: `python .ci/review.py --base main`.

Writes review.md (parameters, headline metrics, every other metric, the figures) and
review/plots.html (old and new figures side by side). Everything it needs is in git: neither DVC's
cache nor a training.
"""

import argparse
import base64
import json
import subprocess
import sys
from html import escape
from pathlib import Path

PAGE, FIGURES = Path("review.md"), Path("review/plots.html")
MOST = 150  # rows of metrics; a comment of GitHub holds 65,536 characters
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:1rem;color:#1a1a1a}"
    ".pair{display:flex;flex-wrap:wrap;gap:1rem}figure{flex:1 1 20rem;margin:0}"
    "img{max-width:100%;border:1px solid #ccc}"
)


def git(*arguments: str) -> bytes:
    """What git prints; raises CalledProcessError where it fails."""
    return subprocess.run(["git", *arguments], check=True, capture_output=True).stdout


def dvc(*arguments: str) -> str:
    """What DVC prints, or the last line of why it does not."""
    done = subprocess.run(["dvc", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        return f"`dvc {arguments[0]} {arguments[1]}` failed: {last[0]}"
    table = done.stdout.strip()
    return table if table.count("\n") > 1 else "No change."  # a head alone


def at_base(base: str, path: str) -> bytes | None:
    """A file as it stands at `base`; None where it does not."""
    try:
        return git("show", f"{base}:{path}")
    except subprocess.CalledProcessError:
        return None


def changed(base: str, folder: str, suffix: str) -> list[str]:
    """Files under `folder` that are not as they are at `base`, new and deleted ones among them."""
    listed = git("diff", "--name-only", "--no-renames", base, "--", folder).decode()
    new = git("ls-files", "--others", "--exclude-standard", "--", folder).decode()
    return sorted({name for name in (listed + new).splitlines() if name.endswith(suffix)})


def flat(node: object, path: str = "") -> dict[str, object]:
    """Every value of a metrics file by its keys, joined with dots."""
    if not isinstance(node, dict):
        return {path: node}
    return {
        key: value
        for name, part in node.items()
        for key, value in flat(part, f"{path}.{name}" if path else name).items()
    }


def metric_rows(base: str) -> list[tuple[str, str, object, object]]:
    """(file, metric, before, after) of every value that differs."""
    rows = []
    for path in changed(base, "metrics", ".json"):
        now = Path(path)
        sides = (at_base(base, path), now.read_bytes() if now.is_file() else None)
        before, after = (flat(json.loads(text)) if text else {} for text in sides)
        for key in sorted(before.keys() | after.keys()):
            if before.get(key) != after.get(key):
                rows.append((path, key, before.get(key), after.get(key)))
    return rows


def metric_table(rows: list[tuple[str, str, object, object]]) -> str:
    """The rows as Markdown, the first of them where there are too many."""
    if not rows:
        return "No change."
    lines = ["| file | metric | before | after | change |", "| --- | --- | ---: | ---: | ---: |"]
    for path, key, before, after in rows[:MOST]:
        numbers = all(isinstance(v, (int, float)) for v in (before, after))
        gap = f"{after - before:+.4g}" if numbers else ""
        cells = [path, key, *("–" if v is None else str(v) for v in (before, after)), gap]
        lines.append(f"| {' | '.join(cells)} |")
    if len(rows) > MOST:
        lines.append(f"\nand {len(rows) - MOST} more.")
    return "\n".join(lines)


def figure_page(base: str, names: list[str]) -> str:
    """Old and new figures side by side, self-contained."""
    parts = [f"<!doctype html><meta charset=utf-8><title>Figures</title><style>{STYLE}</style>"]
    parts.append("<meta name=viewport content='width=device-width, initial-scale=1'>")
    for name in names:
        now = Path(name)
        sides = {base: at_base(base, name), "now": now.read_bytes() if now.is_file() else None}
        parts.append(f"<h2>{escape(name)}</h2><div class=pair>")
        for side, text in sides.items():
            source = "data:image/svg+xml;base64," + base64.b64encode(text or b"").decode()
            shown = f"<img alt='{escape(name)}' src='{source}'>" if text else "<p>not there</p>"
            parts.append(f"<figure><figcaption>{escape(side)}</figcaption>{shown}</figure>")
        parts.append("</div>")
    return "\n".join(parts) + "\n"


def main() -> None:
    """Write the page and the figures; a base that is no commit ends in one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="main", help="branch or commit to compare with")
    base = parser.parse_args().base
    try:
        git("rev-parse", "--verify", "--quiet", f"{base}^{{commit}}")
    except subprocess.CalledProcessError:
        sys.exit(f"BASE: {base!r}: no such branch or commit; expected one that `git log` shows")
    figures = changed(base, "plots", ".svg")
    listed = "\n".join(f"- `{name}`" for name in figures) or "No change."
    sections = {
        "Parameters": dvc("params", "diff", base, "--md"),
        "Headline metrics": dvc("metrics", "diff", base, "--md"),
        "Every metric that changed": metric_table(metric_rows(base)),
        f"Figures (side by side in {FIGURES})": listed,
    }
    text = "\n\n".join(f"## {heading}\n\n{body}" for heading, body in sections.items())
    PAGE.write_text(f"# Against {base}\n\n{text}\n", encoding="utf-8")
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(figure_page(base, figures), encoding="utf-8")
    print(f"see {PAGE} and {FIGURES}")


if __name__ == "__main__":
    main()
