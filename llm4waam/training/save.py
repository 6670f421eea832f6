"""The final model of a task as a folder that any later consumer can load."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from transformers import PreTrainedTokenizerBase

from llm4waam.card.card import Card
from llm4waam.core.errors import StudyError
from llm4waam.core.escapes import in_markdown
from llm4waam.core.files import move_folder, write_json, write_text
from llm4waam.core.manifest import write_manifest
from llm4waam.decisions.confidence import CALIBRATION, Calibration
from llm4waam.encoders.model import without_additions
from llm4waam.training.data import TaskData
from llm4waam.training.export import FILE, export
from llm4waam.training.fit import FittedFold, TrainedModel


@dataclass(frozen=True)
class ModelFolder:
    """Where the final model goes, and what it needs beside its weights.

    `mark` says what the model is made from, see `llm4waam.core.made_from`.
    """

    folder: Path
    tokenizer: PreTrainedTokenizerBase
    card: Card
    data: TaskData
    mark: Mapping

    def save(self, fitted: FittedFold) -> None:
        """Write weights, tokenizer, scaler, decision, recipe and card: all of them or nothing.

        Raises StudyError where the disk takes no more.
        """
        beside = self.folder.with_name(f".{self.folder.name}.part")
        shutil.rmtree(beside, ignore_errors=True)
        try:
            self._write(beside, fitted)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(beside, ignore_errors=True)
            reason = f"the model cannot be written ({str(error).splitlines()[0]})"
            raise StudyError(self.folder, reason, expected="room on the disk") from None
        move_folder(beside, self.folder)

    def _write(self, beside: Path, fitted: FittedFold) -> None:
        for number, trained in enumerate(fitted.models, start=1):
            self._save_model(beside / f"seed-{number}", trained)
        self.tokenizer.save_pretrained(beside)
        scorer = fitted.models[0].scorer
        sets, scale = scorer.objective.sets, scorer.target_scale
        recipe, tokens = self.data.recipe, self.tokenizer
        beside_the_weights = {
            "max_tokens": self.data.max_tokens,
            "pad_id": fitted.models[0].model.encoder.config.pad_token_id,
            "mask_id": None if recipe.digits else tokens.mask_token_id,
            "average": recipe.average,
            "link": scorer.objective.link,
            "target_scale": scale.to_json() if scale else None,
            "decision": fitted.decision.to_json() if fitted.decision else None,
            "sets": None if sets is None else sets.tolist(),
            "fields": scorer.numbers.fields,
            "scales": {name: one.model_dump() for name, one in scorer.numbers.scales.items()},
        }
        write_json(beside / "fitted.json", beside_the_weights)
        write_json(beside / "recipe.json", recipe.model_dump())
        write_text(beside / "README.md", self._model_card())

    def finish(self, calibration: Calibration, place: Path) -> None:
        """Put the folder in its place, with what the out-of-fold predictions say of its doubt.

        The manifest comes last: a folder without it is not finished.
        """
        write_json(self.folder / CALIBRATION, calibration.to_json())
        write_manifest(self.folder, self.data.source.encoder, self.data.task.name, self.mark)
        move_folder(self.folder, place)

    def _save_model(self, folder: Path, trained: TrainedModel) -> None:
        encoder = without_additions(trained.model.encoder)
        encoder.save_pretrained(folder)
        rest = trained.model.state_dict()
        head = {n: t.cpu().clone() for n, t in rest.items() if not n.startswith("encoder.")}
        if trained.classical:
            head = {
                "states": torch.tensor(trained.classical.states),
                "values": torch.tensor(trained.classical.values),
            } | {n: t for n, t in head.items() if n.startswith("number_embedding.")}
        else:
            export(trained.model, folder / FILE)
        save_file(head, folder / "head.safetensors")

    def _model_card(self) -> str:
        task, encoder = self.data.task, self.data.source.encoder
        title, licence = in_markdown(self.card.title), in_markdown(self.card.licence)
        question, outputs = in_markdown(task.question), in_markdown(", ".join(task.outputs))
        data = "simulated" if self.card.simulated else "measured"
        unit = f" ({task.unit})" if task.unit else ""
        return f"""# {encoder} for {task.name}

Fine-tuned from `{self.data.source.checkpoint}` on the training beads of "{title}"
({data} data; licence: {licence}).

It answers "{question}" with {outputs}{unit}.
Each `seed-N` holds a stock encoder and, in `head.safetensors`, its head, number embedding and
linear skip (or the states that a classical model is fitted on), and all of these as one graph,
`model.onnx`; scores are means over the seeds. `fitted.json` holds what else a prediction needs: how
prompts are read, the scales of numbers and target, temperature and thresholds, the label sets of a
powerset. `calibration.json` says how sure it is, by what a bead lacks. The recipe is in
`recipe.json`. `manifest.json` says what all of this was made from, with the size and hash of every
file. Its scores on beads it never saw are in `metrics/{encoder}/{task.name}.json` of the same
commit. It knows the wires, ranges and sentences of its training table and nothing beyond them.
"""
