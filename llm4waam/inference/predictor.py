"""All final models of one encoder, asked together: from clean beads to answers with their doubt.

How sure a model is comes from its out-of-fold predictions. The final model learned from all
training beads, the out-of-fold models each from most of them: what they missed by is what it will
miss by, or a little more.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from llm4waam.card import labels
from llm4waam.card.card import Card, read_card
from llm4waam.card.formulas import evaluate
from llm4waam.core.errors import StudyError
from llm4waam.core.files import read_table
from llm4waam.decisions.decisions import decisions_of, fit_temperature, tempered
from llm4waam.inference.applicability import ApplicabilityDomain
from llm4waam.inference.model import FinalModel, load_final
from llm4waam.sentences.prompts import TextStyle, constant_fields, make_prompts
from llm4waam.splits.folds import beads_of
from llm4waam.splits.tasks import Task, make_task

MODELS, PREDICTIONS = Path("data/models"), Path("data/predictions")
BEADS, FOLDS = Path("data/clean/beads.csv"), Path("data/split/folds.csv")
COVERAGE = 0.9  # of an interval
Chances = TypeVar("Chances", float, np.ndarray, pd.Series)
PART = 128  # beads that are asked for at a time


@dataclass(frozen=True)
class Confidence:
    """Of one task: a `temperature` (classification) or a half-width of its 90 % interval.

    The half-width is a factor's logarithm if `log`, else in the unit of the task.
    """

    temperature: float = 1.0
    one_of_many: bool = False
    half_width: float = math.nan
    log: bool = False

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, of the shape of `scores`; 0.5 stays 0.5."""
        return tempered(scores, self.temperature, one_of_many=self.one_of_many)

    def interval(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The ends of the 90 % intervals, of the shape of `values`, in the unit of the task."""
        if self.log:
            factor = math.exp(self.half_width)
            return values / factor, values * factor
        return values - self.half_width, values + self.half_width


def fit_confidence(task: Task, rows: pd.DataFrame, *, tempered_already: bool) -> Confidence:
    """From the out-of-fold rows of one model (the columns of a predictions file).

    The half-width is the ceil(0.9 (n + 1))-th smallest of the n absolute residuals, as in split
    conformal prediction (Vovk et al. 2005; Lei et al. 2018); that the residuals are those of the
    folds' models makes it a jackknife without its plus, so its coverage is measured and not
    promised. NaN where n is too small. Scores that inner folds have tempered stay as they are.
    """
    beads = rows.groupby(["bead", "label"], sort=False)[["target", "score"]].mean()
    many = task.kind == "multi_class"
    if task.kind != "regression":
        if tempered_already:
            return Confidence(one_of_many=many)
        table = beads.unstack("label")
        scores = table["score"][list(task.outputs)].to_numpy()
        truth = table["target"][list(task.outputs)].to_numpy()
        return Confidence(fit_temperature(scores, truth, one_of_many=many), many)
    log = task.transform == "log" and bool((beads > 0).all(axis=None))
    residuals = (np.log(beads) if log else beads).diff(axis=1)["score"].abs().sort_values()
    rank = math.ceil(COVERAGE * (len(residuals) + 1) - 1e-9)
    width = float(residuals.iloc[rank - 1]) if rank <= len(residuals) else math.nan
    return Confidence(half_width=width, log=log)


def read_rows(file: Path, role: str) -> pd.DataFrame:
    """The rows of one role of a predictions file; raises StudyError where there are none."""
    if not file.is_file():
        raise StudyError(file, "there is no such file", expected="predictions, by dvc repro")
    rows = read_table(file)
    return rows[rows["role"] == role]


def columns_of(model: FinalModel, sure: Confidence, scores: np.ndarray) -> dict[str, object]:
    """What one model says of beads, by column; `scores` are (beads, outputs)."""
    task = model.task
    if task.kind == "regression":
        low, high = sure.interval(scores[:, 0])
        target = task.outputs[0]
        return {target: scores[:, 0], f"{target}_low": low, f"{target}_high": high}
    cuts = np.array(model.decision.thresholds)
    decided = decisions_of(task, scores, cuts)
    chances = zip(task.outputs, sure.probabilities(scores).T, strict=True)
    columns = {probability_column(task.name, output): p for output, p in chances}
    if task.kind == "binary":
        return {task.name: [task.classes[int(one)] for one in decided[:, 0]]} | columns
    names = np.array(task.outputs)
    return {task.name: [labels.JOINER.join(names[row]) for row in decided]} | columns


def probability_column(task: str, output: str) -> str:
    """The column of a label: "defects", "Lack of fusion" -> "defects_p_lack_of_fusion"."""
    return f"{task}_p_" + output.lower().replace(" ", "_")


def by_formula(card: Card, tasks: Mapping[str, Task], beads: pd.DataFrame) -> dict[str, np.ndarray]:
    """Target -> values (beads,) of the card's closed formula from set-points, where it has one."""
    known, found = card.with_formulas(beads), {}
    for name, task in tasks.items():
        formula = card.tasks[name].formulas.get("pre_weld")
        if formula:
            found[task.outputs[0]] = evaluate(formula, known).to_numpy()
    return found


def disagree(thinks_normal: bool, named: Iterable[str], normal: str) -> bool:
    """Whether one model thinks a bead normal and the other names a defect, or neither.

    `thinks_normal` is what the one decided, `named` are the labels that the other decided on, both
    by the thresholds of their models.
    """
    return thinks_normal == any(label != normal for label in named)


@dataclass(frozen=True)
class Predictor:
    """The final models by task, what is known of their doubt, and where the training beads lie.

    `left_out` are the fields that sentences leave out, with the one value that they had in training
    (see `sentences.prompts.constant_fields`): a bead with another one lies outside the domain.
    """

    encoder: str
    card: Card
    style: TextStyle
    models: Mapping[str, FinalModel]
    confidences: Mapping[str, Confidence]
    domain: ApplicabilityDomain
    left_out: Mapping[str, object] = field(default_factory=dict)

    @property
    def tasks(self) -> dict[str, Task]:
        """The tasks by name, in the order of params.yaml."""
        return {name: model.task for name, model in self.models.items()}

    @property
    def aim(self) -> str | None:
        """The first binary task of which the card says which class is good; None: there is none."""
        return next((name for name in self.tasks if self.card.good_class(name)), None)

    @property
    def normal(self) -> str:
        """What a bead is called of which nothing is wrong: the label or the class of the aim."""
        task = self.tasks[self.aim]
        return task.outputs[0] if self.good_is_yes else task.classes[0]

    @property
    def good_is_yes(self) -> bool:
        """Whether the aim is that the binary task says yes."""
        return self.card.good_class(self.aim) == self.tasks[self.aim].classes[1]

    def of_good(self, yes: Chances) -> Chances:
        """The probability of the good class from that of the class that the aim asks for."""
        return yes if self.good_is_yes else 1 - yes

    def chance_of_good(self, probabilities: np.ndarray) -> np.ndarray:
        """Of the aim's probabilities (beads, 1), those of the good class (beads,)."""
        return self.of_good(np.asarray(probabilities)[:, 0])

    def towards_good(self, task: str) -> int:
        """The sign of what adds up to a good bead: -1 where it adds up to the bad class."""
        return -1 if task == self.aim and not self.good_is_yes else 1

    def task_of(self, kind: str) -> str | None:
        """The name of the first task of a kind, None where there is none."""
        return next((name for name, task in self.tasks.items() if task.kind == kind), None)

    def thinks_normal(self, decided: str) -> bool:
        """Whether the class that the aim's model decided on is the good one."""
        return decided == self.card.good_class(self.aim)

    def raw_scores(self, beads: pd.DataFrame, tasks: list[str]) -> dict[str, np.ndarray]:
        """Task -> scores (beads, outputs) as the model gives them; beads as the clean table's.

        Rows of one name are beads of their own: a user's table may hold a record twice. The models
        read PART beads while the sentences of the next are made.
        """
        parts, waiting = [], None
        if beads.empty:
            return {name: np.empty((0, len(self.tasks[name].outputs))) for name in tasks}
        for start in range(0, len(beads), PART):
            begun = self._begin(beads.iloc[start : start + PART], tasks)
            if waiting:
                parts.append({name: scores() for name, scores in waiting.items()})
            waiting = begun
        parts.append({name: scores() for name, scores in waiting.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in tasks}

    def _begin(self, beads: pd.DataFrame, tasks: list[str]) -> dict[str, Callable[[], np.ndarray]]:
        again = beads.groupby("bead").cumcount()
        names = beads["bead"].where(again == 0, beads["bead"] + " again " + again.astype(str))
        named = beads.assign(bead=names)
        rows = list(make_prompts(named, self.card, self.style, tasks, self.left_out))
        begun, prompts = {}, {}
        for name in tasks:
            model = self.models[name]
            if model.reads not in prompts:
                prompts[model.reads] = model.prompts(rows)
            begun[name] = model.begin(rows, prompts[model.reads])
        return begun

    def probabilities(self, beads: pd.DataFrame, task: str) -> np.ndarray:
        """Calibrated probabilities (beads, outputs) of one classification."""
        return self.confidences[task].probabilities(self.raw_scores(beads, [task])[task])

    def answers(self, beads: pd.DataFrame) -> pd.DataFrame:
        """One row a bead: every answer with its doubt, and whether the bead lies outside.

        Columns: bead; of a task of labels its name, the labels joined by " or ", and TASK_p_LABEL
        of each; of a binary task its name, the class, and TASK_p_LABEL of the label it asks for; of
        a regression its target, `_low` and `_high` (90 %) in the card's unit, and `_formula`, what
        the card's closed formula says from set-points; `models_disagree`, true where the binary
        task expects a normal bead and the labels name a defect, or neither; `outside`, true where
        the training beads are not near; `trained_on`, simulated or measured beads.
        """
        [answers] = self.answers_of_each([beads])
        return answers

    def answers_to(self, beads: pd.DataFrame, task: str) -> pd.DataFrame:
        """The columns of `answers` that one task has, a row a bead; no other model is asked."""
        scores = self.raw_scores(beads, [task])[task]
        return pd.DataFrame(columns_of(self.models[task], self.confidences[task], scores))

    def answers_of_each(self, tables: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """`answers` of one table after the other; the models read one while the next is written."""
        waiting = None
        for beads in tables:
            begun = self._begin(beads, list(self.models))
            if waiting:
                yield self._answers(*waiting)
            waiting = beads, begun
        if waiting:
            yield self._answers(*waiting)

    def _answers(
        self, beads: pd.DataFrame, begun: Mapping[str, Callable[[], np.ndarray]]
    ) -> pd.DataFrame:
        table = pd.DataFrame({"bead": beads["bead"].to_numpy()})
        for name, model in self.models.items():
            columns = columns_of(model, self.confidences[name], begun[name]())
            table = pd.concat([table, pd.DataFrame(columns)], axis=1)
        for target, values in by_formula(self.card, self.tasks, beads).items():
            table[f"{target}_formula"] = values
        binary, labelled = self.aim, self.task_of("multi_label")
        if binary and labelled:
            table["models_disagree"] = [
                disagree(self.thinks_normal(decided), labels.split(named), self.normal)
                for decided, named in zip(table[binary], table[labelled], strict=True)
            ]
        table["outside"] = ~self.domain.inside(beads)
        table["trained_on"] = "simulated beads" if self.card.simulated else "measured beads"
        return table


def clean_beads(card: Card, role: str) -> pd.DataFrame:
    """The rows of the clean table of a role: "train", which the final models learned, or "test"."""
    return beads_of(role, card.read_beads(BEADS), read_table(FOLDS))


def load_predictor(encoder: str, tasks: list[str], style: TextStyle, card_file: Path) -> Predictor:
    """What `dvc repro` left of one encoder; raises StudyError where something is not there."""
    card = read_card(card_file)
    models, confidences = {}, {}
    for name in tasks:
        task = make_task(card, name, card_file)
        model = models[name] = load_final(MODELS / encoder / name, task)
        rows = read_rows(PREDICTIONS / encoder / f"{name}.csv", "oof")
        done = model.decision is not None and model.decision.temperature != 1.0
        confidences[name] = fit_confidence(task, rows, tempered_already=done)
    training = clean_beads(card, "train")
    domain = ApplicabilityDomain.fit(card, training, style.information)
    left_out = constant_fields(training, card, style)
    return Predictor(encoder, card, style, models, confidences, domain, left_out)
