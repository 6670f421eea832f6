"""All tiers of one small encoder, one after the other, and what pretraining leaves of each.

That is a checkpoint as transformers writes it, and the number embedding beside it.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
import transformers
from safetensors.torch import load_model, save_file, save_model
from transformers import set_seed

from llm4waam.card.card import Card
from llm4waam.core.files import fingerprint, move_folder, write_json, write_text
from llm4waam.core.unfinished import Unfinished, code_hash
from llm4waam.decisions.prior_knowledge import FACTS
from llm4waam.encoders.number_embedding import NUMBERS_FILE
from llm4waam.pretraining.batches import HIGHEST_TIER, SentenceSource
from llm4waam.pretraining.corpus import Pretrain, make_corpus, other_laboratories
from llm4waam.pretraining.pretrain import PretrainingModel, pretrain
from llm4waam.pretraining.tokenizer import small_config, train_tokenizer

ROOMS = ("card", "core", "decisions", "encoders", "pretraining", "sentences", "simulator")
TIERS = {
    0: "masked words and values",
    1: "masked words and values, then formulas of the arc and the bead",
    2: "masked words and values, formulas of the arc and the bead, then indices of printability",
}


def write_checkpoint(
    folder: Path,
    encoder: str,
    model: PretrainingModel,
    source: SentenceSource,
    tier: int,
    sentences: int,
) -> None:
    """Write encoder (bf16), tokenizer, number embedding, facts and model card into `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    state = {n: t.detach().cpu().to(torch.bfloat16) for n, t in model.encoder.state_dict().items()}
    model.encoder.save_pretrained(folder, state_dict=state)
    source.tokenizer.save_pretrained(folder)
    save_file(
        {n: t.cpu().clone() for n, t in model.number_embedding.state_dict().items()},
        folder / NUMBERS_FILE,
    )
    facts = {
        "tier": tier,
        "sentences": sentences,
        "fields": source.names,
        "scales": {name: scale.model_dump() for name, scale in source.scales.items()},
    }
    write_json(folder / FACTS, facts)
    config = model.encoder.config
    write_text(
        folder / "README.md",
        f"""# {encoder}-mini, tier {tier}

A {config.model_type} encoder of {config.num_hidden_layers} layers x {config.hidden_size}, in
bfloat16, with its own tokenizer (digits one by one). Trained from random weights on {sentences:,}
sentences of as many simulated beads (none of the study's own laboratories): {TIERS[tier]}. No
label of a defect and no measured outcome was shown.

`{NUMBERS_FILE}` holds the number embedding that was trained with it, `{FACTS}` its fields and
scales. Without the study's code the folder loads as any encoder does: `AutoModel.from_pretrained`.
Licence: that of the study. It knows simulated sentences in English with Korean notes, and no more.
""",
    )


CURVE = ["tier", "epoch", "words", "formulas", "new_words", "new_formulas"]
EXAMINED = 512  # sentences that no epoch learns from


@dataclass(frozen=True)
class Tiers:
    """Where the checkpoints of all tiers go, and the finished tiers of a run that is not done."""

    card: Card
    settings: Pretrain
    folder: Path
    unfinished: Path

    def pretrain(self, encoder: str) -> pd.DataFrame:
        """Write the checkpoint of each tier; returns the losses, one row a tier and epoch."""
        settings, cuda = self.settings, torch.cuda.is_available()
        torch.set_num_threads(settings.threads)
        first = other_laboratories(settings.beads, settings.seed)
        texts = [row["text"] for row in make_corpus(first, self.card, HIGHEST_TIER, settings.seed)]
        tokenizer = train_tokenizer(encoder, texts, settings.vocabulary)
        source = SentenceSource(self.card, tokenizer, settings.beads, settings.seed)
        set_seed(settings.seed)
        shape = {"layers": settings.layers, "width": settings.width, "heads": settings.heads}
        config = small_config(encoder, tokenizer, **shape)
        model = PretrainingModel(config, len(source.names), len(source.formulas))
        model.to("cuda" if cuda else "cpu")
        curve: list[dict] = []
        finished = Unfinished(self.unfinished / encoder, self._mark())
        for tier in range(HIGHEST_TIER + 1):
            weights = finished.folder / f"tier{tier}.safetensors"
            done = finished.load(f"tier{tier}")
            if done and weights.is_file() and done["weights"] == fingerprint(weights):
                load_model(model, weights)
                curve = done["curve"]
                continue
            for row in self._tier(model, source, tier, cuda):
                curve.append({"tier": tier} | {name: round(x, 6) for name, x in row.items()})
                logging.info("%s %s", encoder, curve[-1])
            seen = len(curve) * settings.beads
            beside = self.folder / f".{encoder}-mini-tier{tier}.part"
            write_checkpoint(beside, encoder, model, source, tier, seen)
            move_folder(beside, self.folder / f"{encoder}-mini-tier{tier}")
            weights.parent.mkdir(parents=True, exist_ok=True)
            save_model(model, weights)
            finished.store(f"tier{tier}", {"curve": curve, "weights": fingerprint(weights)})
        return pd.DataFrame(curve, columns=CURVE)

    def _mark(self) -> str:
        """A hash of the settings, the card, the code and the versions of the libraries."""
        versions = [torch.__version__, transformers.__version__]
        facts = [repr(self.settings), repr(self.card), code_hash(ROOMS), versions]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def _tier(
        self, model: PretrainingModel, source: SentenceSource, tier: int, cuda: bool
    ) -> Iterator[dict]:
        settings = self.settings
        # Set 1 is never learned from; the sets of a tier follow those of the tier before.
        before = 1 + sum(settings.epochs[:tier])
        return pretrain(
            model,
            lambda epoch: source.sentences(before + epoch, tier),
            source.sentences(1, tier, EXAMINED),
            source.tokenizer,
            epochs=settings.epochs[tier],
            count=settings.beads,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            formulas=source.known_formulas(tier),
            bf16=cuda,
            seed=settings.seed + tier,
        )
