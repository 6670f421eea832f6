"""The final model of a task as a folder that any later consumer can load."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from stages.beads.card import Card
from stages.beads.files import move_folder, write_json, write_text
from stages.learning.fitting import Fitted
from stages.learning.material import Material


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
        fitted.model.save_pretrained(beside)
        self.tokenizer.save_pretrained(beside)
        if fitted.scaler:
            write_json(beside / "scaler.json", fitted.scaler.to_json())
        else:
            write_json(beside / "decision.json", fitted.decision.to_json())
        write_json(beside / "recipe.json", self.material.recipe.model_dump())
        write_text(beside / "README.md", self._model_card())
        move_folder(beside, self.folder)

    def _model_card(self) -> str:
        task, encoder = self.material.task, self.material.source.encoder
        data = "simulated" if self.card.simulated else "measured"
        unit = f" ({task.unit})" if task.unit else ""
        return f"""# {encoder} for {task.name}

Fine-tuned from `{self.material.source.checkpoint}` on the training beads of "{self.card.title}"
({data} data; licence: {self.card.licence}).

It answers "{task.question}" with {", ".join(task.outputs)}{unit}.
The recipe is in `recipe.json`, the target's scale in `scaler.json` (regression), the thresholds in
`decision.json` (classification). Its scores on beads it never saw are in
`metrics/{encoder}/{task.name}.json` of the same commit. It knows the wires, ranges
and sentences of its training table and nothing beyond them.
"""
