"""The page of advice, one a language: an entry for each of some beads, and what advice is worth."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from llm4waam.advice.counterfactual import process_map
from llm4waam.advice.figures import contribution_figure, process_map_figure
from llm4waam.advice.findings import Examiner
from llm4waam.advice.narration import narrate, words
from llm4waam.card.card import Card
from llm4waam.plotting.pages import DASH, drawing
from llm4waam.plotting.style import save

TEMPLATE = "advice.html.j2"
FILES = {"en": "advice.html", "ko": "advice.ko.html"}  # the pages by language, in one folder
# As seen from the folder of these pages.
REPORTS = {"en": "../report/report.html", "ko": "../report/report.ko.html"}
# The rows of the tables: keys of metrics/advice.json, whose words stand in words.yaml.
SUCCESS = (
    "bad_beads", "thought_normal", "outside", "no_change_found", "advised_beads", "expected",
    "as_run", "random", "advised", "difference", "difference_low", "difference_high",
)  # fmt: skip
CERTAIN = (
    "log_loss_base_rate", "log_loss_before", "log_loss_after", "coverage", "coverage_low",
    "coverage_high", "median_relative_width",
)  # fmt: skip
FAITHFUL = (
    "completeness_gap", "deletion", "deletion_random", "insertion", "insertion_random",
    "agreement_seeds", "agreement_templates", "agreement_gradient_boosting",
    "agreement_random_weights",
)  # fmt: skip


@dataclass(frozen=True)
class BeadEntry:
    """One bead on the page: its name, the labels of the table, the narration by language, figures.

    `process_map` is None for a bead without one.
    """

    bead: str
    labels: str
    texts: dict[str, str]
    reasons: Path
    process_map: Path | None


def make_entries(
    examiner: Examiner, beads: Iterable[pd.Series], folder: Path
) -> Iterator[BeadEntry]:
    """The entries of `beads`, whose drawings are written into `folder`."""
    card, training = examiner.predictor.card, examiner.predictor.domain.training
    for number, bead in enumerate(beads, start=1):
        findings = examiner.examine(bead)
        reasons, map_file = folder / f"bead_{number}_reasons.svg", None
        figure = contribution_figure(findings.attribution, bead, card)
        save(reasons, figure, simulated=card.simulated)
        process = process_map(examiner.adviser, bead)
        if process is not None:
            map_file = folder / f"bead_{number}_process_map.svg"
            figure = process_map_figure(process, findings, training, card)
            save(map_file, figure, simulated=card.simulated)
        texts = {name: narrate(findings, card, name) for name in FILES}
        yield BeadEntry(str(bead["bead"]), str(bead["labels"]), texts, reasons, map_file)


def spread_over(examiner: Examiner, beads: pd.DataFrame, count: int) -> pd.DataFrame:
    """`count` of the beads, evenly from the least to the greatest probability of a normal one."""
    order = np.argsort(examiner.adviser.chance(beads), kind="stable")
    places = np.linspace(0, len(beads) - 1, min(count, len(beads))).round().astype(int)
    return beads.iloc[order[np.unique(places)]]


def render(
    entries: list[BeadEntry], metrics: dict, language: str, card: Card, plots: Path, **facts: str
) -> str:
    """The page, self-contained and the same bytes from the same sources.

    `metrics` is metrics/advice.json; `plots` holds importance.svg and success.svg; `facts` fill
    the texts of words.yaml in.
    """
    texts = words()["page"]

    def say(key: str, **values: object) -> str:
        return texts[key][language].format(**values)

    def table(columns: list[str], keys: tuple[str, ...], values: list[dict]) -> tuple[list, list]:
        head = [texts["groups"][name][language] for name in ("measure", *columns)]
        known = [key for key in keys if any(key in one for one in values)]
        rows = [[texts["rows"][k][language], *(shown(one.get(k)) for one in values)] for k in known]
        return head, rows

    success, certain, faithful = (metrics[n] for n in ("advice", "certainty", "faithfulness"))
    tables = {
        "worth": table(list(success), SUCCESS, list(success.values())),
        "certainty": table(list(certain), CERTAIN, list(certain.values())),
        "faithful": table(["value"], FAITHFUL, [faithful]),
    }
    here, shared = Path(__file__).parent, Path(__file__).parents[1] / "plotting"
    environment = Environment(
        loader=FileSystemLoader([here, shared]), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    other = next(name for name in FILES if name != language)
    return environment.get_template(TEMPLATE).render(
        language=language,
        other={"language": other, "file": FILES[other]},
        report=REPORTS[language],
        say=say,
        banner=say("simulated") if card.simulated else say("measured", title=card.title),
        facts=facts | {"beads": faithful["beads"]},
        tables=tables,
        entries=entries,
        drawn=drawn,
        plots=plots,
    )


def empty(reason: str, language: str) -> str:
    """The page of a table that no advice can be given for."""
    heading = words()["page"]["title"][language]
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head><meta charset="utf-8">'
        f"<title>{heading}</title></head>\n<body><h1>{heading}</h1><p>{escape(reason)}</p></body>\n"
        "</html>\n"
    )


def drawn(file: Path) -> Markup:
    """A figure's file as a part of the page."""
    return drawing(file.read_text(encoding="utf-8"))


def shown(value: float | int | None) -> str:
    """A count as it is, a share with three decimals, an undefined one as a dash."""
    if value is None:
        return DASH
    return str(value) if isinstance(value, int) else f"{value:.3f}"
