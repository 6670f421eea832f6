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
from llm4waam.core.settings import checked
from llm4waam.decisions.decisions import Decision
from llm4waam.decisions.target_scale import TargetScale
from llm4waam.encoders.load import load_tokenizer, load_trunk
from llm4waam.encoders.model import BeadModel
from llm4waam.encoders.number_embedding import FieldScale, NumberEmbedding
from llm4waam.encoders.number_skip import NumberSkip
from llm4waam.encoders.tokens import TokenisedPrompt, tokenise
from llm4waam.splits.tasks import Task
from llm4waam.training.data import NumberScales
from llm4waam.training.graphs import Graph
from llm4waam.training.losses import Objective, make_objective
from llm4waam.training.passes import Passes
from llm4waam.training.recipe import Recipe


@dataclass(frozen=True)
class FinalModel:
    """What `llm4waam.training.save` wrote; `models` are averaged.

    Models whose `reads` are equal take the same prompts from the same rows.
    """

    task: Task
    recipe: Recipe
    tokenizer: PreTrainedTokenizerBase
    models: list[BeadModel] | list[Graph]
    numbers: NumberScales
    reads: str
    objective: Objective
    target_scale: TargetScale | None
    decision: Decision | None

    def as_graphs(self, *, eight_bits: bool = False) -> "FinalModel":
        """The same model by ONNX Runtime; none can ask it for gradients any more."""
        graphs = [Graph(model, eight_bits=eight_bits) for model in self.models]
        return replace(self, models=graphs)

    def prompts(self, rows: list[dict]) -> list[TokenisedPrompt]:
        """Rows of `llm4waam.sentences.prompts.make_prompts` as the readers take them."""
        room = min(self.recipe.max_tokens, self.tokenizer.model_max_length)
        names, digits = self.numbers.fields, self.recipe.digits
        found = tokenise(self.tokenizer, rows, names, room, digits=digits)
        return [self.numbers.apply(prompt) for prompt in found]

    def score(self, rows: list[dict]) -> np.ndarray:
        """Scores (beads, outputs) of the beads of `rows`, in the order of their first row.

        Rows of other tasks are passed over; a bead's prompts are averaged first, as in training.
        Probabilities are those of the decision's temperature; a regression is in physical units.
        """
        return self.begin(rows, self.prompts(rows))()

    def begin(self, rows: list[dict], prompts: list[TokenisedPrompt]) -> Callable[[], np.ndarray]:
        """Begin `score`; what is returned waits for it. `prompts` are those of all `rows`."""
        asked = [n for n, row in enumerate(rows) if row["task"] in (None, self.task.name)]
        beads = list(dict.fromkeys(rows[n]["bead"] for n in asked))
        if not self.recipe.average:
            first = {rows[n]["bead"]: n for n in reversed(asked)}
            asked = [first[bead] for bead in beads]
        place = {bead: number for number, bead in enumerate(beads)}
        of = torch.tensor([place[rows[n]["bead"]] for n in asked])
        told = [prompts[n] for n in asked]
        passes = [Passes(model, told, self.recipe) for model in self.models]

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
        return self.target_scale.restore(found) if self.target_scale else found


def load_final(folder: Path, task: Task) -> FinalModel:
    """Read the folder of a task's final model.

    Raises StudyError where there is none, where its recipe has other words than those of today, or
    where its head is a classical model.
    """
    try:
        saved, fitted = _json(folder / "recipe.json"), _json(folder / "fitted.json")
    except FileNotFoundError as error:
        reason, expected = "there is no final model", "the outcome of dvc repro"
        raise StudyError(error.filename, reason, expected=expected) from None
    recipe = checked(Recipe, saved, folder / "recipe.json")
    if recipe.head != "neural":
        reason = "train.head: the final model is a classical one on a frozen encoder"
        raise StudyError(folder / "recipe.json", reason, value=recipe.head, expected="neural")
    plain = fitted["target_scale"] is not None
    target_scale = TargetScale(**fitted["target_scale"]) if plain else None
    decision = None if plain else Decision.from_json(task, fitted["decision"])
    # The sets of a powerset make it again; all other objectives need no targets to score.
    sets = torch.tensor(fitted["sets"] or [[0.0] * len(task.outputs)])
    objective = make_objective(task.kind, recipe.loss, sets)
    folders = sorted(folder.glob("seed-*"), key=lambda path: int(path.name.split("-")[1]))
    models = [_load_model(one, recipe, plain=plain) for one in folders]
    scales = {name: FieldScale(**scale) for name, scale in fitted["scales"].items()}
    numbers = NumberScales(fitted["fields"], scales)
    reads = json.dumps([fitted["fields"], fitted["scales"], recipe.max_tokens, recipe.digits])
    reads += (folder / "tokenizer.json").read_text(encoding="utf-8")
    return FinalModel(
        task, recipe, load_tokenizer(str(folder)), models, numbers, reads, objective, target_scale,
        decision,
    )  # fmt: skip


def _load_model(folder: Path, recipe: Recipe, *, plain: bool) -> BeadModel:
    head = load_file(folder / "head.safetensors")
    encoder = load_trunk(str(folder), None, False, recipe.seed)
    outputs = head["output.weight"].shape[0]
    model = BeadModel(encoder, None, recipe.pooling, outputs, plain=plain)
    if recipe.embeds_numbers:
        fields, width = head["number_embedding.linear.weight"].shape
        model.number_embedding = NumberEmbedding(fields - 1, width, 0.0)
    if recipe.skips_numbers:
        told = head["number_skip.linear.weight"].shape[1]
        model.number_skip = NumberSkip(told // 2, outputs, recipe.gain)
    missing = model.load_state_dict(head, strict=False).missing_keys
    if any(not name.startswith("encoder.") for name in missing):
        raise StudyError(folder / "head.safetensors", "weights are missing", value=missing[-1])
    return model.eval()


def _json(file: Path) -> dict:
    return json.loads(file.read_text(encoding="utf-8"))
