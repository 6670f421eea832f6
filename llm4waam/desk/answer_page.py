"""The answer on one bead as a part of a page, growing: the expectation first, the map last."""

import json
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import pandas as pd
from jinja2 import Environment
from markupsafe import Markup

from llm4waam.advice.counterfactual import ProcessMap
from llm4waam.advice.figures import contribution_figure, process_map_figure
from llm4waam.advice.findings import Findings, good_beads
from llm4waam.advice.narration import Writer, tell
from llm4waam.advice.settings import Language
from llm4waam.advice.wording import called, column_called, titled, words
from llm4waam.card import labels
from llm4waam.core.escapes import visible
from llm4waam.core.files import rounded
from llm4waam.desk.answers import (
    Desk,
    explanation_of,
    map_of,
    prediction_of,
    recommendation_of,
)
from llm4waam.desk.schema import Reading
from llm4waam.desk.wording import said
from llm4waam.plotting.pages import drawing, templates
from llm4waam.plotting.style import svg_of

TEMPLATE = "answer.html.j2"
PARTS = ("prediction", "reasons", "advice", "map")  # in the order in which they are made
# Matplotlib lays out one text at a time: what two threads draw at once may mix.
_DRAWING = threading.Lock()


def answer_page(desk: Desk, row: pd.Series, language: Language, upto: str = "map") -> str:
    """The HTML of an answer, as far as the part `upto` of PARTS; texts of a user are escaped."""
    *_, page = answer_pages(desk, row, language, (upto,))
    return page


def answer_pages(
    desk: Desk, row: pd.Series, language: Language, parts: Sequence[str] = PARTS
) -> Iterator[str]:
    """The HTML of an answer as it grows, as far as each of `parts`; a figure is drawn once."""
    reasons = None
    for upto in parts:
        done = PARTS[: PARTS.index(upto) + 1]
        findings, _ = desk.look(row)
        if "reasons" in done:
            findings = desk.explain(row)
            reasons = reasons or _reasons_drawing(desk, findings, language)
        if "advice" in done:
            findings = desk.advise(row)
        process = desk.process_map(row) if "map" in done else None
        drawn = _map_drawing(desk, findings, process, language) if process else None
        yield _page(desk, row, language, done, findings, reasons, drawn)


def _page(
    desk: Desk,
    row: pd.Series,
    language: Language,
    done: tuple[str, ...],
    findings: Findings,
    reasons: Markup | None,
    drawn: Markup | None,
) -> str:
    writer, told = Writer(desk.card, language), tell(findings, desk.card, language)
    facts = facts_of(desk, row, language, done)
    prediction = facts["prediction"]
    return _environment().get_template(TEMPLATE).render(
        language=language,
        say=lambda key, **values: said(key, language, **values),
        told=told,
        done=done,
        kind="simulated" if desk.card.simulated else "measured",
        title=desk.card.title,
        prediction=prediction,
        outcomes=[_outcome(writer, one) for one in prediction["outcomes"]],
        quantities=[_quantity(writer, one) for one in prediction["quantities"]],
        read_as=[_read_as(writer, one) for one in prediction["read_as"]],
        chances=_chances(writer, findings) if "advice" in done else [],
        options=_options(writer, findings) if "advice" in done else [],
        reasons=reasons,
        map=drawn,
        facts=json.dumps(rounded(facts), ensure_ascii=False),
    )  # fmt: skip


def facts_of(desk: Desk, row: pd.Series, language: Language, done: tuple[str, ...]) -> dict:
    """The answer for a program, as far as it is made; `rounded`, it is what the tools give."""
    facts = {"prediction": prediction_of(desk, row, language)}
    if "reasons" in done:
        facts["explanation"] = explanation_of(desk, row, language)
    if "advice" in done:
        facts["advice"] = recommendation_of(desk, row, language)
    if "map" in done and desk.process_map(row) is not None:
        facts["process_map"] = map_of(desk, row, language)
    return facts


def problems_page(lines: list[str], language: Language) -> str:
    """What stands in the place of an answer where there is none, one line each."""
    return _lines([(said("no_answer", language), lines)], role="alert")


def lines_page(lines: list[str]) -> str:
    """Some lines that were said."""
    return _lines([("", lines)])


def read_page(reading: Reading, language: Language) -> str:
    """What was understood of a log, and what was not."""
    count = len(reading["bead"])
    read = said("read", language, count=count) if count else said("read_nothing", language)
    parts = [("", [read])]
    parts += [(said(key, language), lines) for key, lines in
              (("not_understood", reading["not_understood"]), ("log_doubts", reading["doubts"]))
              if lines]  # fmt: skip
    return _lines(parts)


def _lines(parts: list[tuple[str, list[str]]], role: str = "status") -> str:
    shown = [(heading, [visible(line) for line in lines]) for heading, lines in parts]
    return _environment().get_template("lines.html.j2").render(parts=shown, role=role)


def _outcome(writer: Writer, outcome: Mapping) -> dict:
    """A classification as rows of (label, share, probability)."""
    shares = outcome["probabilities"]
    if len(shares) == 1 and (other := _other_class(writer, outcome)):
        [(label, p)] = shares.items()
        shares = {label: p, other: 1 - p}
    decided = labels.split(outcome["answer"])
    return {
        "task": titled(outcome["task"], writer.language),
        "answer": writer.join([_label(writer, one) for one in decided]),
        "rows": [
            {"label": _label(writer, n), "width": f"{100 * p:.1f}", "p": writer.share(p)}
            for n, p in shares.items()
        ],
    }


def _other_class(writer: Writer, outcome: Mapping) -> str | None:
    """What a binary task says where it does not say what it asks for."""
    task = writer.card.tasks[outcome["task"]]
    return task.classes[0] if task.kind == "binary" else None


def _label(writer: Writer, label: str) -> str:
    for kind in ("labels", "values"):
        if found := called(writer.card, kind, label, writer.language):
            return found
    return titled(label, writer.language) if writer.language == "ko" else label


def _quantity(writer: Writer, quantity: Mapping) -> dict:
    name = quantity["column"]
    ends = {"value": ("value",), "interval": ("low", "high"), "formula": ("formula",)}
    numbers = {key: [quantity[end] for end in ends[key]] for key in ends}
    found = {
        key: "" if None in values else writer.value(name, *values)
        for key, values in numbers.items()
    }
    [task] = [task for task, one in writer.card.tasks.items() if one.columns == [name]][:1]
    return {"target": titled(task, writer.language), **found}


def _read_as(writer: Writer, value: Mapping) -> tuple[str, str]:
    name = value["column"]
    return column_called(writer.card, name, writer.language), writer.value(name, value["value"])


def _chances(writer: Writer, findings: Findings) -> list[tuple[str, str]]:
    """(what, number): the chance now, after the change, and what came of such advice."""
    if findings.reason or not findings.advice.changes:
        return []
    found = [
        (said("chance_before", writer.language), writer.share(findings.advice.chance)),
        (said("chance_after", writer.language), writer.share(findings.advice.changes[0].chance)),
    ]
    if findings.record:
        beads, share = findings.record
        tried = said("chance_tried", writer.language, beads=beads)
        found.append((tried, writer.share(share)))
    return found


def _options(writer: Writer, findings: Findings) -> list[tuple[str, str, str]]:
    if findings.reason:
        return []
    return [
        (
            words()["kinds"][change.kind][writer.language],
            writer.moves_in_short(change.moves),
            writer.share(change.chance),
        )
        for change in findings.advice.changes
    ]


def _reasons_drawing(desk: Desk, findings: Findings, language: Language) -> Markup | None:
    if findings.attribution is None or not math.isfinite(findings.attribution.output):
        return None
    with _DRAWING:
        good = Writer(desk.card, "en").good(findings)
        figure = contribution_figure(findings.attribution, findings.bead, desk.card, good)
        svg = svg_of(figure, "desk-reasons", simulated=desk.card.simulated)
    return drawing(svg, language)


def _map_drawing(desk: Desk, findings: Findings, process: ProcessMap, language: Language) -> Markup:
    predictor = desk.predictor
    with _DRAWING:
        figure = process_map_figure(
            process, findings, predictor.domain.training, good_beads(predictor), desk.card
        )
        svg = svg_of(figure, "desk-map", simulated=desk.card.simulated)
    return drawing(svg, language)


@cache  # else each answer would compile the templates anew
def _environment() -> Environment:
    return templates(Path(__file__).parent)
