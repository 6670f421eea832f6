"""The hold-out beads of the page of advice: what was found of each, and drawings of some."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from llm4waam.advice.counterfactual import process_map
from llm4waam.advice.figures import contribution_figure, process_map_figure
from llm4waam.advice.findings import Examiner, Findings, good_beads
from llm4waam.advice.writer import Writer
from llm4waam.inference.predictor import Predictor
from llm4waam.plotting.style import save
from llm4waam.splits.tasks import known_targets


@dataclass(frozen=True)
class BeadEntry:
    """One hold-out bead on the page.

    `found` are the labels or the class that the table has, "" where the outcome is not known, and
    `good` whether that is good. A bead with a sheet has its `number`, a drawing of its `reasons`
    inside the applicability domain and, where its set-points are known, a `process_map`, whose
    set-points are `axes`.
    """

    findings: Findings
    found: str
    good: bool | None
    number: int | None = None
    reasons: Path | None = None
    process_map: Path | None = None
    axes: tuple[str, ...] = ()

    @property
    def bead(self) -> str:
        return str(self.findings.bead["bead"])


def make_entries(
    examiner: Examiner, beads: Iterable[pd.Series], shown: Sequence[str], folder: Path
) -> list[BeadEntry]:
    """The entries of `beads`, rows of the clean table, in their order.

    Those named in `shown` get a sheet, numbered in that order; its drawings are written into
    `folder`.
    """
    predictor = examiner.predictor
    good, found = good_beads(predictor), []
    for bead in beads:
        findings = examiner.with_advice(examiner.first_look(bead))
        entry = BeadEntry(findings, *inspected(predictor, bead))
        if entry.bead in shown:
            number = list(shown).index(entry.bead) + 1
            entry = _with_sheet(examiner, entry, good, number, folder)
        found.append(entry)
    return found


def inspected(predictor: Predictor, bead: pd.Series) -> tuple[str, bool | None]:
    """The labels or the class of the aim that the table has, and whether that is good."""
    card, task = predictor.card, predictor.tasks[predictor.aim]
    known = known_targets(card, task, bead.to_frame().T.infer_objects())
    if not known:
        return "", None
    [yes] = next(iter(known.values()))
    [outcome, *_] = card.tasks[predictor.aim].columns
    said = card.columns[outcome].kind in ("labels", "category")
    told = str(bead[outcome]) if said else task.classes[int(yes)]
    return told, bool(yes) == predictor.good_is_yes


def _with_sheet(
    examiner: Examiner, entry: BeadEntry, good: Collection[str], number: int, folder: Path
) -> BeadEntry:
    card, training = examiner.predictor.card, examiner.predictor.domain.training
    findings, reasons, map_file = entry.findings, None, None
    if not findings.outside:
        findings = examiner.with_reasons(findings)
        reasons = folder / f"bead_{number}_reasons.svg"
        called = Writer(card, "en").good(findings)
        figure = contribution_figure(findings.attribution, findings.bead, card, called)
        save(reasons, figure, simulated=card.simulated)
    process = process_map(examiner.adviser, findings.bead)
    if process is not None:
        map_file = folder / f"bead_{number}_process_map.svg"
        figure = process_map_figure(process, findings, training, good, card)
        save(map_file, figure, simulated=card.simulated)
    axes = process.axes if process is not None else ()
    return replace(
        entry, findings=findings, number=number, reasons=reasons, process_map=map_file, axes=axes
    )


def spread_over(examiner: Examiner, beads: pd.DataFrame, count: int) -> pd.DataFrame:
    """`count` of the beads, evenly from the least to the greatest probability of a normal one."""
    predictor = examiner.predictor
    chances = predictor.chance_of_good(predictor.probabilities(beads, predictor.aim))
    order = np.argsort(chances, kind="stable")
    places = np.linspace(0, len(beads) - 1, min(count, len(beads))).round().astype(int)
    return beads.iloc[order[np.unique(places)]]
