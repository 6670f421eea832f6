"""The page of advice, one a language: a sheet for each of some beads, an index of all of them, and
what advice is worth."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup, escape

from llm4waam.advice.entries import BeadEntry
from llm4waam.advice.figures import SMALLEST, drawn_fields, weighty
from llm4waam.advice.findings import Findings
from llm4waam.advice.narration import tell
from llm4waam.advice.settings import Advice, Language
from llm4waam.advice.verdicts import CLOSE, FEW, Verdicts, percent
from llm4waam.advice.wording import in_language, page_words, titled, with_forms
from llm4waam.advice.writer import Writer
from llm4waam.card import labels
from llm4waam.card.card import Card
from llm4waam.plotting.pages import DASH, drawing, templates

TEMPLATE = "advice.html.j2"
FILES = {"en": "advice.html", "ko": "advice.ko.html"}  # the pages by language, in one folder
# As seen from the folder of these pages.
REPORTS = {"en": "../report/report.html", "ko": "../report/report.ko.html"}


@dataclass(frozen=True)
class Page:
    """The words of the page in one language, and what it shows of a bead."""

    writer: Writer
    facts: dict[str, object]

    def say(self, key: str, part: str | int | None = None, **values: object) -> str:
        """A text of page_words.yaml, or the part of one, with its values."""
        text = page_words()[key] if part is None else page_words()[key][part]
        values = self.facts | values
        return text[self.writer.language].format(**values, **with_forms(values))

    def outcome(self, entry: BeadEntry) -> str:
        """What the inspection found."""
        if not entry.found:
            return self.say("unknown")
        return self.writer.labels(labels.split(entry.found))

    def expected(self, findings: Findings) -> str:
        """The labels that are expected, or the class; where the models disagree, the class."""
        if findings.models_disagree and not findings.defects:
            return self.say("bad_of_some_kind")
        if findings.named:
            return self.writer.labels(findings.named)
        return self.writer.labels([findings.normal]) if findings.thinks_normal else DASH

    def in_short(self, entry: BeadEntry) -> str:
        """The advice in the index, or why there is none."""
        findings = entry.findings
        if findings.reason:
            return self.say("none_short", findings.reason)
        first = findings.advice.changes[0]
        return self.say(
            "advice_short",
            moves=self.writer.moves_with_arrows(first.moves),
            before=self.writer.share(findings.advice.chance),
            after=self.writer.share(first.chance),
        )

    def index_row(self, entry: BeadEntry) -> dict[str, object]:
        """Cells of the index: name, number of its sheet, expectation, outcome, advice."""
        findings, found = entry.findings, self.outcome(entry)
        if entry.good is not None and entry.good != findings.thinks_normal:
            found = self.say("alarm" if entry.good else "missed", labels=found)
        p = self.writer.share(findings.chance)
        cells = (self.expected(findings), p, found, self.in_short(entry))
        return {"bead": entry.bead, "number": entry.number, "cells": cells}

    def index_text(self, entries: Sequence[BeadEntry]) -> str:
        """How often model and inspection agree, and who gets advice."""
        known = [one for one in entries if one.good is not None]
        thinks = [(one.findings.thinks_normal, one.good) for one in known]
        counts = {
            "known": len(known),
            "agree": sum(thought == good for thought, good in thinks),
            "missed": sum(thought and not good for thought, good in thinks),
            "alarms": sum(good and not thought for thought, good in thinks),
            "advised": sum(not one.findings.reason for one in entries),
            "without": sum(not one.good and bool(one.findings.reason) for one in known),
        }
        return self.say("index_text", **counts)

    def sheet(self, entry: BeadEntry) -> dict[str, object]:
        """What the sheet of a bead says, beside its drawings."""
        findings = entry.findings
        told = tell(findings, self.writer.card, self.writer.language)
        return {
            "entry": entry,
            "told": told,
            "found": self.say("found" if entry.found else "not_found", labels=self.outcome(entry)),
            "chances": self._chances(findings),
            "doubts": [*told.doubts_after, *told.doubts],
            "no_reasons": self.say("no_reasons" if told.reliable else "untrusted"),
            "reasons_caption": self._reasons_caption(findings),
            "map_caption": self._map_caption(entry),
        }

    def _chances(self, findings: Findings) -> list[tuple[str, str, str]]:
        """(class, number, what it is): chances before and after, and what was measured."""
        share, advice = self.writer.share, findings.advice
        found = [("own", share(findings.chance), self.say("probability"))]
        if advice.chance is not None:
            found.append(("before", share(advice.chance), self.say("before")))
        if advice.changes and not findings.reason:
            found.append(("after", share(advice.changes[0].chance), self.say("after")))
            if findings.record:
                beads, measured = findings.record
                found.append(("record", share(measured), self.say("record", beads=beads)))
        return found

    def _reasons_caption(self, findings: Findings) -> str:
        said = [self.say("reasons_caption", good=self.writer.good(findings))]
        if findings.attribution is None:
            return said[0]
        left = len(findings.attribution.values) - len(drawn_fields(findings.attribution))
        return " ".join(said + [self.say("small", count=left)] * bool(left))

    def _map_caption(self, entry: BeadEntry) -> str:
        if entry.process_map is None:
            return self.say("no_map")
        said = [self.say("map_caption", good=self.writer.good(entry.findings))]
        moves = [] if entry.findings.reason else entry.findings.advice.moves
        hidden = [self.writer.name("fields", m.field) for m in moves if m.field not in entry.axes]
        if hidden:
            key = "arrow_short" if len(hidden) < len(moves) else "no_arrow"
            said.append(self.say(key, fields=self.writer.join(hidden)))
        elif moves:
            said.append(self.say("arrow"))
        return " ".join(said)

    def importance_caption(self, shares: pd.DataFrame, constant: Collection[str]) -> str:
        """What the figure shows, and which fields it leaves out for want of a contribution."""
        left = [name for name in shares.index if name not in weighty(shares).index]
        said = [self.say("importance_caption")]
        for key, names in (
            ("importance_none", [name for name in left if name not in constant]),
            ("constant", [name for name in left if name in constant]),
        ):
            if names:
                fields = self.writer.join([self.writer.name("fields", name) for name in names])
                said.append(self.say(key, fields=fields, least=f"{100 * SMALLEST:g} %"))
        return " ".join(said)


@dataclass(frozen=True)
class Worth:
    """What was measured: metrics/advice.json, and each field's share of all contributions.

    `shares` are (fields, models), see `faithfulness`; `constant` are the fields that have one value
    in all training beads; `members` are those of the ensemble.
    """

    metrics: dict
    shares: pd.DataFrame
    constant: Collection[str]
    members: Sequence[str]


def in_short(
    entries: Sequence[BeadEntry], language: Language, card: Card, settings: Advice
) -> dict[str, list]:
    """The beads with a sheet as the report shows them: `head` and `rows` of a table."""
    writer = Writer(card, language)
    facts = {"bar": writer.share(settings.bar), "good": writer.good(entries[0].findings)}
    page = Page(writer, facts)
    keys = ("bead", "expected", "probability", "found", "advice")
    sheets = sorted((one for one in entries if one.number), key=lambda one: one.number)
    rows = [[f"{one.number}. {one.bead}", *page.index_row(one)["cells"]] for one in sheets]
    return {"head": [page.say("columns", key) for key in keys], "rows": rows}


def render(
    entries: Sequence[BeadEntry],
    worth: Worth,
    language: Language,
    card: Card,
    plots: Path,
    settings: Advice,
) -> str:
    """The page, self-contained and the same bytes from the same sources.

    `plots` holds importance.svg and, where advice was tried, success.svg.
    """
    writer = Writer(card, language)
    tried, certain, faithful = (worth.metrics[n] for n in ("advice", "certainty", "faithfulness"))
    sheets = sorted((one for one in entries if one.number), key=lambda one: one.number)
    facts = {
        "encoder": titled(settings.encoder, language),
        "bar": writer.share(settings.bar),
        "members": ", ".join(titled(name, language) for name in worth.members),
        "background": settings.background,
        "beads": faithful["beads"],
        "runs": settings.trial.runs,
        "hold_out": len(entries),
        "shown": len(sheets),
        "advised_here": sum(not one.findings.reason for one in entries),
        "good": writer.good(entries[0].findings),
        "title": card.title,
    }
    page, verdicts = Page(writer, facts), Verdicts(writer)
    environment = templates(Path(__file__).parent)
    environment.filters["unbroken"] = unbroken
    other = next(name for name in FILES if name != language)
    return environment.get_template(TEMPLATE).render(
        language=language,
        other={"language": other, "file": FILES[other]},
        report=REPORTS[language],
        page=page,
        banner=page.say("simulated" if card.simulated else "measured"),
        opening=_opening(page, verdicts, tried, certain[entries[0].findings.aim]),
        terms=[page.say("terms", name) for name in page_words()["terms"]],
        sheets=[page.sheet(one) for one in sheets],
        index=[page.index_row(one) for one in entries],
        index_text=page.index_text(entries),
        worth=_worth(page, verdicts, tried),
        probabilities=verdicts.probabilities(certain),
        intervals=verdicts.intervals(certain),
        explanations=verdicts.explanations(faithful),
        importance=page.importance_caption(worth.shares, worth.constant),
        how=[page.say("how_list", number) for number in range(len(page_words()["how_list"]))],
        drawn=lambda file: drawn(file, language),
        plots=plots,
        dash=DASH,
    )


def _opening(page: Page, verdicts: Verdicts, tried: dict | None, aim: dict) -> dict:
    """What the page begins with: sentences, and (class, number, what it is) of each main number."""
    shown: list[tuple[str, str, str]] = []
    if not tried:
        said = [page.say("lead"), page.say("not_tried")]
    elif not tried["advised_beads"]:
        said = [page.say("lead"), page.say("none_advised", bad_beads=tried["bad_beads"])]
    else:
        counts = {name: tried[name] for name in ("bad_beads", "advised_beads")}
        of_100 = {name: f"{100 * tried[name]:.0f}" for name in ("advised", "as_run")}
        said = [page.say("lead"), page.say("lead_tried", **of_100), page.say("tried", **counts)]
        verdict = verdicts.promise(tried["expected"], tried["advised"], tried["advised_beads"])
        for name in ("as_run", "random", "advised", "expected"):
            label = page.say("facts", name, verdict=verdict)
            shown.append((name, percent(tried[name]), label))
    own, base = aim["log_loss_after"], aim["log_loss_base_rate"]
    if own is None:
        return {"texts": said, "facts": shown}
    verdict = verdicts.against_base(own, base)
    key = "poor" if own >= base else "fair"
    said.append(page.say("single", key, verdict=verdict, own=f"{own:.2f}", base=f"{base:.2f}"))
    return {"texts": said, "facts": shown}


def _worth(page: Page, verdicts: Verdicts, tried: dict | None) -> dict | None:
    """Sentences and table of what advice is worth; None where it is not known."""
    if not tried or not tried["advised_beads"]:
        return None
    interval, alone = tried["difference"], tried["without_encoders"]
    said = [page.say("worth_text")]
    if interval["low"] is not None:
        ends = {name: f"{100 * interval[name]:.0f}" for name in ("mean", "low", "high")}
        said.append(page.say("difference", verdict=verdicts.difference(interval), **ends))
    if alone:
        verdict = verdicts.encoders(tried["advised"], alone["advised"])
        share = f"{100 * alone['advised']:.0f}"
        said.append(page.say("alone", beads=alone["beads"], advised=share, verdict=verdict))
    if tried["no_change_found"]:
        said.append(page.say("no_change_found", count=tried["no_change_found"]))
    note = page.say("worth_note", close=f"{100 * CLOSE:.0f}", few=FEW)
    return {"texts": said, "table": verdicts.success(tried), "note": note}


def empty(reason: str, language: Language, card: Card) -> str:
    """The page of a table that no advice can be given for."""
    reason = in_language(reason, card, language)
    heading = page_words()["title"][language]
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head><meta charset="utf-8">'
        f"<title>{heading}</title></head>\n<body><h1>{heading}</h1><p>{escape(reason)}</p></body>\n"
        "</html>\n"
    )


def unbroken(text: str) -> str:
    """A text in which no line ends between a number and its unit, nor at an arrow."""
    return re.sub(
        r"(?<=\d) (?=%|°|[A-Za-z]+/|mm\b|V\b|A\b|J\b|\w+²)| (?=→)|(?<=→) ", "\u00a0", text
    )


def drawn(file: Path, language: Language) -> Markup:
    """A figure's file as a part of the page."""
    return drawing(file.read_text(encoding="utf-8"), language)
