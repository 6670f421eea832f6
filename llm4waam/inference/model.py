"""The final model of a task, read back from its folder: sentences in, calibrated answers out."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerBase

from llm4waam.core.errors import StudyError
from llm4waam.decisions.decisions import Decision
from llm4waam.decisions.target_scale import Scaler
from llm4waam.encoders.load import load_tokenizer, load_trunk
from llm4waam.encoders.model import Reader
from llm4waam.encoders.number_embedding import FieldScale, NumberChannel
from llm4waam.encoders.quantiles import WORDS, Quantiles
from llm4waam.encoders.tokens import Prompt, read_prompts
from llm4waam.splits.tasks import Task
from llm4waam.training.data import Reading
from llm4waam.training.graphs import Graph
from llm4waam.training.losses import Objective, make_objective
from llm4waam.training.passes import Passes
from llm4waam.training.recipe import Recipe


@dataclass(frozen=True)
class FinalModel:
    """What `llm4waam.training.save` wrote; `readers` are averaged.

    Models whose `reads` are equal take the same prompts from the same rows.
    """

    task: Task
    recipe: Recipe
    tokenizer: PreTrainedTokenizerBase
    readers: list[Reader] | list[Graph]
    reading: Reading
    reads: str
    objective: Objective
    scaler: Scaler | None
    decision: Decision | None

    def as_graphs(self, *, eight_bits: bool = False) -> "FinalModel":
        """The same model by ONNX Runtime; none can ask it for gradients any more."""
        graphs = [Graph(reader, eight_bits=eight_bits) for reader in self.readers]
        return replace(self, readers=graphs)

    def prompts(self, rows: list[dict]) -> list[Prompt]:
        """Rows of `llm4waam.sentences.prompts.make_prompts` as the readers take them."""
        room = min(self.recipe.max_tokens, self.tokenizer.model_max_length)
        found = read_prompts(self.tokenizer, rows, self.reading.names, room)
        return [self.reading.of(prompt) for prompt in found]

    def score(self, rows: list[dict]) -> np.ndarray:
        """Scores (beads, outputs) of the beads of `rows`, in the order of their first row.

        Rows of other tasks are passed over; a bead's prompts are averaged first, as in training.
        Probabilities are those of the decision's temperature; a regression is in physical units.
        """
        return self.begin(rows, self.prompts(rows))()

    def begin(self, rows: list[dict], prompts: list[Prompt]) -> Callable[[], np.ndarray]:
        """Begin `score`; what is returned waits for it. `prompts` are those of all `rows`."""
        asked = [n for n, row in enumerate(rows) if row["task"] in (None, self.task.name)]
        beads = list(dict.fromkeys(rows[n]["bead"] for n in asked))
        if not self.recipe.average:
            first = {rows[n]["bead"]: n for n in reversed(asked)}
            asked = [first[bead] for bead in beads]
        place = {bead: number for number, bead in enumerate(beads)}
        of = torch.tensor([place[rows[n]["bead"]] for n in asked])
        told = [prompts[n] for n in asked]
        passes = [Passes(reader, told, self.recipe) for reader in self.readers]

        def scores() -> np.ndarray:
            found = np.mean([self._scores(one.logits(), of) for one in passes], axis=0)
            return self.decision.apply(found) if self.decision else found

        return scores

    def _scores(self, logits: torch.Tensor, of: torch.Tensor) -> np.ndarray:
        """Of one reader; prompt i is one of bead `of[i]`."""
        counts = torch.bincount(of).unsqueeze(1)
        mean = torch.zeros(len(counts), logits.shape[1], dtype=torch.double)
        mean.index_add_(0, of, logits.double())
        found = self.objective.scores(mean[:, : self.objective.logits] / counts).numpy()
        return self.scaler.restore(found) if self.scaler else found


def load_final(folder: Path, task: Task) -> FinalModel:
    """Read the folder of a task's final model.

    Raises StudyError where there is none, or one whose head is a classical model.
    """
    try:
        recipe = Recipe(**_json(folder / "recipe.json"))
        told = _json(folder / "reading.json")
    except FileNotFoundError as error:
        reason, expected = "there is no final model", "the outcome of dvc repro"
        raise StudyError(error.filename, reason, expected=expected) from None
    if recipe.head != "neural":
        reason = "train.head: the final model is a classical one on a frozen encoder"
        raise StudyError(folder / "recipe.json", reason, value=recipe.head, expected="neural")
    tokenizer = load_tokenizer(str(folder))
    scaler = Scaler(**_json(folder / "scaler.json")) if told["plain"] else None
    decision = None if scaler else Decision.from_json(task, _json(folder / "decision.json"))
    # The sets of a powerset make it again; all other objectives need no targets to score.
    sets = torch.tensor(told["sets"] or [[0.0] * len(task.outputs)])
    objective = make_objective(task.kind, recipe.loss, sets)
    folders = sorted(folder.glob("seed-*"), key=lambda path: int(path.name.split("-")[1]))
    readers = [_reader(one, recipe, plain=told["plain"]) for one in folders]
    reads = [told["fields"], told["scales"], told["quantiles"], recipe.quantiles, recipe.max_tokens]
    reads = json.dumps(reads) + (folder / "tokenizer.json").read_text(encoding="utf-8")
    return FinalModel(
        task, recipe, tokenizer, readers, _reading(told, recipe, tokenizer), reads, objective,
        scaler, decision,
    )  # fmt: skip


def _reader(folder: Path, recipe: Recipe, *, plain: bool) -> Reader:
    head = load_file(folder / "head.safetensors")
    encoder = load_trunk(str(folder), None, False, recipe.seed)
    outputs = head["output.weight"].shape[0]
    reader = Reader(encoder, None, recipe.pooling, outputs, plain=plain)
    if recipe.numbers:
        fields, width = head["channel.linear.weight"].shape
        reader.channel = NumberChannel(fields - 1, width, 0.0)
    missing = reader.load_state_dict(head, strict=False).missing_keys
    if any(not name.startswith("encoder.") for name in missing):
        raise StudyError(folder / "head.safetensors", "weights are missing", value=missing[-1])
    return reader.eval()


def _reading(told: dict, recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> Reading:
    scales = {name: FieldScale(**scale) for name, scale in told["scales"].items()}
    if not recipe.quantiles:
        return Reading(told["fields"], scales, None)
    place = {name: number for number, name in enumerate(told["fields"], start=1)}
    edges = {place[name]: np.array(known) for name, known in told["quantiles"].items()}
    words = [
        tokenizer(f" {word}", add_special_tokens=False)["input_ids"]
        for word in WORDS[recipe.quantiles]
    ]
    return Reading(told["fields"], scales, Quantiles(edges, words))


def _json(file: Path) -> dict:
    return json.loads(file.read_text(encoding="utf-8"))
