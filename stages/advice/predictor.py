"""All final models of one encoder, asked together: from clean beads to answers with their doubt."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from stages.advice.columns import by_formula, columns_of, disagree, probability_column
from stages.advice.confidence import Confidence, fit_confidence, read_rows
from stages.advice.novelty import Novelty
from stages.beads import labels
from stages.beads.card import Card, read_card
from stages.beads.files import read_table
from stages.beads.text import TextStyle, make_prompts
from stages.learning.final import FinalModel, load_final
from stages.learning.tasks import Task, make_task

MODELS, PREDICTIONS = Path("data/models"), Path("data/predictions")
BEADS, FOLDS = Path("data/clean/beads.csv"), Path("data/split/folds.csv")


@dataclass(frozen=True)
class Predictor:
    """The final models by task, what is known of their doubt, and where the training beads lie."""

    encoder: str
    card: Card
    style: TextStyle
    models: Mapping[str, FinalModel]
    confidences: Mapping[str, Confidence]
    novelty: Novelty

    @property
    def tasks(self) -> dict[str, Task]:
        """The tasks by name, in the order of params.yaml."""
        return {name: model.task for name, model in self.models.items()}

    @property
    def normal(self) -> str:
        """The label that says that nothing is wrong: the one that the binary task asks for."""
        return self.tasks[self.task_of("binary")].outputs[0]

    def task_of(self, kind: str) -> str | None:
        """The name of the first task of a kind, None where there is none."""
        return next((name for name, task in self.tasks.items() if task.kind == kind), None)

    def as_graphs(self, *, eight_bits: bool = False) -> "Predictor":
        """The same predictor by ONNX Runtime: seconds to start, then faster."""
        models = {name: one.as_graphs(eight_bits=eight_bits) for name, one in self.models.items()}
        return replace(self, models=models)

    def raw_scores(self, beads: pd.DataFrame, tasks: list[str]) -> dict[str, np.ndarray]:
        """Task -> scores (beads, outputs) as the model gives them; beads as the clean table's.

        Rows of one name are beads of their own: a user's table may hold a record twice.
        """
        return {name: scores() for name, scores in self._begin(beads, tasks).items()}

    def _begin(self, beads: pd.DataFrame, tasks: list[str]) -> dict[str, Callable[[], np.ndarray]]:
        again = beads.groupby("bead").cumcount()
        names = beads["bead"].where(again == 0, beads["bead"] + " again " + again.astype(str))
        rows = list(make_prompts(beads.assign(bead=names), self.card, self.style, tasks))
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
        binary, labelled = self.task_of("binary"), self.task_of("multi_label")
        if binary and labelled:
            chances = table[probability_column(binary, self.normal)]
            told = zip(chances, table[labelled].map(labels.split), strict=True)
            table["models_disagree"] = [disagree(*one, self.normal) for one in told]
        table["outside"] = ~self.novelty.inside(beads)
        table["trained_on"] = "simulated beads" if self.card.simulated else "measured beads"
        return table


def beads_of(role: str) -> pd.DataFrame:
    """The rows of the clean table of a role: "train", which the final models learned, or "test"."""
    beads, folds = read_table(BEADS), read_table(FOLDS)
    return beads[beads["bead"].isin(folds.loc[folds["role"] == role, "bead"])]


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
    novelty = Novelty.fit(card, beads_of("train"), style.information)
    return Predictor(encoder, card, style, models, confidences, novelty)
