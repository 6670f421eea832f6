"""The final model of a task as a folder that any later consumer can load."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import PreTrainedTokenizerBase

from llm4waam.card.card import Card
from llm4waam.core.files import move_folder, write_json, write_text
from llm4waam.encoders.model import without_additions
from llm4waam.training.data import Material
from llm4waam.training.fit import Fitted, Member


@dataclass(frozen=True)
class ModelFolder:
    """Where the final model goes, and what it needs beside its weights."""

    folder: Path
    tokenizer: PreTrainedTokenizerBase
    card: Card
    material: Material

    def save(self, fitted: Fitted) -> None:
        """Write weights, tokenizer, scaler, decision, recipe and card; whole or not at all."""
        beside = self.folder.with_name(f".{self.folder.name}.part")
        shutil.rmtree(beside, ignore_errors=True)
        for number, member in enumerate(fitted.members, start=1):
            self._save_member(beside / f"seed-{number}", member)
        self.tokenizer.save_pretrained(beside)
        judge = fitted.members[0].judge
        if judge.scaler:
            write_json(beside / "scaler.json", judge.scaler.to_json())
        else:
            write_json(beside / "decision.json", fitted.decision.to_json())
        sets = judge.objective.sets
        edges = judge.reading.quantiles.edges if judge.reading.quantiles else {}
        reading = {
            "plain": judge.scaler is not None,
            "sets": None if sets is None else sets.tolist(),
            "fields": judge.reading.names,
            "scales": {name: scale.model_dump() for name, scale in judge.reading.scales.items()},
            "quantiles": {judge.reading.names[f - 1]: e.tolist() for f, e in edges.items()},
        }
        write_json(beside / "reading.json", reading)
        write_json(beside / "recipe.json", self.material.recipe.model_dump())
        write_text(beside / "README.md", self._model_card())
        move_folder(beside, self.folder)

    def _save_member(self, folder: Path, member: Member) -> None:
        encoder = without_additions(member.reader.encoder)
        encoder.save_pretrained(folder)
        rest = member.reader.state_dict()
        head = {n: t.cpu().clone() for n, t in rest.items() if not n.startswith("encoder.")}
        if member.classical:
            head = {
                "states": torch.tensor(member.classical.states),
                "values": torch.tensor(member.classical.values),
            } | {n: t for n, t in head.items() if n.startswith("channel.")}
        save_file(head, folder / "head.safetensors")

    def _model_card(self) -> str:
        task, encoder = self.material.task, self.material.source.encoder
        data = "simulated" if self.card.simulated else "measured"
        unit = f" ({task.unit})" if task.unit else ""
        return f"""# {encoder} for {task.name}

Fine-tuned from `{self.material.source.checkpoint}` on the training beads of "{self.card.title}"
({data} data; licence: {self.card.licence}).

It answers "{task.question}" with {", ".join(task.outputs)}{unit}.
Each `seed-N` holds a stock encoder and, in `head.safetensors`, its number channel and head (or
the states that a classical model is fitted on); scores are means over the seeds. `reading.json`
says how numbers become z-scores, and which label sets a powerset chooses from. The recipe is in
`recipe.json`, the target's scale in `scaler.json` (regression), the thresholds in `decision.json`
(classification). Its scores on beads it never saw are in `metrics/{encoder}/{task.name}.json` of
the same commit. It knows the wires, ranges and sentences of its training table and nothing beyond
them.
"""
