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
from llm4waam.advice.findings import Examiner, good_beads
from llm4waam.advice.narration import Writer, narrate
from llm4waam.advice.settings import Advice, Language
from llm4waam.advice.wording import in_language, words
from llm4waam.card.card import Card
from llm4waam.plotting.pages import DASH, drawing
from llm4waam.plotting.style import save, title

TEMPLATE = "advice.html.j2"
FILES = {"en": "advice.html", "ko": "advice.ko.html"}  # the pages by language, in one folder
# As seen from the folder of these pages.
REPORTS = {"en": "../report/report.html", "ko": "../report/report.ko.html"}
# The rows and columns of the tables: keys of metrics/advice.json, whose words stand in words.yaml.
SUCCESS = ("size", "expected", "as_run", "random", "advised", "oracle")
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
    [outcome, *_] = card.tasks[examiner.predictor.aim].columns
    good = good_beads(examiner.predictor)
    for number, bead in enumerate(beads, start=1):
        findings = examiner.examine(bead)
        reasons, map_file = folder / f"bead_{number}_reasons.svg", None
        figure = contribution_figure(findings.attribution, bead, card)
        save(reasons, figure, simulated=card.simulated)
        process = process_map(examiner.adviser, bead)
        if process is not None:
            map_file = folder / f"bead_{number}_process_map.svg"
            figure = process_map_figure(process, findings, training, good, card)
            save(map_file, figure, simulated=card.simulated)
        texts = {name: narrate(findings, card, name) for name in FILES}
        yield BeadEntry(str(bead["bead"]), str(bead[outcome]), texts, reasons, map_file)


def spread_over(examiner: Examiner, beads: pd.DataFrame, count: int) -> pd.DataFrame:
    """`count` of the beads, evenly from the least to the greatest probability of a normal one."""
    predictor = examiner.predictor
    chances = predictor.chance_of_good(predictor.probabilities(beads, predictor.aim))
    order = np.argsort(chances, kind="stable")
    places = np.linspace(0, len(beads) - 1, min(count, len(beads))).round().astype(int)
    return beads.iloc[order[np.unique(places)]]


@dataclass(frozen=True)
class Page:
    """The words of the page in one language."""

    language: Language
    card: Card

    def say(self, key: str, **values: object) -> str:
        """A text of words.yaml with its values."""
        return words()["page"][key][self.language].format(**values)

    def row(self, key: str) -> str:
        """The name of a measure."""
        return words()["page"]["rows"][key][self.language]

    def group(self, key: str, **values: object) -> str:
        """The name of a group of beads, or the head of a column; of another task its own name."""
        known = words()["page"]["groups"].get(key)
        return known[self.language].format(**values) if known else title(key)

    def measures(
        self, columns: list[str], keys: tuple[str, ...], values: list[dict]
    ) -> tuple[list[str], list[list[str]]]:
        """Head and rows of a table with a row for each of `keys`."""
        known = [key for key in keys if any(key in one for one in values)]
        head = [self.group(name) for name in ("measure", *columns)]
        return head, [[self.row(key), *(shown(one.get(key)) for one in values)] for key in known]

    def success(self, tried: dict) -> tuple[list[str], list[list[str]]]:
        """Head and rows of a table with a row for each group of advised beads."""
        writer = Writer(self.card, self.language)
        groups = [(self.group("all"), tried | {"beads": tried["advised_beads"]})]
        for kind, one in tried["by_kind"].items():
            name = words()["kinds"][kind][self.language]
            groups.append((self.group("by_kind", name=name), one))
        defects = {label.lower().replace(" ", "_"): label for label in words()["labels"]}
        for defect, one in tried["by_defect"].items():
            name = writer.name("labels", defects.get(defect, defect))
            groups.append((self.group("by_defect", name=name), one))
        for part in ("by_size", "by_chance"):
            for bounds, one in tried[part].items():
                low, high = bounds.removeprefix("from_").split("_to_")
                ends = [f"{float(end) / 100:g}" for end in (low, high) if end != "more"]
                key = f"{part}_more" if high == "more" else part
                groups.append((self.group(key, low=ends[0], high=ends[-1]), one))
        if tried["without_encoders"]:
            groups.append((self.group("without_encoders"), tried["without_encoders"]))
        head = [self.group("group"), self.group("count"), *map(self.row, SUCCESS)]
        rows = [
            [name, str(one["beads"]), *(shown(one.get(key)) for key in SUCCESS)]
            for name, one in groups
            if one["beads"]
        ]
        return head, rows


def render(
    entries: list[BeadEntry],
    metrics: dict,
    language: Language,
    card: Card,
    plots: Path,
    settings: Advice,
    encoder: str,
) -> str:
    """The page, self-contained and the same bytes from the same sources.

    `metrics` is metrics/advice.json; `plots` holds importance.svg and success.svg; `encoder` is
    the name of the one that is explained.
    """
    page = Page(language, card)
    tried, certain, faithful = (metrics[n] for n in ("advice", "certainty", "faithfulness"))
    tables = {
        "certainty": page.measures(list(certain), CERTAIN, list(certain.values())),
        "faithful": page.measures(["value"], FAITHFUL, [faithful]),
    }
    facts = {
        "encoder": encoder,
        "bar": f"{settings.bar:.0%}".replace("%", " %"),
        "members": ", ".join(map(title, settings.members)),
        "background": settings.background,
        "beads": faithful["beads"],
        "runs": settings.trial.runs,
    }
    if tried:
        facts |= {name: tried[name] for name in ("bad_beads", "advised_beads")}
    if tried and tried["advised_beads"]:
        tables["worth"] = page.success(tried)
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
        say=page.say,
        banner=page.say("simulated") if card.simulated else page.say("measured", title=card.title),
        facts=facts,
        tables=tables,
        entries=entries,
        drawn=drawn,
        plots=plots,
    )


def empty(reason: str, language: Language, card: Card) -> str:
    """The page of a table that no advice can be given for."""
    reason = in_language(reason, card, language)
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
