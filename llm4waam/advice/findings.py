"""Everything that is known of one bead before a sentence is written about it."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from llm4waam.advice.counterfactual import Adviser, Counterfactual, carried_out
from llm4waam.advice.rules import BrokenRule, Rules
from llm4waam.advice.shapley import Attribution, Output, explain, fields_of, model_output
from llm4waam.card import labels
from llm4waam.card.card import Card
from llm4waam.inference.applicability import Reason
from llm4waam.inference.predictor import Predictor, by_formula, disagree, probability_column

EXACT = 6  # all coalitions of ten fields would take an encoder a minute a bead
NEEDED = ("material", "labels", "travel_speed_mm_s", "wire_feed_speed_m_min")


def unsuited(card: Card, tasks: list[str]) -> str | None:
    """Why there is no advice for the beads of a card, None where there is.

    It needs set-points with a `step`, the columns of NEEDED, and a binary and a multi-label task
    among `tasks`: whether a bead is normal, and what else it is.
    """
    missing = [name for name in NEEDED if name not in card.clean_columns]
    if missing:
        return f"the card has no column {missing[0]}"
    for kind in ("binary", "multi_label"):
        if kind not in {card.tasks[name].kind for name in tasks}:
            return f"no task of params.yaml is {kind}"
    if not any(column.step for column in card.columns.values()):
        return "no set-point of the card has a step in which it could be turned"
    return None


@dataclass(frozen=True)
class Findings:
    """What models, formulas and rules say of one bead.

    `answer` is its row of `Predictor.answers`. The binary task: `chance` is P(Normal), which
    should reach `bar`, and `thinks_normal` whether the decided class is the normal one. The
    multi-label task: `named` are the decided labels, of which `normal` says that nothing is wrong.
    `rules` are the rules of thumb that the bead breaks. After the advised change, `after` are the
    closed formulas' values by target, `rules_after` the broken rules and `named_after` the labels.
    `missing` are the fields without a value, `outside` why the bead is outside the applicability
    domain.
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
    missing: list[str] = field(default_factory=list)
    outside: list[Reason] = field(default_factory=list)

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
        return disagree(self.thinks_normal, self.named, self.normal)

    @property
    def reason(self) -> str:
        """The advice's reason; "doubtful" where the bar is met, but the models disagree."""
        met = self.advice.reason == "normal"
        return "doubtful" if met and self.models_disagree else self.advice.reason


@dataclass(frozen=True)
class Examiner:
    """Gathers findings: the predictor, the adviser, the rules, and the beads to compare with.

    `background` are the training beads that stand in for absent fields.
    """

    predictor: Predictor
    adviser: Adviser
    rules: Rules
    background: pd.DataFrame
    seed: int

    def examine(self, bead: pd.Series) -> Findings:
        """All findings on one bead, a row of the clean table (outcomes are not looked at)."""
        predictor, rows = self.predictor, bead.to_frame().T.infer_objects()
        answer = predictor.answers(rows).iloc[0]
        quality = predictor.task_of("binary")
        chance = float(answer[probability_column(quality, predictor.normal)])
        advice = self.adviser.advise(bead, chance)
        after, rules_after, named_after = {}, [], []
        if advice.moves:
            moved = carried_out(bead, [advice.moves], predictor.card)
            after, rules_after = self._by_formula(moved), self.rules.broken_by(moved.iloc[0])
            if defects := predictor.task_of("multi_label"):
                named_after = self._named(predictor.answers_to(moved, defects).iloc[0])
        notes = predictor.card.named("note")
        return Findings(
            bead=bead,
            answer=answer,
            chance=chance,
            thinks_normal=predictor.thinks_normal(answer[quality]),
            bar=self.adviser.bar,
            named=self._named(answer),
            normal=predictor.normal,
            advice=advice,
            rules=self.rules.broken_by(bead),
            attribution=self.explain(model_output(predictor, quality), bead),
            after=after,
            rules_after=rules_after,
            named_after=named_after,
            missing=[n for n in fields_of(predictor) if pd.isna(bead[n]) and n not in notes],
            outside=predictor.domain.reasons(bead),
        )

    def explain(self, model: Output, bead: pd.Series, again: int = 0) -> Attribution:
        """The fields' contributions to an output; `again` draws other orders and other beads."""
        background, seed = self.background, self.seed + again
        if again:
            training = self.predictor.domain.training
            background = training.sample(len(background), random_state=seed)
        fields = fields_of(self.predictor)
        return explain(model, bead, background, fields, seed, EXACT)

    def _named(self, answer: pd.Series) -> list[str]:
        task = self.predictor.task_of("multi_label")
        return labels.split(answer[task]) if task else []

    def _by_formula(self, moved: pd.DataFrame) -> dict[str, float]:
        found = by_formula(self.predictor.card, self.predictor.tasks, moved)
        return {target: float(one) for target, [one] in found.items() if not np.isnan(one)}


def make_examiner(
    predictor: Predictor, *, background: int, bar: float, margin: float, seed: int
) -> Examiner:
    """An examiner of one encoder's models; `background` training beads are drawn by `seed`."""
    training = predictor.domain.training
    quality = predictor.task_of("binary")

    def chance(beads: pd.DataFrame) -> np.ndarray:
        return predictor.probabilities(beads, quality)[:, 0]

    adviser = Adviser(predictor.card, predictor.domain, chance, bar, margin)
    drawn = training.sample(min(background, len(training)), random_state=seed)
    return Examiner(
        predictor, adviser, Rules.fit(predictor.card, training), drawn.reset_index(drop=True), seed
    )
