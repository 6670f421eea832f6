"""Everything that is known of one bead before a sentence is written about it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from llm4waam.advice.counterfactual import Adviser, Counterfactual, carried_out
from llm4waam.advice.ensemble import make_ensemble
from llm4waam.advice.rules import BrokenRule, Rules
from llm4waam.advice.settings import Advice
from llm4waam.advice.shapley import (
    Attribution,
    Output,
    explain,
    fields_of,
    model_output,
    representatives,
)
from llm4waam.baselines.classifiers import CLASSIFIERS
from llm4waam.card import labels
from llm4waam.card.card import Card
from llm4waam.core.errors import StudyError
from llm4waam.core.files import read_json
from llm4waam.core.made_from import STUDY, differences, made_now
from llm4waam.core.settings import PARAMS_FILE
from llm4waam.inference.applicability import Reason
from llm4waam.inference.predictor import (
    PREDICTIONS,
    Predictor,
    by_formula,
    disagree,
    load_predictor,
    probability_column,
    read_rows,
)
from llm4waam.splits.tasks import known_targets

METRICS = Path("metrics/advice.json")  # of the stage `explain`
MADE_FROM = (*STUDY, "advice")  # the sections of params.yaml that decide it


def unsuited(card: Card, tasks: list[str]) -> str | None:
    """Why there is no advice for the beads of a card, None where there is.

    The card must say which class of a binary task is good, and which set-points can be turned.
    """
    if not any(card.good_class(name) for name in tasks):
        return "no binary task of params.yaml has a class that the card calls good (good: CLASS)"
    if not card.turnable():
        return "no set-point of the card has a step in which it could be turned (step: NUMBER)"
    return None


@dataclass(frozen=True)
class Findings:
    """What models, formulas and rules say of one bead.

    `answer` is its row of `Predictor.answers`. The aim, a binary task: `chance` is that of a good
    bead, which should reach `bar`, and `thinks_normal` whether the decided class is the good one;
    NaN and True for models without an aim. The
    multi-label task: `named` are the decided labels, of which `normal` says that nothing is wrong.
    `rules` are the rules of thumb that the bead breaks. After the recommended change, `after` are
    the closed formulas' values by target, `rules_after` the broken rules and `named_after` the
    labels; `record` are (beads, share of Normal runs) of simulated beads advised like this, where
    any were. `missing` are the fields without a value, `outside` why the bead is outside the
    applicability domain. `aim` is the name of the binary task; `compared` is False where it
    alone judges the bead, so that nothing can disagree with it.
    """

    bead: pd.Series
    answer: pd.Series
    chance: float
    thinks_normal: bool
    bar: float
    named: list[str]
    normal: str
    advice: Counterfactual
    rules: list[BrokenRule]
    attribution: Attribution | None = None
    after: dict[str, float] = field(default_factory=dict)
    rules_after: list[BrokenRule] = field(default_factory=list)
    named_after: list[str] = field(default_factory=list)
    record: tuple[int, float] | None = None
    missing: list[str] = field(default_factory=list)
    outside: list[Reason] = field(default_factory=list)
    aim: str = ""
    compared: bool = True

    @property
    def defects(self) -> list[str]:
        """The labels that are named beside the normal one."""
        return [name for name in self.named if name != self.normal]

    @property
    def defects_after(self) -> list[str]:
        """The defects that are named even after the advised change."""
        return [name for name in self.named_after if name != self.normal]

    @property
    def models_disagree(self) -> bool:
        """Whether one model thinks the bead normal and the other names a defect, or neither."""
        return self.compared and disagree(self.thinks_normal, self.named, self.normal)

    @property
    def reason(self) -> str:
        """Why nothing is advised, "" where something is.

        That of `advice`, or "normal" where the bar is met, "doubtful" where it is and yet the
        models disagree.
        """
        if self.advice.reason in ("outside", "aimless") or self.chance < self.bar:
            return self.advice.reason
        return "doubtful" if self.models_disagree else "normal"


@dataclass(frozen=True)
class Examiner:
    """Gathers findings: the predictor, the adviser, the rules, and the beads to compare with.

    `background` are the training beads that stand in for absent fields, `tried` is what advice
    was worth in `trial.try_advice`, where it was tried. Without an `adviser` (see `unsuited`)
    nothing is advised and no reason is given.
    """

    predictor: Predictor
    adviser: Adviser | None
    rules: Rules
    background: pd.DataFrame
    seed: int
    tried: Mapping | None = None

    def examine(self, bead: pd.Series) -> Findings:
        """All findings on one bead, a row of the clean table (outcomes are not looked at)."""
        return self.with_advice(self.with_reasons(self.first_look(bead)))

    def first_look(self, bead: pd.Series) -> Findings:
        """What models, formulas and rules say of the bead as it is: no reasons, no advice yet."""
        predictor, rows = self.predictor, bead.to_frame().T.infer_objects()
        answer = predictor.answers(rows).iloc[0]
        outside = predictor.domain.reasons(bead)
        missing = [name for name in predictor.domain.names if pd.isna(bead[name])]
        if self.adviser is None:
            unadvised = Counterfactual(reason="outside" if outside else "aimless")
            return Findings(
                bead, answer, np.nan, True, np.nan, self._named(answer), "", unadvised, [],
                missing=missing, outside=outside, compared=False,
            )  # fmt: skip
        quality, asked = predictor.aim, predictor.tasks[predictor.aim].outputs[0]
        return Findings(
            bead=bead,
            answer=answer,
            chance=predictor.of_good(float(answer[probability_column(quality, asked)])),
            thinks_normal=predictor.thinks_normal(answer[quality]),
            bar=self.adviser.bar,
            named=self._named(answer),
            normal=predictor.normal,
            advice=Counterfactual(),
            rules=self.rules.broken_by(bead),
            missing=missing,
            outside=outside,
            aim=quality,
            compared=bool(predictor.task_of("multi_label")),
        )

    def with_reasons(self, findings: Findings) -> Findings:
        """The findings with what each field does to the chance of a good bead."""
        if self.adviser is None:
            return findings
        output = model_output(self.predictor, self.predictor.aim)
        return replace(findings, attribution=self.explain(output, findings.bead))

    def with_advice(self, findings: Findings) -> Findings:
        """The findings with what to change, and what models, formulas and rules say of that."""
        if self.adviser is None:
            return findings
        bead = findings.bead
        if findings.chance >= self.adviser.bar and not findings.outside:  # nothing is to be mended
            return replace(findings, advice=Counterfactual(self.adviser.chance(bead)))
        advice = self.adviser.advise(bead)
        if not advice.moves:
            return replace(findings, advice=advice)
        moved = carried_out(bead, advice.moves, self.predictor.card)
        defects = self.predictor.task_of("multi_label")
        return replace(
            findings,
            advice=advice,
            after=self._by_formula(moved),
            rules_after=self.rules.broken_by(moved.iloc[0]),
            named_after=self._named(self.predictor.answers_to(moved, defects).iloc[0])
            if defects
            else [],
            record=track_record(self.tried, advice.changes[0].chance),
        )

    def explain(
        self, model: Output, bead: pd.Series, background: pd.DataFrame | None = None, again: int = 0
    ) -> Attribution:
        """The fields' contributions to an output; `again` draws other orders."""
        background = self.background if background is None else background
        return explain(model, bead, background, fields_of(self.predictor), self.seed + again)

    def _named(self, answer: pd.Series) -> list[str]:
        task = self.predictor.task_of("multi_label")
        return labels.split(answer[task]) if task else []

    def _by_formula(self, moved: pd.DataFrame) -> dict[str, float]:
        found = by_formula(self.predictor.card, self.predictor.tasks, moved)
        return {target: float(one) for target, [one] in found.items() if not np.isnan(one)}


def make_examiner(
    predictor: Predictor,
    settings: Advice,
    card_file: Path,
    trees: int,
    tried: Mapping | None = None,
) -> Examiner:
    """An examiner of one encoder's models, with the ensemble of `settings.members` as adviser.

    `trees` are those of a forest among them. Members that were left out of the study are left out
    here as well, and named. Raises StudyError where there is none, and where a member's models or
    predictions are not there.
    """
    if unsuited(predictor.card, list(predictor.tasks)):
        nothing = pd.DataFrame()
        return Examiner(predictor, None, Rules(predictor.card, nothing), nothing, settings.seed)
    tasks = [name for name in (predictor.aim, predictor.task_of("multi_label")) if name]
    members = _trained(settings.members, predictor.aim)
    classifiers = [name for name in members if name in CLASSIFIERS]
    encoders = {
        name: predictor
        if name == predictor.encoder
        else load_predictor(name, tasks, predictor.style, card_file)
        for name in members
        if name not in classifiers
    }
    ensemble = make_ensemble(predictor, encoders, classifiers, trees, settings.seed)
    card, domain = predictor.card, predictor.domain
    return Examiner(
        predictor,
        Adviser(card, domain, ensemble, settings.bar),
        Rules.fit(card, domain.training[domain.training["bead"].isin(good_beads(predictor))]),
        representatives(domain, settings.background),
        settings.seed,
        tried,
    )


def good_beads(predictor: Predictor) -> set[str]:
    """The names of the training beads whose outcome is good."""
    task, training = predictor.tasks[predictor.aim], predictor.domain.training
    known = known_targets(predictor.card, task, training)
    return {bead for bead, [yes] in known.items() if bool(yes) == predictor.good_is_yes}


def _trained(members: Sequence[str], task: str) -> list[str]:
    """Those of the members that the study has predictions of."""
    known: dict[str, pd.Series] = {}
    found = []
    for name in members:
        source = "baselines" if name in CLASSIFIERS else name
        if source not in known:
            known[source] = read_rows(PREDICTIONS / source / f"{task}.csv", "oof")["model"]
        if (known[source] == name).any():
            found.append(name)
    gone = [name for name in members if name not in found]
    if gone:
        logging.info("left out of the ensemble, as the study left them out: %s", ", ".join(gone))
    if not found:
        expected = "a member that the study has trained"
        raise StudyError(PARAMS_FILE, "no such member", column="advice.members",
                         value=", ".join(members), expected=expected)  # fmt: skip
    return found


def read_tried(file: Path = METRICS) -> Mapping | None:
    """What the stage `explain` found of advice; None where it has not run, or could try none.

    None as well, with a warning, where it was tried with other models: on another table, in other
    folds or by other parameters.
    """
    if not file.is_file():
        return None
    found = read_json(file)
    if found.get("advice") is None:
        return None
    differs = differences(found, made_now())
    if differs is None:
        logging.warning("%s is of another table: what advice is worth is not told", file)
    elif differs:
        names = ", ".join(f"{name} {was} -> {now}" for name, (was, now) in differs.items())
        reason = "was made by other parameters: what advice is worth is not told"
        logging.warning("%s %s (%s)", file, reason, names)
    return None if differs is None or differs else found["advice"]


def track_record(tried: Mapping | None, chance: float) -> tuple[int, float] | None:
    """(beads, share of Normal runs) of the advice tried whose chance was in the band of `chance`.

    `tried` is what `trial.try_advice` returned; None where nothing was tried, or no such bead.
    """
    for name, band in (tried or {}).get("by_chance", {}).items():
        low, high = (float(part) / 100 for part in name.removeprefix("from_").split("_to_"))
        if low <= chance < high or chance == high == 1.0:
            return (band["beads"], band["advised"]) if band["beads"] else None
    return None
