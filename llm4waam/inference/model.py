"""The final model of a task, read back from its folder: sentences in, calibrated answers out.

It needs ONNX Runtime and `tokenizers`, and neither torch nor transformers.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from pydantic import Field
from tokenizers import Tokenizer

from llm4waam.core.errors import StudyError
from llm4waam.core.manifest import AGAIN, Manifest, check_manifest
from llm4waam.core.settings import Section, checked
from llm4waam.decisions.confidence import CALIBRATION, Calibration
from llm4waam.decisions.decisions import Decision
from llm4waam.decisions.links import LINKS
from llm4waam.decisions.target_scale import TargetScale
from llm4waam.encoders.number_scales import NumberScales, Scales
from llm4waam.encoders.tokens import Prompts, tokenise
from llm4waam.inference.graph import Graph
from llm4waam.splits.tasks import Task

Made = TypeVar("Made")


class Fitted(Section):
    """What stands in fitted.json: all that a prediction needs beside graphs and tokenizer.

    `max_tokens` cut a prompt; `mask_id` stands for the digits of a number (None: they are read);
    with `average` a bead is scored by all of its prompts, else by the first. `link` is one of
    `llm4waam.decisions.links`, `sets` are the label sets of a powerset. A regression has a
    `target_scale`, any other task a `decision`.
    """

    fields: list[str]
    scales: Scales
    max_tokens: int = Field(gt=0)
    pad_id: int
    mask_id: int | None
    average: bool
    link: Literal["sigmoid", "second_class", "marginals", "identity"]
    sets: list[list[float]] | None
    target_scale: dict | None
    decision: dict | None

    @property
    def numbers(self) -> NumberScales:
        """How numbers become z-scores."""
        return NumberScales(self.fields, self.scales)


@dataclass(frozen=True)
class FinalModel:
    """What `llm4waam.training.save` wrote into `folder`; `graphs` are averaged.

    Models whose `reads` are equal take the same prompts from the same rows.
    """

    folder: Path
    manifest: Manifest
    task: Task
    fitted: Fitted
    tokenizer: Tokenizer
    graphs: list[Graph]
    reads: str
    target_scale: TargetScale | None
    decision: Decision | None
    calibration: Calibration

    def prompts(self, rows: list[dict]) -> Prompts:
        """Rows of `llm4waam.sentences.prompts.make_prompts` as the graphs take them."""
        one, numbers = self.fitted, self.fitted.numbers
        found = tokenise(self.tokenizer, rows, one.fields, one.max_tokens, mask_id=one.mask_id)
        return numbers.apply(found)

    def score(self, rows: list[dict]) -> np.ndarray:
        """Scores (beads, outputs) of the beads of `rows`, in the order of their first row.

        Rows of other tasks are passed over; a bead's prompts are averaged first, as in training.
        Probabilities are those of the decision's temperature; a regression is in physical units.
        Raises StudyError where they are not finite, or not those of the task's outputs.
        """
        return self.begin(rows, self.prompts(rows))()

    def begin(self, rows: list[dict], prompts: Prompts) -> Callable[[], np.ndarray]:
        """Begin `score`; what is returned waits for it. `prompts` are those of all `rows`."""
        asked = [n for n, row in enumerate(rows) if row["task"] in (None, self.task.name)]
        beads = list(dict.fromkeys(rows[n]["bead"] for n in asked))
        if not self.fitted.average:
            first = {rows[n]["bead"]: n for n in reversed(asked)}
            asked = [first[bead] for bead in beads]
        place = {bead: number for number, bead in enumerate(beads)}
        of = np.array([place[rows[n]["bead"]] for n in asked], int)
        told = prompts[np.array(asked, int)]
        begun = [graph.begin(told) for graph in self.graphs]

        def scores() -> np.ndarray:
            try:
                each = [self._scores(logits(), of, len(beads)) for logits in begun]
            except Exception as error:  # ONNX Runtime raises no other kind, as for unknown tokens
                reason = f"tokenizer, fitted.json and graph do not fit ({_said(error)})"
                raise StudyError(self.folder, reason, expected=AGAIN) from None
            found = np.mean(each, axis=0)
            if not np.isfinite(found).all():
                reason = (
                    "the answers of this model are not finite: its weights are not, or too large"
                )
                raise StudyError(self.folder, reason, expected=f"{AGAIN}, or a lower learning rate")
            if found.shape[1] != len(self.task.outputs):
                reason = f"the model has {found.shape[1]} answers"
                expected = f"{len(self.task.outputs)}, as the card says, by dvc repro"
                raise StudyError(self.folder, reason, expected=expected)
            return self.decision.apply(found) if self.decision else found

        return scores

    def _scores(self, logits: np.ndarray, of: np.ndarray, beads: int) -> np.ndarray:
        """Of one graph; prompt i is one of bead `of[i]`."""
        mean = np.zeros((beads, logits.shape[1]))
        np.add.at(mean, of, logits)
        mean /= np.bincount(of, minlength=beads)[:, None]
        sets = None if self.fitted.sets is None else np.array(self.fitted.sets)
        found = LINKS[self.fitted.link](mean, sets)
        return self.target_scale.restore(found) if self.target_scale else found


def load_final(folder: Path, encoder: str, task: Task) -> FinalModel:
    """Read the folder of a task's final model, whose every file is as its manifest says.

    Raises StudyError where there is none or a file is not as it was made, where it was saved by a
    commit, or for a card, that says other things of a model than this one, and where its head is a
    classical model, which no graph holds.
    """
    manifest = check_manifest(folder, encoder, task.name)
    fitted = _read(
        folder / "fitted.json", lambda text: checked(Fitted, json.loads(text), Path("fitted.json"))
    )
    decided, scaled = fitted.decision is not None, fitted.target_scale is not None
    if (decided, scaled) != (task.kind != "regression", task.kind == "regression"):
        reason, expected = "the model is of another kind of task", f"{task.kind}, {AGAIN}"
        raise StudyError(folder / "fitted.json", reason, expected=expected)
    names = [name for name in manifest.files if Path(name).name == "model.onnx"]
    if not names:
        reason = "the final model has no graph, as train.head is not neural"
        raise StudyError(folder, reason, expected="train.head: neural, and dvc repro")
    reads = json.dumps(fitted.model_dump(include={"fields", "scales", "max_tokens", "mask_id"}))
    tokens = (folder / "tokenizer.json").read_text(encoding="utf-8")
    return FinalModel(
        folder,
        manifest,
        task,
        fitted,
        _read(folder / "tokenizer.json", Tokenizer.from_buffer),
        [
            _read(folder / name, lambda model: Graph(model, fitted.pad_id))
            for name in sorted(names, key=_seed)
        ],
        reads + tokens,
        _made(folder / "fitted.json", lambda: TargetScale(**fitted.target_scale))
        if scaled
        else None,
        _made(folder / "fitted.json", lambda: Decision.from_json(task, fitted.decision))
        if decided
        else None,
        _read(folder / CALIBRATION, lambda text: Calibration.from_json(json.loads(text.decode()))),
    )


def _read(file: Path, make: Callable[[bytes], Made]) -> Made:
    """What is made of the bytes of a file; raises StudyError, with its name, where nothing is."""
    return _made(file, lambda: make(file.read_bytes()))


def _made(file: Path, make: Callable[[], Made]) -> Made:
    """The same of what was read of the file already."""
    try:
        return make()
    except Exception as error:  # tokenizers and ONNX Runtime raise no other kind
        raise StudyError(file, f"cannot be read ({_said(error)})", expected=AGAIN) from None


def _said(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _seed(graph: str) -> int:
    return int(Path(graph).parent.name.split("-")[1])
