"""`llm4waam compare BASE`: what the working tree changes, bead by bead, and whether that is real.

The text is Markdown, for a terminal and for the comment of a pull request; its last line is the
verdict. Where nothing differs it is empty.
"""

import json
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from llm4waam.commands.figures_page import changed, figures_of, side_by_side
from llm4waam.core.ask_git import unpack
from llm4waam.core.dotted import dotted
from llm4waam.core.errors import StudyError
from llm4waam.core.escapes import in_markdown
from llm4waam.core.files import write_table, write_text
from llm4waam.core.made_from import KEY
from llm4waam.core.settings import Params, read_params
from llm4waam.evaluation.significance import BETTER, UNTOLD, WORSE
from llm4waam.evaluation.versions import ROLES, Comparison, compare_versions, read_version
from llm4waam.plotting.pages import markdown_table, number, probability, sentence_case, signed
from llm4waam.plotting.style import title

# All of a version that stands in git and is compared.
KEPT = ("params.yaml", "data/raw", "data/split", "data/predictions", "metrics", "plots")
NAMED = 12  # beads of a line; all of them stand in flips.csv
# Their numbers follow from predictions, which are compared themselves.
FOLLOW = ("metrics/summary.json", "metrics/comparisons.json")


@dataclass(frozen=True)
class Review:
    """The text, the beads whose decision differs, and the page of the figures that differ."""

    text: str
    flips: pd.DataFrame
    page: str | None


def compare_with(base: str) -> Review:
    """Compare the working tree, in the current folder, with the commit `base`.

    Raises StudyError for a base that is no commit, or one without predictions in git.
    """
    with tempfile.TemporaryDirectory() as folder:
        before, here = Path(folder), Path()
        unpack(base, KEPT, before)
        if not (before / "params.yaml").is_file():
            raise StudyError(
                base, "the commit has no params.yaml", expected="a version of this study"
            )
        try:
            old = read_version(before)
        except StudyError as error:
            raise StudyError(base, str(error).replace(f"{folder}/", "")) from None
        found = compare_versions(old, read_version(here))
        parts = [*_parameters(before, here), *_data(before, here, found)]
        parts += [*_predictions(found), *_others(before, here)]
        figures = figures_of(before), figures_of(here)
    differing = changed(*figures)
    if differing:
        shown = "`make review` shows them side by side in `review/index.html`"
        parts += ["### Figures", f"{len(differing)} differ: {shown}."]
    if not parts:
        logging.info("no difference to %s", base)
        return Review("", found.flips, None)
    head = f"## What changes against `{base}`"
    text = "\n\n".join([head, *parts, _verdict(found)]) + "\n"
    page = side_by_side(base, *figures, "Figures before and after") if differing else None
    return Review(text, found.flips, page)


def write_review(review: Review, folder: Path) -> None:
    """Write `review.md`, `flips.csv` and, where figures differ, `index.html`; no old page stays."""
    write_text(folder / "review.md", review.text)
    write_table(folder / "flips.csv", review.flips, escaped=True)
    (folder / "index.html").unlink(missing_ok=True)
    if review.page:
        write_text(folder / "index.html", review.page)


def _parameters(before: Path, after: Path) -> Iterator[str]:
    old, new = (
        dotted(yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8")))
        for root in (before, after)
    )
    lines = [
        [f"`{name}`", *(_value(side.get(name, "–")) for side in (old, new))]
        for name in dict.fromkeys([*old, *new])
        if old.get(name, "–") != new.get(name, "–")
    ]
    if lines:
        table = pd.DataFrame(lines, columns=["parameter", "before", "after"])
        yield "### Parameters"
        yield markdown_table(table, left=3)


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else str(value)


def _data(before: Path, after: Path, found: Comparison) -> Iterator[str]:
    told = []
    if found.datasets:
        old, new = found.datasets
        told.append(f"`{old}` before, `{new}` after: their beads are not those of each other.")
    files = [
        [root / file for file in (params.raw_file, params.card_file)]
        for root in (before, after)
        for params in [read_params(Params, root / "params.yaml")]
    ]
    for name, *both in zip(("raw table", "card"), *files, strict=True):
        if not all(file.is_file() for file in both):
            logging.info("the %s does not stand in git, and is not compared", name)
            continue
        lines = [file.read_bytes().splitlines() for file in both]
        if lines[0] != lines[1]:
            sides = [len(set(a) - set(b)) for a, b in (lines, lines[::-1])]
            told.append(f"The {name} differs: {sides[0]} lines before, {sides[1]} after.")
    for beads, text in (
        (found.gone, "are no longer there"),
        (found.new, "are new"),
        (found.changed_beads, "have another outcome and are left out below"),
        (found.moved, "stand in another fold, or changed between training and hold-out"),
    ):
        if beads:
            told.append(f"{len(beads)} beads {text}: {_named(beads)}.")
    if told:
        yield "### Data"
        yield "\n".join(f"- {line}" for line in told)


def _named(beads: list[str]) -> str:
    more = len(beads) - NAMED
    return ", ".join(map(in_markdown, beads[:NAMED])) + (f" and {more} more" if more > 0 else "")


def _predictions(found: Comparison) -> Iterator[str]:
    told = [f"Only {side}: {', '.join(names)}." for side, names in found.only.items() if names]
    rows = found.table
    if len(rows) or told:
        yield "### Predictions"
    if told:
        yield "\n".join(f"- {line}" for line in told)
    if not len(rows):
        return
    yield (
        f"{len(rows)} of {len(rows) + found.same} predictions (task, model, out of fold or "
        "hold-out) differ by more than rounding. On the beads that both versions have; brackets: "
        "95 % paired bootstrap over cells; p adjusted by Holm for all rows."
    )
    lines = [
        [
            title(row.task),
            title(row.model),
            f"{row.beads} {ROLES[row.role]}",
            f"{title(row.metric)} {number(row.before)}",
            number(row.after),
            f"{signed(row.difference)} ({number(row.low)} to {number(row.high)})",
            probability(row.p_holm),
            row.verdict or "not defined",
        ]
        for row in rows.itertuples()
    ]
    head = ["task", "model", "beads", "before", "after", "difference", "p", "verdict"]
    yield markdown_table(pd.DataFrame(lines, columns=head), left=3)
    if len(found.flips):
        yield "Beads whose outcome flipped:"
        yield "\n".join(_flipped(found))


def _flipped(found: Comparison) -> Iterator[str]:
    """A line for each task, model and role: the beads now right, now wrong, and wrong otherwise."""
    mcnemar = found.table.set_index(["task", "model", "role"])["p_mcnemar"]
    for key, part in found.flips.groupby(["task", "model", "role"], sort=False):
        was, now = (part[side] == part["outcome"] for side in ("before", "after"))
        kinds = {"now right": ~was & now, "now wrong": was & ~now, "wrong otherwise": ~was & ~now}
        told = [
            f"{name} {chosen.sum()} ({_named(part.loc[chosen, 'bead'].tolist())})"
            for name, chosen in kinds.items()
            if chosen.any()
        ]
        task, model, role = key
        p = probability(mcnemar[key])
        yield f"- {title(task)}, {title(model)}, {ROLES[role]}: {'; '.join(told)}; McNemar p {p}"


def _others(before: Path, after: Path) -> Iterator[str]:
    """The metrics that follow from no prediction, by the number of their values that differ."""
    told = []
    names = {
        str(file.relative_to(root)) for root in (before, after) for file in _free_metrics(root)
    }
    for name in sorted(names):
        old, new = (
            dotted(_list_as_dict(_measured(file))) if (file := root / name).is_file() else {}
            for root in (before, after)
        )
        count = sum(old.get(key) != new.get(key) for key in {*old, *new})
        if count:
            told.append(f"- `{name}`: {count} values")
    if told:
        yield "### Other metrics"
        yield "\n".join(told)


def _free_metrics(root: Path) -> Iterator[Path]:
    for file in (*(root / "metrics").glob("*.json"), *(root / "metrics/ablations").glob("*.json")):
        if str(file.relative_to(root)) not in FOLLOW:
            yield file


def _measured(file: Path) -> dict:
    """The numbers of a file; what they were made from is told by params.yaml."""
    found = json.loads(file.read_text(encoding="utf-8"))
    return {key: value for key, value in found.items() if key != KEY}


def _list_as_dict(value: object) -> object:
    if isinstance(value, list):
        return {str(n): _list_as_dict(part) for n, part in enumerate(value)}
    if isinstance(value, dict):
        return {key: _list_as_dict(part) for key, part in value.items()}
    return value


def _verdict(found: Comparison) -> str:
    """The last line: better, worse, or cannot be told; with what it is about."""
    if found.datasets:
        return f"**Verdict: {UNTOLD}.** The versions are of two tables: nothing is compared."
    if not len(found.table) and not found.same:
        return f"**Verdict: {UNTOLD}.** There is no bead that both versions predicted."
    if not len(found.table):
        return "**Verdict: no prediction differs.**"
    told = {
        said: [
            f"{title(row.task)} by {title(row.model)} ({ROLES[row.role]}, {signed(row.difference)})"
            for row in found.table[found.table["verdict"] == said].itertuples()
        ]
        for said in (BETTER, WORSE)
    }
    named = [said for said, rows in told.items() if rows]
    if not named:
        return f"**Verdict: {UNTOLD}.** No difference is larger than chance would make it."
    if len(named) == 1:
        return f"**Verdict: {named[0]}.** {sentence_case(', '.join(told[named[0]]))}."
    both = "; ".join(f"{said}: {', '.join(told[said])}" for said in named)
    return f"**Verdict: {' and '.join(named)}.** {sentence_case(both)}."
