"""All final models of one encoder, asked together: from clean beads to answers with their doubt."""

import logging
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
from llm4waam.core.files import MADE, read_table
from llm4waam.core.made_from import KEY, TABLE, differences, joined, made_from, of_model
from llm4waam.decisions.decisions import decisions_of
from llm4waam.inference.applicability import ApplicabilityDomain
from llm4waam.inference.model import FinalModel, load_final
from llm4waam.sentences.prompts import TextStyle, constant_fields, make_prompts
from llm4waam.splits.folds import beads_of
from llm4waam.splits.tasks import Task, make_task

MODELS, PREDICTIONS = Path("data/models"), Path("data/predictions")
BEADS, FOLDS = Path("data/clean/beads.csv"), Path("data/split/folds.csv")
Chances = TypeVar("Chances", float, np.ndarray, pd.Series)
PART = 128  # beads that are asked for at a time
NAMED = 5  # beads that a warning names


def read_rows(file: Path, role: str) -> pd.DataFrame:
    """The rows of one role of a predictions file.

    Raises StudyError where it is not there, is cut, or holds a score that is not finite.
    """
    rows = read_table(file, ("role", "bead", "label", "target", "score"))
    rows = rows[rows["role"] == role]
    numbers = rows[["target", "score"]].apply(pd.to_numeric, errors="coerce")
    bad = ~np.isfinite(numbers.to_numpy(float)).all(axis=1)
    if bad.any():
        row, reason = int(rows.index[bad][0]) + 1, "target or score is no finite number"
        raise StudyError(file, reason, row=row, expected=MADE)
    return rows


def out_of_fold(model: str, source: str, task: Task, training: Iterable[str]) -> pd.DataFrame:
    """The out-of-fold rows of a model and task in the predictions of `source`.

    Training beads that have none are counted in a warning. Raises StudyError where there is no row,
    and where they are of other labels or cut.
    """
    file = PREDICTIONS / source / f"{task.name}.csv"
    rows = read_rows(file, "oof")
    rows = rows[rows["model"] == model]
    counts = rows.groupby("bead")["label"].nunique()
    if rows.empty or set(rows["label"]) != set(task.outputs) or (counts < len(task.outputs)).any():
        reason = f"is not what {model} predicted of the task {task.name}, or is cut"
        raise StudyError(file, reason, expected=f"{', '.join(task.outputs)} of every bead, {MADE}")
    if lacking := set(training) - set(rows["bead"]):
        reason = "%s: %d training beads have no out-of-fold prediction of %s: how sure it is, is "
        logging.warning(reason + "known from %d others", file, len(lacking), model, len(counts))
    return rows


def indispensable(card: Card, task: str) -> list[str]:
    """The fields without which a regression is not answered, whatever a model says.

    Those that the card requires and that the closed formula of the task needs: without a length
    there is no energy.
    """
    formula = card.tasks[task].formulas.get("pre_weld")
    needed = card.inputs(formula) if formula else set()
    return [name for name in card.columns if name in needed and card.columns[name].required]


def columns_of(model: FinalModel, scores: np.ndarray, beads: pd.DataFrame) -> dict[str, object]:
    """What one model says of beads, by column; `scores` are (beads, outputs)."""
    task, sure = model.task, model.calibration
    if task.kind == "regression":
        low, high = sure.interval(scores[:, 0], beads)
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
    """The final models by task, and where the training beads lie.

    `left_out` are the fields that sentences leave out, with the one value that they had in training
    (see `sentences.prompts.constant_fields`): a bead with another one lies outside the domain.
    """

    encoder: str
    card: Card
    style: TextStyle
    models: Mapping[str, FinalModel]
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
            begun, _ = self._begin(beads.iloc[start : start + PART], tasks)
            if waiting:
                parts.append({name: scores() for name, scores in waiting.items()})
            waiting = begun
        parts.append({name: scores() for name, scores in waiting.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in tasks}

    def _begin(
        self, beads: pd.DataFrame, tasks: list[str]
    ) -> tuple[dict[str, Callable[[], np.ndarray]], list[str]]:
        """Task -> what waits for its scores; and the beads whose sentences are too long."""
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
        read = prompts.values()
        cut = {rows[n]["bead"] for some in read for n in np.flatnonzero(some.tokens.cut)}
        return begun, beads["bead"][names.isin(cut)].tolist()

    def probabilities(self, beads: pd.DataFrame, task: str) -> np.ndarray:
        """Calibrated probabilities (beads, outputs) of one classification."""
        return self.calibrated(task, self.raw_scores(beads, [task])[task])

    def calibrated(self, task: str, scores: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of a classification, of the shape of its raw `scores`."""
        return self.models[task].calibration.probabilities(scores)

    def answers(self, beads: pd.DataFrame) -> pd.DataFrame:
        """One row a bead: every answer with its doubt, and whether the bead lies outside.

        Columns: bead; of a task of labels its name, the labels joined by " or ", and TASK_p_LABEL
        of each; of a binary task its name, the class, and TASK_p_LABEL of the label it asks for; of
        a regression its target, `_low` and `_high` (90 %) in the card's unit, and `_formula`, what
        the card's closed formula says from set-points; `models_disagree`, true where the binary
        task expects a normal bead and the labels name a defect, or neither; `missing`, the fields
        of which nothing is known, and for which probabilities and intervals are those of beads that
        lack them too; `outside`, true where the training beads are not near; `trained_on`,
        simulated or measured beads. A regression is NaN where the bead lacks a field that is
        `indispensable`.
        """
        [answers] = self.answers_of_each([beads])
        return answers

    def answers_to(self, beads: pd.DataFrame, task: str) -> pd.DataFrame:
        """The columns of `answers` that one task has, a row a bead; no other model is asked."""
        scores = self.raw_scores(beads, [task])[task]
        return pd.DataFrame(self._columns(task, scores, beads))

    def _columns(self, task: str, scores: np.ndarray, beads: pd.DataFrame) -> dict[str, object]:
        columns = columns_of(self.models[task], scores, beads)
        if self.tasks[task].kind != "regression":
            return columns
        known = beads[indispensable(self.card, task)].notna().all(axis=1).to_numpy()
        return {name: np.where(known, values, np.nan) for name, values in columns.items()}

    def answers_of_each(self, tables: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """`answers` of one table after the other; the models read one while the next is written.

        Beads are named of whose sentences the models do not read the end.
        """
        waiting = None
        for beads in tables:
            begun, cut = self._begin(beads, list(self.models))
            if cut:
                room = min(model.fitted.max_tokens for model in self.models.values())
                reason = "%d of %d beads have more to say than the %d tokens that are read: "
                named = ", ".join(cut[:NAMED]) + ", ..." * (len(cut) > NAMED)
                what = "the end of their sentences, such as the note, is cut: " + named
                logging.warning(reason + "%s", len(cut), len(beads), room, what)
            if waiting:
                yield self._answers(*waiting)
            waiting = beads, begun
        if waiting:
            yield self._answers(*waiting)

    def _answers(
        self, beads: pd.DataFrame, begun: Mapping[str, Callable[[], np.ndarray]]
    ) -> pd.DataFrame:
        table = pd.DataFrame({"bead": beads["bead"].to_numpy()})
        for name in self.models:
            columns = self._columns(name, begun[name](), beads)
            table = pd.concat([table, pd.DataFrame(columns)], axis=1)
        for target, values in by_formula(self.card, self.tasks, beads).items():
            table[f"{target}_formula"] = values
        binary, labelled = self.aim, self.task_of("multi_label")
        if binary and labelled:
            table["models_disagree"] = [
                disagree(self.thinks_normal(decided), labels.split(named), self.normal)
                for decided, named in zip(table[binary], table[labelled], strict=True)
            ]
        lacks = beads[list(self.domain.names)].isna()
        names = lacks.columns.to_numpy()
        table["missing"] = [", ".join(names[row]) for row in lacks.to_numpy()]
        table["outside"] = ~self.domain.inside(beads)
        table["trained_on"] = "simulated beads" if self.card.simulated else "measured beads"
        return table


def clean_beads(card: Card, role: str) -> pd.DataFrame:
    """The rows of the clean table of a role: "train", which the final models learned, or "test".

    Raises StudyError where the table or its folds are not there or cut.
    """
    folds = read_table(FOLDS, ("bead", "role", "repeat", "fold"))
    return beads_of(role, card.read_beads(BEADS), folds)


def load_predictor(encoder: str, tasks: list[str], style: TextStyle, card_file: Path) -> Predictor:
    """What `dvc repro` left of one encoder; raises StudyError where something is not there.

    Models that are not of the present table, card, folds and parameters are named in a warning.
    """
    card = read_card(card_file)
    training = clean_beads(card, "train")
    for name in card.clean_columns:
        if name not in training:
            raise StudyError(BEADS, "has no such column of the card", column=name, expected=MADE)
    models = {}
    for name in tasks:
        task = make_task(card, name, card_file)
        models[name] = load_final(MODELS / encoder / name, encoder, task)
    _warn_of_other_making(encoder, models)
    domain = ApplicabilityDomain.fit(card, training, style.information)
    left_out = constant_fields(training, card, style)
    return Predictor(encoder, card, style, models, domain, left_out)


def _warn_of_other_making(encoder: str, models: Mapping[str, FinalModel]) -> None:
    """Log what the models were made from, where that is not what stands here now."""
    marks = {model.folder: {KEY: model.manifest.made_from} for model in models.values()}
    try:
        together = {KEY: joined(marks)}
    except StudyError as error:
        logging.warning("the final models were made from different things: %s", error)
        return
    sections = dict.fromkeys(part for name in models for part in of_model(encoder, name))
    now = made_from(sections)
    differs = differences(together, now)
    if differs is None:
        then = together[KEY]
        differs = {
            name: (then.get(name), now[name]) for name in TABLE if then.get(name) != now[name]
        }
        made = "were made from another table or card than the present one"
    else:
        made = "were made with other folds or parameters than the present ones"
    if differs:
        reason = "the models in %s %s (%s): what they say is of those; dvc repro makes them anew"
        named = ", ".join(f"{name} {was} -> {now}" for name, (was, now) in differs.items())
        logging.warning(reason, MODELS / encoder, made, named)
